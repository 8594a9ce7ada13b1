/* Vocabularies of sub-word tokens, their text by upstream's rule, their words in time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "nets/tokens.h"
#include "tests/support/data.h"
#include "tests/support/token_model.h"
#include "tests/support/weights_file.h"

/* ---- Text ---------------------------------------------------------------------------------- */

enum { BLANK, UNK, HELLO, WORLD, DON, T, APOSTROPHE, MARK, SPACE, EOS, TOKENS };
static const char *const texts[TOKENS] = {"<blank>",   "<unk>", "\u2581HELLO", "\u2581WORLD",
                                          "\u2581DON", "T",     "'",           "\u2581",
                                          "<space>",   "<eos>"};
static const struct vis_tokens tokens = {texts, TOKENS, "\u2581"};

static void expect_text(const struct vis_tokens *of, const int *ids, int length, const char *want)
{
    char *text;
    assert_int_equal(vis_tokens_text(&text, of, ids, length, NULL), VISEME_OK);
    assert_string_equal(text, want);
    free(text);
}

#define TEXT(want, ...)                                                                            \
    expect_text(&tokens, (const int[]){__VA_ARGS__},                                               \
                (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)), want)

static void text(void **state)
{
    (void)state;
    static const char *const dashed[3] = {"<blank>", "-A--B-", "<eos>"};
    static const struct vis_tokens other = {dashed, 3, "-"};
    TEXT("HELLO WORLD", HELLO, WORLD, EOS);
    TEXT("HELLO WORLD", HELLO, WORLD, EOS, EOS);
    TEXT("", EOS);
    TEXT("HELLO WORLD ", HELLO, WORLD, MARK, EOS); /* stripped before <eos> goes */
    TEXT("HELLO WORLD", HELLO, WORLD, MARK);
    TEXT("<unk> HELLO", UNK, HELLO, EOS);
    TEXT("HELLO<blank> WORLD", HELLO, BLANK, WORLD);
    TEXT("DON'T", DON, APOSTROPHE, T, EOS);
    TEXT("HELLO T", SPACE, HELLO, SPACE, T);
    TEXT("T", MARK, MARK, T, MARK);
    expect_text(&tokens, NULL, 0, "");
    expect_text(&other, (const int[1]){1}, 1, "A  B");
}

/* Examples that upstream's code gave for its 5049 tokens. */
static void upstream_examples(void **state)
{
    (void)state;
    static const char list[] = "../shared/goldens/syncvsr_lrs/units.txt";
    static const char examples[] = "../shared/goldens/syncvsr_lrs/text.json";
    enum { COUNT = 5049 };
    FILE *file = fopen(test_repository(list), "r");
    if (!file) {
        printf("skipped: %s is not there\n", list);
        skip();
    }
    char **units = calloc(COUNT, sizeof *units), line[256];
    units[0] = strdup("<blank>");
    for (int i = 1; i < COUNT - 1; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        *strrchr(line, ' ') = '\0';
        units[i] = strdup(line);
    }
    units[COUNT - 1] = strdup("<eos>");
    fclose(file);
    const struct vis_tokens all = {(const char *const *)units, COUNT, "\u2581"};
    json_t *json = json_load_file(test_repository(examples), 0, NULL), *one, *id;
    assert_non_null(json);
    static const char *const lists[2][3] = {{"decode_examples", "yseq", "text"},
                                            {"encode_examples", "ids", "post_process"}};
    for (int k = 0; k < 2; k++) {
        size_t i, j;
        assert_true(json_array_size(json_object_get(json, lists[k][0])) > 5);
        json_array_foreach(json_object_get(json, lists[k][0]), i, one)
        {
            int ids[64], count = 0;
            json_array_foreach(json_object_get(one, lists[k][1]), j, id)
            {
                if (k == 1 || j > 0) /* without the beginning */
                    ids[count++] = (int)json_integer_value(id);
            }
            expect_text(&all, ids, count, json_string_value(json_object_get(one, lists[k][2])));
        }
    }
    json_decref(json);
    for (int i = 0; i < COUNT; i++)
        free(units[i]);
    free(units);
}

/* ---- Words --------------------------------------------------------------------------------- */

enum { FRAMES = 12 };

/* Frame t says path[t] with probability 0.9, the rest shared. */
static void make_logp(float *logp, const int *path)
{
    for (int t = 0; t < FRAMES; t++)
        for (int c = 0; c < TOKENS; c++)
            logp[t * TOKENS + c] = logf(c == path[t] ? 0.9f : 0.1f / (TOKENS - 1));
}

static void words(void **state)
{
    (void)state;
    static const int path[FRAMES] = {BLANK, HELLO,      HELLO, BLANK, DON,   BLANK,
                                     BLANK, APOSTROPHE, T,     T,     BLANK, BLANK};
    static const int ids[] = {HELLO, BLANK, MARK, DON, APOSTROPHE, T, EOS, EOS};
    static const int plain[] = {HELLO, DON, APOSTROPHE, T};
    float logp[FRAMES * TOKENS];
    struct vis_ctc_words got;
    make_logp(logp, path);
    assert_int_equal(vis_tokens_words(&got, &tokens, plain, 4, logp, FRAMES, NULL), VISEME_OK);
    assert_int_equal(got.count, 2);
    assert_string_equal(got.items[0].text, "HELLO");
    assert_string_equal(got.items[1].text, "DON'T");
    assert_int_equal(got.items[0].first, 1);
    assert_int_equal(got.items[0].last, 2);
    assert_int_equal(got.items[1].first, 4);
    assert_int_equal(got.items[1].last, 9);
    assert_true(fabs(got.items[1].confidence - 0.9) < 1e-5);
    assert_true(fabs(got.confidence - 0.9) < 1e-5);
    vis_ctc_words_free(&got);

    /* A bare mark takes a frame and is no word; blanks and ends take none. */
    assert_int_equal(vis_tokens_words(&got, &tokens, ids, 8, logp, FRAMES, NULL), VISEME_OK);
    assert_int_equal(got.count, 2);
    assert_string_equal(got.items[1].text, "DON'T");
    assert_int_equal(got.items[1].first, 4);
    vis_ctc_words_free(&got);
}

static void no_room(void **state)
{
    (void)state;
    static const int path[FRAMES] = {0};
    static const int twice[] = {HELLO, HELLO, HELLO}, three[] = {HELLO, WORLD, DON};
    float logp[FRAMES * TOKENS];
    struct vis_ctc_words got;
    make_logp(logp, path);
    /* Three of the same need five frames: of four, each word gets its share. */
    assert_int_equal(vis_tokens_words(&got, &tokens, twice, 3, logp, 4, NULL), VISEME_OK);
    assert_int_equal(got.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(got.items[i].confidence == 0);
        assert_true(got.items[i].first <= got.items[i].last && got.items[i].last < 4);
        assert_true(i == 0 || got.items[i].first > got.items[i - 1].last);
    }
    vis_ctc_words_free(&got);
    assert_int_equal(vis_tokens_words(&got, &tokens, three, 3, logp, 2, NULL), VISEME_OK);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.items[2].last, 1);
    vis_ctc_words_free(&got);
    assert_int_equal(vis_tokens_words(&got, &tokens, twice, 0, logp, FRAMES, NULL), VISEME_OK);
    assert_int_equal(got.count, 0);
    assert_true(fabs(got.confidence - 0.9) < 1e-5);
    vis_ctc_words_free(&got);
    assert_int_equal(vis_tokens_words(&got, &tokens, twice, 0, logp, 0, NULL), VISEME_OK);
    assert_int_equal(got.count, 0);
    vis_ctc_words_free(&got);
}

/* ---- Vocabularies -------------------------------------------------------------------------- */

static void expect(const char *vocab, const char *config, const char *says)
{
    struct weights_file *file = weights_file_new("token_list");
    struct vis_tokens got;
    viseme_error err;
    weights_file_add(file, "w", 1, (const int[1]){1}, 1);
    if (vocab)
        weights_file_meta(file, "viseme.vocab", vocab);
    weights_file_meta(file, "viseme.config", config);
    viseme_model *model = token_model_open(weights_file_write(file), VISEME_CPU_AUTO);
    viseme_status status = vis_tokens_open(&got, model, 3, &err);
    if (!says) {
        assert_int_equal(status, VISEME_OK);
        assert_int_equal(got.count, 3);
        assert_string_equal(got.text[1], "a");
    } else {
        assert_int_equal(status, VISEME_ERR_MODEL);
        assert_null(got.text);
        if (!strstr(err.message, says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    }
    viseme_model_close(model);
    weights_file_free(file);
}

static void vocabularies(void **state)
{
    (void)state;
    expect("[\"<blank>\", \"a\", \"<eos>\"]", "{}", NULL);
    expect("[\"<blank>\", \"a\", \"<eos>\"]", "{\"space\": \"_\"}", NULL);
    expect(NULL, "{}", "no vocabulary");
    expect("[\"<blank>\", \"<eos>\"]", "{}", "2 tokens");
    expect("[\"<blank>\", \"a\", \"b\"]", "{}", "from \"<blank>\" to \"b\"");
    expect("[\"a\", \"<blank>\", \"<eos>\"]", "{}", "from \"a\"");
    expect("[\"<blank>\", \"\", \"<eos>\"]", "{}", "token 1");
    expect("[\"<blank>\", \"a\", \"<eos>\"]", "{\"space\": \"\"}", "space");
    expect("[\"<blank>\", \"a\", \"<eos>\"]", "{\"space\": 3}", "space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),    cmocka_unit_test(upstream_examples), cmocka_unit_test(words),
        cmocka_unit_test(no_room), cmocka_unit_test(vocabularies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
