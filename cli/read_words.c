#include "cli/read_words.h"

#include "cli/json_line.h"
#include "io/subtitles.h"

const char *const vis_read_formats[] = {"txt", "json", "srt", "vtt", "ctm", "trn", NULL};

int vis_read_format_is_single(int format)
{
    return format == VIS_READ_SRT || format == VIS_READ_VTT;
}

void vis_read_write(FILE *to, int format, const viseme_reader *reader, const char *input,
                    int every_word)
{
    struct vis_transcript t = {.input = input, .every_word = every_word};
    viseme_reader_stats stats;
    viseme_reader_get_stats(reader, &stats);
    t.duration_s = stats.start_s + stats.duration_s;
    t.words = viseme_reader_words(reader, 0, &t.count);
    if (format == VIS_READ_SRT)
        vis_write_srt(to, &t);
    else if (format == VIS_READ_VTT)
        vis_write_vtt(to, &t);
    else if (format == VIS_READ_CTM)
        vis_write_ctm(to, &t);
    else
        vis_write_trn(to, &t);
}

void vis_read_write_clean(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, to);
}

void vis_read_write_table(FILE *to, const viseme_reader *reader, const char *name)
{
    size_t count;
    const viseme_word *words = viseme_reader_words(reader, 0, &count);
    for (size_t i = 0; i < count; i++) {
        if (name) {
            vis_read_write_clean(to, name);
            fputc('\t', to);
        }
        fprintf(to, "%.3f\t%.3f\t%.3f\t", words[i].start_s, words[i].end_s, words[i].confidence);
        vis_read_write_clean(to, words[i].text);
        fputc('\n', to);
    }
}

json_t *vis_read_json_words(const viseme_reader *reader, size_t i)
{
    size_t count;
    const viseme_word *words = viseme_reader_words(reader, i, &count);
    json_t *list = json_array();
    for (size_t k = 0; list && k < count; k++) {
        json_t *word =
            json_pack("{s:o, s:o, s:o, s:o}", "text", vis_json_text(words[k].text), "start_s",
                      vis_json_real(words[k].start_s), "end_s", vis_json_real(words[k].end_s),
                      "confidence", vis_json_real(words[k].confidence));
        if (json_array_append_new(list, word) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
