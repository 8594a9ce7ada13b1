/* Language models, grammars and words through the public reader: what is read from crops, and
 * which options are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/data.h"
#include "viseme.h"

enum { WIDTH = 128, HEIGHT = 64, CROPS = 50 };

static const char lm[] = "\\data\\\nngram 1=3\n\\1-grams:\n-0.3\t<unk>\n-1\t<sp>\n-0.7\t</s>\n"
                         "\\end\\\n";
static const char grammar[] = "$s = set (blue | red)+ [now]";

static viseme_model *open_model(void)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_repository("weights/lipnet.safetensors"), NULL, &err) !=
        VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

/* Reads CROPS pictures of a dark oval that opens and closes. */
static viseme_reader *read_crops(const viseme_model *model, const viseme_reader_options *options)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    const viseme_image crop = {pixels, WIDTH, HEIGHT, 3 * WIDTH, VISEME_BGR24};
    viseme_reader *reader;
    viseme_error err;
    if (viseme_reader_open(&reader, model, options, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    for (int t = 0; t < CROPS; t++) {
        for (int i = 0; i < WIDTH * HEIGHT * 3; i++) {
            double x = (i / 3 % WIDTH - 64) / 34.0;
            double y = (i / 3.0 / WIDTH - 32) / (7 + 5 * sin(t * 0.7));
            pixels[i] = x * x + y * y < 1 ? 45 : 140;
        }
        assert_int_equal(viseme_reader_push_crop(reader, &crop, NULL), VISEME_OK);
    }
    if (viseme_reader_finish(reader, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return reader;
}

/* The words of a reading are its text, in time, and the flag follows from the confidence. */
static void expect_whole(const viseme_reader *reader)
{
    viseme_reader_stats stats;
    const viseme_hypothesis *h;
    size_t count;
    viseme_reader_get_stats(reader, &stats);
    for (size_t i = 0; (h = viseme_reader_hypothesis(reader, i)); i++) {
        const viseme_word *words = viseme_reader_words(reader, i, &count);
        char text[1024] = "";
        double before = 0;
        assert_non_null(words);
        for (size_t k = 0; k < count; k++) {
            strcat(strcat(text, k > 0 ? " " : ""), words[k].text);
            assert_true(words[k].start_s >= before && words[k].end_s > words[k].start_s);
            assert_true(words[k].confidence > 0 && words[k].confidence <= 1);
            before = words[k].end_s;
        }
        assert_true(before <= CROPS / 25.0 + 1e-9);
        assert_string_equal(text, h->text);
        assert_true(h->confidence > 0 && h->confidence <= 1);
        if (i == 0)
            assert_int_equal(stats.out_of_domain, h->confidence < stats.min_confidence);
        else
            assert_true(h->score <= viseme_reader_hypothesis(reader, i - 1)->score);
    }
    assert_null(viseme_reader_words(reader, 1000, &count));
    assert_int_equal(count, 0);
}

static void reads_words(void **state)
{
    static const struct {
        viseme_reader_options options;
        double least;
    } cases[] = {
        {{.beam = 0}, 0.85},
        {{.beam = 12, .nbest = 12, .min_confidence = 0.01}, 0.01},
        {{.lm_arpa = lm, .lm_bytes = sizeof lm - 1, .nbest = 5, .min_confidence = 1}, 1},
        {{.lm_arpa = lm, .lm_bytes = sizeof lm - 1, .beam = 1, .lm_weight = 2}, 0.85},
        {{.grammar = grammar, .grammar_bytes = sizeof grammar - 1}, 0.85},
    };
    (void)state;
    viseme_model *model = open_model();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        viseme_reader *reader = read_crops(model, &cases[i].options);
        viseme_reader_stats stats;
        viseme_reader_get_stats(reader, &stats);
        assert_true(stats.min_confidence == cases[i].least);
        expect_whole(reader);
        if (cases[i].options.grammar)
            assert_memory_equal(viseme_reader_hypothesis(reader, 0)->text, "SET ", 4);
        viseme_reader_close(reader);
    }
    viseme_model_close(model);
}

static void refuses_options(void **state)
{
    static const viseme_reader_options cases[] = {
        {.beam = -1},
        {.beam = 1001},
        {.nbest = 2},
        {.beam = 2, .nbest = 3},
        {.lm_arpa = lm, .lm_bytes = sizeof lm - 1, .nbest = 65},
        {.lm_arpa = lm, .lm_bytes = sizeof lm - 1, .lm_weight = -1},
        {.lm_arpa = lm, .lm_bytes = sizeof lm - 1, .lm_weight = NAN},
        {.grammar = grammar, .grammar_bytes = sizeof grammar - 1, .beam = 2},
        {.grammar = grammar, .grammar_bytes = sizeof grammar - 1, .nbest = 2},
        {.grammar = grammar, .grammar_bytes = sizeof grammar - 1, .lm_arpa = lm},
        {.grammar = grammar, .grammar_bytes = 4},
        {.min_confidence = -0.1},
        {.min_confidence = 1.1},
        {.min_confidence = NAN},
    };
    (void)state;
    viseme_model *model = open_model();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        viseme_reader *reader = (viseme_reader *)&reader;
        viseme_error err = {0};
        assert_int_equal(viseme_reader_open(&reader, model, &cases[i], &err), VISEME_ERR_ARGUMENT);
        assert_null(reader);
        assert_true(err.message[0] != '\0');
    }
    const viseme_reader_options cut = {.lm_arpa = lm, .lm_bytes = 20};
    viseme_reader *reader;
    assert_int_equal(viseme_reader_open(&reader, model, &cut, NULL), VISEME_ERR_MODEL);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_words),
        cmocka_unit_test(refuses_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
