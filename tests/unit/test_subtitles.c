/* Subtitles and transcripts to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/subtitles.h"

#define COUNT(words) (sizeof(words) / sizeof *(words))

typedef void write_fn(FILE *to, const struct vis_transcript *t);

static void expect(write_fn *write, const viseme_word *words, size_t count, double duration_s,
                   int every_word, const char *want)
{
    const struct vis_transcript t = {.words = words,
                                     .count = count,
                                     .duration_s = duration_s,
                                     .input = "a folder/Clip one(2).x.mp4",
                                     .every_word = every_word};
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    assert_non_null(to);
    write(to, &t);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, want);
    free(text);
}

static const viseme_word sentence[] = {{"PLACE", 0.4, 0.72, 0.9},
                                       {"<B&W>", 0.76, 1, 0.5},
                                       {"-->", 1.7, 1.8, 0.25},
                                       {"a\nb", 3661.0004, 3661.9996, 1}};

static void writes_srt(void **state)
{
    (void)state;
    expect(vis_write_srt, sentence, COUNT(sentence), 4000, 0,
           "1\n00:00:00,400 --> 00:00:01,400\nPLACE <B&W>\n\n"
           "2\n00:00:01,700 --> 00:00:02,700\n->\n\n"
           "3\n01:01:01,000 --> 01:01:02,000\na b\n\n");
    expect(vis_write_srt, NULL, 0, 3, 0, "");
    expect(vis_write_srt, sentence, 2, 3, 1,
           "1\n00:00:00,400 --> 00:00:00,760\nPLACE\n\n"
           "2\n00:00:00,760 --> 00:00:01,760\n<B&W>\n\n");
    /* A cue ends with the video. */
    expect(vis_write_srt, sentence, 1, 1.25, 0, "1\n00:00:00,400 --> 00:00:01,250\nPLACE\n\n");
}

static void writes_vtt(void **state)
{
    (void)state;
    expect(vis_write_vtt, sentence, COUNT(sentence), 4000, 0,
           "WEBVTT\n\n00:00:00.400 --> 00:00:01.400\nPLACE &lt;B&amp;W&gt;\n\n"
           "00:00:01.700 --> 00:00:02.700\n--&gt;\n\n"
           "01:01:01.000 --> 01:01:02.000\na b\n\n");
    expect(vis_write_vtt, NULL, 0, 3, 0, "WEBVTT\n\n");
}

static void writes_ctm_and_trn(void **state)
{
    (void)state;
    expect(vis_write_ctm, sentence, COUNT(sentence), 4000, 0,
           "Clip_one_2_.x 1 0.400 0.320 PLACE 0.900\n"
           "Clip_one_2_.x 1 0.760 0.240 <B&W> 0.500\n"
           "Clip_one_2_.x 1 1.700 0.100 --> 0.250\n"
           "Clip_one_2_.x 1 3661.000 0.999 a_b 1.000\n");
    expect(vis_write_trn, sentence, COUNT(sentence), 4000, 0,
           "PLACE <B&W> --> a_b (Clip_one_2_.x)\n");
    expect(vis_write_ctm, NULL, 0, 3, 0, "");
    expect(vis_write_trn, NULL, 0, 3, 0, "(Clip_one_2_.x)\n");
}

static void names_inputs(void **state)
{
    static const char *const cases[][2] = {
        {"clip.mpg", "clip"},          {"/a.b/c", "c"},
        {".hidden", ".hidden"},        {"a/.x.png", ".x"},
        {"frames/*.png", "*"},         {"l\xC3\xA4.mp4", "l\xC3\xA4"},
        {";;x y\t{z}.m", "__x_y__z_"}, {"dir/", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;
        size_t bytes;
        FILE *to = open_memstream(&text, &bytes);
        assert_non_null(to);
        vis_write_id(to, cases[i][0]);
        assert_int_equal(fclose(to), 0);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

/* Without pauses: 20 words over 10 seconds are cut at the one gap near the middle. */
static void cuts_long_cues(void **state)
{
    viseme_word words[20];
    (void)state;
    for (int i = 0; i < 20; i++) {
        double start = 0.5 * i;
        words[i] = (viseme_word){"word", start, start + (i == 8 ? 0.3 : 0.45), 1};
    }
    expect(vis_write_srt, words, 20, 10, 0,
           "1\n00:00:00,000 --> 00:00:04,300\nword word word word word word word word\nword\n\n"
           "2\n00:00:04,500 --> 00:00:09,950\nword word word word word word word word\n"
           "word word word\n\n");
    /* Three lines' worth of letters in five seconds are too much for one cue. */
    for (int i = 0; i < 10; i++)
        words[i] = (viseme_word){"abcdefghijkl", 0.5 * i, 0.5 * i + 0.5, 1};
    expect(vis_write_srt, words, 10, 5, 0,
           "1\n00:00:00,000 --> 00:00:02,500\nabcdefghijkl abcdefghijkl abcdefghijkl\n"
           "abcdefghijkl abcdefghijkl\n\n"
           "2\n00:00:02,500 --> 00:00:05,000\nabcdefghijkl abcdefghijkl abcdefghijkl\n"
           "abcdefghijkl abcdefghijkl\n\n");
    /* One word as long as it likes. */
    words[0] = (viseme_word){"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 0, 9, 1};
    expect(vis_write_srt, words, 1, 9, 0,
           "1\n00:00:00,000 --> 00:00:09,000\n"
           "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_srt),         cmocka_unit_test(writes_vtt),
        cmocka_unit_test(writes_ctm_and_trn), cmocka_unit_test(names_inputs),
        cmocka_unit_test(cuts_long_cues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
