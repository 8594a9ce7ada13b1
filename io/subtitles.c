#include "io/subtitles.h"

#include <math.h>
#include <string.h>

#define PAUSE_S    0.6
#define LONGEST_S  6.0
#define SHORTEST_S 1.0
enum { LINE_BYTES = 42, LINES = 2 };

/* Where cues go, and how: SRT numbers them and writes a comma before the milliseconds. */
struct writer {
    FILE *to;
    const struct vis_transcript *t;
    int is_vtt;
    int number;
};

/* ---- Text and times ---------------------------------------------------------------------- */

static void write_time(FILE *to, double seconds, char point)
{
    long long ms = seconds > 0 ? llround(seconds * 1000) : 0;
    fprintf(to, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
            point, ms % 1000);
}

/* Control characters, line ends among them, become blanks: one would end the cue. */
static void write_cue_text(const struct writer *w, const char *s)
{
    for (; *s; s++) {
        if (w->is_vtt && (*s == '&' || *s == '<' || *s == '>'))
            fputs(*s == '&' ? "&amp;" : *s == '<' ? "&lt;" : "&gt;", w->to);
        else if (!w->is_vtt && strncmp(s, "-->", 3) == 0)
            continue; /* the rest, "->", follows */
        else
            fputc((unsigned char)*s < 0x20 || *s == 0x7F ? ' ' : *s, w->to);
    }
}

/* A word of a line of blank-separated fields: nothing that would cut it in two. */
static void write_field(FILE *to, const char *s)
{
    for (; *s; s++)
        fputc((unsigned char)*s <= 0x20 || *s == 0x7F ? '_' : *s, to);
}

void vis_write_id(FILE *to, const char *input)
{
    const char *slash = strrchr(input, '/'), *s = slash ? slash + 1 : input;
    const char *dot = strrchr(s, '.'), *stop = dot && dot > s ? dot : s + strlen(s);
    for (; s < stop; s++)
        fputc((unsigned char)*s <= 0x20 || *s == 0x7F || strchr("();{}", *s) ? '_' : *s, to);
}

/* ---- Cues -------------------------------------------------------------------------------- */

/* Whether word i, the line before it being `column` bytes long, begins a line. Moves *column. */
static int wraps(const viseme_word *words, size_t i, size_t first, size_t *column)
{
    size_t bytes = strlen(words[i].text);
    int begins = i == first || *column + 1 + bytes > LINE_BYTES;
    *column = begins ? bytes : *column + 1 + bytes;
    return begins;
}

/* Lines that words first .. end - 1 take. */
static int count_lines(const viseme_word *words, size_t first, size_t end)
{
    size_t column = 0;
    int lines = 0;
    for (size_t i = first; i < end; i++)
        lines += wraps(words, i, first, &column);
    return lines;
}

/* One cue of words first .. end - 1. */
static void write_cue(struct writer *w, size_t first, size_t end)
{
    const struct vis_transcript *t = w->t;
    double start = t->words[first].start_s, stop = t->words[end - 1].end_s;
    double limit = end < t->count ? t->words[end].start_s : t->duration_s;
    stop = stop < start + SHORTEST_S ? start + SHORTEST_S : stop;
    stop = stop > limit && limit > start ? limit : stop;
    if (!w->is_vtt)
        fprintf(w->to, "%d\n", ++w->number);
    write_time(w->to, start, w->is_vtt ? '.' : ',');
    fputs(" --> ", w->to);
    write_time(w->to, stop, w->is_vtt ? '.' : ',');
    size_t column = 0;
    for (size_t i = first; i < end; i++) {
        fputc(wraps(t->words, i, first, &column) ? '\n' : ' ', w->to);
        write_cue_text(w, t->words[i].text);
    }
    fputs("\n\n", w->to);
}

/* Where to cut words first .. end - 1 in two: at the longest pause of the middle half, of several
 * at the one nearest to the middle. */
static size_t find_cut(const viseme_word *words, size_t first, size_t end)
{
    size_t n = end - first, low = first + (n + 3) / 4, high = end - (n + 3) / 4;
    size_t middle = first + n / 2, best = middle;
    for (size_t i = low; i <= high; i++) {
        double gap = words[i].start_s - words[i - 1].end_s;
        double most = words[best].start_s - words[best - 1].end_s;
        size_t away = i > middle ? i - middle : middle - i;
        size_t least = best > middle ? best - middle : middle - best;
        if (gap > most + 1e-9 || (gap > most - 1e-9 && away < least))
            best = i;
    }
    return best;
}

/* Words first .. end - 1, which have no long pause, as one cue or more. */
static void write_cues(struct writer *w, size_t first, size_t end)
{
    const viseme_word *words = w->t->words;
    double seconds = words[end - 1].end_s - words[first].start_s;
    if (end - first == 1 || (seconds <= LONGEST_S && count_lines(words, first, end) <= LINES)) {
        write_cue(w, first, end);
        return;
    }
    size_t cut = find_cut(words, first, end);
    write_cues(w, first, cut);
    write_cues(w, cut, end);
}

static void write_all_cues(struct writer *w)
{
    const struct vis_transcript *t = w->t;
    for (size_t first = 0, end; first < t->count; first = end) {
        end = first + 1;
        while (!t->every_word && end < t->count &&
               t->words[end].start_s - t->words[end - 1].end_s < PAUSE_S)
            end++;
        write_cues(w, first, end);
    }
}

void vis_write_srt(FILE *to, const struct vis_transcript *t)
{
    struct writer w = {.to = to, .t = t};
    write_all_cues(&w);
}

void vis_write_vtt(FILE *to, const struct vis_transcript *t)
{
    struct writer w = {.to = to, .t = t, .is_vtt = 1};
    fputs("WEBVTT\n\n", to);
    write_all_cues(&w);
}

/* ---- For scoring tools ------------------------------------------------------------------- */

void vis_write_ctm(FILE *to, const struct vis_transcript *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const viseme_word *word = &t->words[i];
        vis_write_id(to, t->input);
        fprintf(to, " 1 %.3f %.3f ", word->start_s, word->end_s - word->start_s);
        write_field(to, word->text);
        fprintf(to, " %.3f\n", word->confidence);
    }
}

void vis_write_trn(FILE *to, const struct vis_transcript *t)
{
    for (size_t i = 0; i < t->count; i++) {
        write_field(to, t->words[i].text);
        fputc(' ', to);
    }
    fputc('(', to);
    vis_write_id(to, t->input);
    fputs(")\n", to);
}
