/* Sentences of clips that are read in several windows: every word once, whole and in its place. CTC
 * alone decides here, so what the windows show is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "tasks/sentences.h"
#include "tests/support/token_model.h"

enum { TOKENS = 41, WIDTH = 64, ROWS = 400, WINDOW = 160, STEP = 80, EDGE = 18 };

static viseme_model *model;

static int open_all(void **state)
{
    (void)state;
    model = token_model_open("token_decoder.safetensors", VISEME_CPU_AUTO);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    viseme_model_close(model);
    return 0;
}

/* A clip: which token each row shows, 0 for none; tokens that begin a word are no multiple of 3. */
struct clip {
    int token[ROWS];
};

/* So sure that no row more is likely to hold a token: sums over all of them count. */
#define SURE 0.9999f

static void show(float *logp, int token)
{
    for (int c = 0; c < TOKENS; c++)
        logp[c] = logf(c == token ? SURE : (1 - SURE) / (TOKENS - 1));
}

/* Window `first`: what the clip shows, but nonsense next to a cut, where a network sees only half
 * of what it needs. */
static void add(struct vis_sentences *s, const struct clip *clip, int first, int rows)
{
    static float logp[ROWS * TOKENS], encoder[ROWS * WIDTH];
    viseme_error err;
    for (int t = 0; t < rows; t++) {
        const int cut = (first > 0 && t < EDGE) || (first + rows < ROWS && t >= rows - EDGE);
        show(logp + t * TOKENS, cut ? (t % 6 == 0 ? 32 : 0) : clip->token[first + t]);
    }
    if (vis_sentences_add(s, encoder, logp, rows, first, &err) != VISEME_OK)
        fail_msg("%s", err.message);
}

static struct vis_sentences *open_sentences(const viseme_reader_options *opts)
{
    struct vis_sentences *s;
    viseme_error err;
    if (vis_sentences_open(&s, opts, model, TOKENS, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return s;
}

/* A word every eight rows; two of them are long, and lie in the middle of overlaps. */
static struct clip make_clip(void)
{
    struct clip clip = {{0}};
    int n = 0;
    for (int t = 4; t < ROWS; t += 8, n++)
        clip.token[t] = 4 + n % 12 * 3;
    for (int t = 112; t < 132; t++) /* the first overlap is 80 to 160 */
        clip.token[t] = 35;
    for (int t = 195; t < 204; t++)
        clip.token[t] = 38;
    return clip;
}

/* The words that a clip shows: runs of a token. */
static int words_of(const struct clip *clip, int first[ROWS], int last[ROWS], int token[ROWS])
{
    int count = 0;
    for (int t = 0; t < ROWS; t++) {
        if (!clip->token[t])
            continue;
        if (t == 0 || clip->token[t - 1] != clip->token[t]) {
            first[count] = t;
            token[count++] = clip->token[t];
        }
        last[count - 1] = t;
    }
    return count;
}

static void every_word_is_read_once(void **state)
{
    const viseme_reader_options opts = {.beam = 4, .nbest = 3, .ctc_weight = 1, .threads = 1};
    const struct clip clip = make_clip();
    struct vis_sentences *s = open_sentences(&opts);
    struct vis_decoded found;
    int first[ROWS], last[ROWS], token[ROWS];
    const int count = words_of(&clip, first, last, token);
    char text[4096] = "";
    (void)state;
    for (int begin = 0; begin + WINDOW <= ROWS; begin += STEP)
        add(s, &clip, begin, WINDOW);
    assert_int_equal(vis_sentences_finish(s, 10, 25, &found, NULL), VISEME_OK);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.word_count[0], count);
    for (int i = 0; i < count; i++) {
        char word[16];
        const viseme_word *w = &found.words[0][i];
        snprintf(word, sizeof word, "W%d", token[i]);
        assert_string_equal(w->text, word);
        assert_true(fabs(w->start_s - (10 + first[i] / 25.0)) < 1e-9);
        assert_true(fabs(w->end_s - (10 + (last[i] + 1) / 25.0)) < 1e-9);
        assert_true(fabs(w->confidence - 0.9999) < 1e-5);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", word);
    }
    assert_string_equal(found.best[0].text, text);
    assert_true(fabs(found.best[0].confidence - 0.9999) < 1e-5);
    for (int i = 1; i < 3; i++) { /* others are worse, and read something else */
        assert_true(found.best[i].score <= found.best[i - 1].score);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(found.best[i].text, found.best[k].text);
    }
    vis_decoded_free(&found);
    vis_sentences_close(s);
}

static void one_window_is_as_it_was_found(void **state)
{
    /* a unit in front of the first word, and silence at the end */
    const viseme_reader_options opts = {.beam = 8, .ctc_weight = 1, .threads = 1};
    struct clip clip = {{0}};
    struct vis_sentences *s = open_sentences(&opts);
    struct vis_decoded found;
    (void)state;
    clip.token[5] = 3;
    clip.token[10] = 4;
    clip.token[12] = 6;
    clip.token[30] = 7;
    add(s, &clip, 0, ROWS);
    assert_int_equal(vis_sentences_finish(s, 0, 25, &found, NULL), VISEME_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.best[0].text, "P3 W4P6 W7");
    assert_int_equal(found.word_count[0], 3);
    assert_true(fabs(found.words[0][1].start_s - 0.4) < 1e-9);
    assert_true(fabs(found.words[0][1].end_s - 13 / 25.0) < 1e-9);
    assert_true(found.best[0].log_probability < 0);
    vis_decoded_free(&found);
    vis_sentences_close(s);
}

static void silence_has_no_words(void **state)
{
    const viseme_reader_options opts = {.beam = 2, .ctc_weight = 1, .threads = 1};
    const struct clip clip = {{0}};
    struct vis_sentences *s = open_sentences(&opts);
    struct vis_decoded found;
    (void)state;
    add(s, &clip, 0, ROWS);
    assert_int_equal(vis_sentences_finish(s, 0, 25, &found, NULL), VISEME_OK);
    assert_string_equal(found.best[0].text, "");
    assert_int_equal(found.word_count[0], 0);
    assert_true(found.best[0].confidence > 0.999);
    vis_decoded_free(&found);
    vis_sentences_close(s);
}

static void refuses_bad_options(void **state)
{
    const viseme_reader_options bad[] = {{.beam = -1},
                                         {.beam = 1001},
                                         {.beam = 3, .nbest = 4},
                                         {.nbest = 41},
                                         {.ctc_weight = 1.5},
                                         {.ctc_weight = -0.5},
                                         {.ctc_weight = (double)NAN},
                                         {.lm_weight = -1},
                                         {.length_bonus = 101},
                                         {.length_bonus = (double)NAN},
                                         {.grammar = "$s = a"},
                                         {.lm_arpa = "\\data\\"}};
    struct vis_sentences *s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vis_sentences_open(&s, &bad[i], model, TOKENS, NULL), VISEME_ERR_ARGUMENT);
        assert_null(s);
    }
    const viseme_reader_options fine = {.beam = 3};
    assert_int_equal(vis_sentences_open(&s, &fine, model, TOKENS - 1, NULL), VISEME_ERR_MODEL);
    const viseme_reader_options with_itself = {.token_lm = model}; /* no language model */
    assert_int_equal(vis_sentences_open(&s, &with_itself, model, TOKENS, NULL), VISEME_ERR_MODEL);
}

static void a_language_model_has_a_say(void **state)
{
    viseme_model *lm = token_model_open("token_lm_none.safetensors", VISEME_CPU_AUTO);
    const struct clip clip = make_clip();
    double score[3];
    (void)state;
    for (int i = 0; i < 3; i++) { /* without, with, with more weight */
        const viseme_reader_options opts = {.beam = 4,
                                            .ctc_weight = 1,
                                            .threads = 2,
                                            .token_lm = i ? lm : NULL,
                                            .lm_weight = i > 1 ? 0.6 : 0};
        struct vis_sentences *s = open_sentences(&opts);
        struct vis_decoded found;
        add(s, &clip, 0, ROWS);
        assert_int_equal(vis_sentences_finish(s, 0, 25, &found, NULL), VISEME_OK);
        score[i] = found.best[0].score;
        vis_decoded_free(&found);
        vis_sentences_close(s);
    }
    assert_true(score[1] < score[0] && score[2] < score[1]); /* log-probabilities are negative */
    viseme_model_close(lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_read_once),
        cmocka_unit_test(one_window_is_as_it_was_found),
        cmocka_unit_test(silence_has_no_words),
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(a_language_model_has_a_say),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
