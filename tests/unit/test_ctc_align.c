/* Forced alignment against every path of small inputs, and over an input long enough to prune;
 * words and confidence by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nets/ctc_align.h"
#include "tests/support/ctc_paths.h"

enum { CLASSES = 4, FRAMES = 7, BLANK = 1 };

struct best {
    const int *labels;
    int length, found;
    struct test_path path;
};

static void try_path(const struct test_path *path, void *context)
{
    struct best *best = context;
    if (path->length == best->length &&
        memcmp(path->labels, best->labels, (size_t)path->length * sizeof(int)) == 0 &&
        (!best->found || path->logp > best->path.logp)) {
        best->found = 1;
        best->path = *path;
    }
}

/* The frames of the labels of a path, in the same words as the alignment. */
static void expect_path(const struct vis_ctc_alignment *a, const struct test_path *path,
                        const float *logp)
{
    int label = -1, previous = BLANK;
    assert_true(fabs(a->log_probability - path->logp) < 1e-5);
    for (int t = 0; t < path->frames; t++) {
        int c = path->path[t];
        assert_true(a->path[t] == logp[t * CLASSES + c]);
        if (c != BLANK && c != previous)
            assert_int_equal(a->first[++label], t);
        if (c != BLANK && (t + 1 == path->frames || path->path[t + 1] != c))
            assert_int_equal(a->last[label], t);
        previous = c;
    }
}

static void finds_the_best_path(void **state)
{
    static const int others[] = {0, 2, 3};
    uint64_t seed = 21;
    int impossible = 0;
    (void)state;
    for (int round = 0; round < 60; round++) {
        float logp[FRAMES * CLASSES];
        int labels[FRAMES + 1], frames = 1 + test_draw(FRAMES, &seed);
        struct best best = {.labels = labels, .length = test_draw(frames + 2, &seed)};
        struct vis_ctc_alignment a;
        for (int i = 0; i < best.length; i++)
            labels[i] = others[test_draw(3, &seed)];
        test_random_logp(logp, frames, CLASSES, 6, &seed);
        test_each_path(logp, frames, CLASSES, BLANK, try_path, &best);
        viseme_status status =
            vis_ctc_align(&a, logp, frames, CLASSES, BLANK, labels, best.length, NULL);
        assert_int_equal(status, best.found ? VISEME_OK : VISEME_ERR_INPUT);
        impossible += !best.found;
        if (best.found)
            expect_path(&a, &best.path, logp);
        vis_ctc_alignment_free(&a);
    }
    assert_true(impossible > 0);
}

/* 2^26 cells and more: some states are given up, the path is still the one that was drawn. */
static void prunes_without_losing_the_path(void **state)
{
    enum { LONG = 16000, COUNT = 4000, EACH = LONG / COUNT };
    float *logp = malloc((size_t)LONG * CLASSES * sizeof *logp);
    int *labels = malloc(COUNT * sizeof *labels);
    struct vis_ctc_alignment a;
    uint64_t seed = 8;
    double want = 0;
    (void)state;
    assert_non_null(logp);
    assert_non_null(labels);
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 2 : 3;
        for (int k = 0; k < EACH; k++) { /* label, label, blank, blank */
            float *row = logp + (size_t)(i * EACH + k) * CLASSES;
            int c = k < 2 ? labels[i] : BLANK;
            test_random_logp(row, 1, CLASSES, 1, &seed);
            row[c] += 4;
            want += (double)row[c];
        }
    }
    assert_int_equal(vis_ctc_align(&a, logp, LONG, CLASSES, BLANK, labels, COUNT, NULL), VISEME_OK);
    assert_true(fabs(a.log_probability - want) < 1e-3);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(a.first[i], i * EACH);
        assert_int_equal(a.last[i], i * EACH + 1);
    }
    vis_ctc_alignment_free(&a);
    free(logp);
    free(labels);
}

static const char *const letters[CLASSES] = {" ", "", "a", "B"};

static void cuts_words(void **state)
{
    /*                 _  _    a     a    _    B     _  ' '  ' '  _   a    _ ' ' */
    static const int path[] = {1, 0, 2, 2, 1, 3, 1, 0, 0, 1, 2, 1, 0};
    static const int labels[] = {0, 2, 3, 0, 2, 0};
    enum { T = sizeof path / sizeof *path };
    float logp[T * CLASSES];
    double p[T];
    struct vis_ctc_alignment a;
    struct vis_ctc_words words;
    (void)state;
    for (int t = 0; t < T; t++) {
        p[t] = 0.5 + 0.03 * t;
        for (int c = 0; c < CLASSES; c++)
            logp[t * CLASSES + c] = (float)log(c == path[t] ? p[t] : (1 - p[t]) / 3);
    }
    assert_int_equal(vis_ctc_align(&a, logp, T, CLASSES, BLANK, labels, 6, NULL), VISEME_OK);
    assert_int_equal(vis_ctc_words(&words, &a, T, labels, 6, letters, NULL), VISEME_OK);
    assert_int_equal(words.count, 2);
    assert_string_equal(words.items[0].text, "aB");
    assert_true(words.items[0].first == 2 && words.items[0].last == 5);
    assert_true(fabs(words.items[0].confidence - pow(p[2] * p[3] * p[4] * p[5], 1.0 / 4)) < 1e-6);
    assert_string_equal(words.items[1].text, "a");
    assert_true(words.items[1].first == 10 && words.items[1].last == 10);
    assert_true(fabs(words.items[1].confidence - p[10]) < 1e-6);
    /* The space between counts, those at the ends do not. */
    double all = p[2] * p[3] * p[4] * p[5] * p[7] * p[8] * p[10];
    assert_true(fabs(words.confidence - pow(all, 1.0 / 7)) < 1e-6);
    vis_ctc_words_free(&words);
    vis_ctc_alignment_free(&a);
}

static void reads_nothing(void **state)
{
    float logp[2 * CLASSES];
    struct vis_ctc_alignment a;
    struct vis_ctc_words words;
    (void)state;
    for (int i = 0; i < 2 * CLASSES; i++)
        logp[i] = (float)log(i % CLASSES == BLANK ? i < CLASSES ? 0.9 : 0.4 : 0.1);
    assert_int_equal(vis_ctc_align(&a, logp, 2, CLASSES, BLANK, NULL, 0, NULL), VISEME_OK);
    assert_int_equal(vis_ctc_words(&words, &a, 2, NULL, 0, letters, NULL), VISEME_OK);
    assert_int_equal(words.count, 0);
    assert_true(fabs(words.confidence - sqrt(0.9 * 0.4)) < 1e-6);
    vis_ctc_words_free(&words);
    vis_ctc_alignment_free(&a);
    assert_int_equal(vis_ctc_align(&a, logp, 0, CLASSES, BLANK, NULL, 0, NULL), VISEME_OK);
    assert_true(a.log_probability == 0);
    vis_ctc_alignment_free(&a);
    logp[0] = NAN;
    assert_int_equal(vis_ctc_align(&a, logp, 2, CLASSES, BLANK, NULL, 0, NULL), VISEME_ERR_INPUT);
}

/* "A B" with 5 blanks between the letters: a pause of up to 5 frames gets a space, a longer one
 * none; beside a space that was read there is none either. */
static void pauses_become_spaces(void **state)
{
    enum { T = 9, SPACE = 0 };
    static const int said[] = {2, 2, 1, 1, 1, 1, 1, 3, 1};
    float logp[T * CLASSES];
    (void)state;
    for (int t = 0; t < T; t++)
        for (int c = 0; c < CLASSES; c++)
            logp[t * CLASSES + c] = c == said[t] ? -0.1f : -4.0f;
    for (int pause = 4; pause <= 6; pause++) {
        int length = 2, *labels = malloc(2 * sizeof *labels);
        assert_non_null(labels);
        labels[0] = 2, labels[1] = 3;
        struct vis_ctc_hypothesis h = {.labels = labels, .length = length};
        struct vis_ctc_alignment a;
        assert_int_equal(vis_ctc_align(&a, logp, T, CLASSES, BLANK, labels, 2, NULL), VISEME_OK);
        assert_int_equal(vis_ctc_mark_pauses(&a, &h, SPACE, pause, NULL), VISEME_OK);
        assert_int_equal(h.length, pause <= 5 ? 3 : 2);
        if (h.length == 3) {
            assert_true(h.labels[0] == 2 && h.labels[1] == SPACE && h.labels[2] == 3);
            assert_true(a.first[1] == 4 && a.last[1] == 4 && a.first[2] == 7);
            assert_int_equal(vis_ctc_mark_pauses(&a, &h, SPACE, 1, NULL), VISEME_OK);
            assert_int_equal(h.length, 3);
        }
        vis_ctc_alignment_free(&a);
        free(h.labels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_best_path), cmocka_unit_test(prunes_without_losing_the_path),
        cmocka_unit_test(cuts_words),          cmocka_unit_test(pauses_become_spaces),
        cmocka_unit_test(reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
