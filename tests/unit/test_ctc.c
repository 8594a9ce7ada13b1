/* CTC decoding against golden cases, against all paths counted one by one, and against a slow
 * prefix beam search over plain strings. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "io/npy.h"
#include "nets/ctc.h"

#define GOLDENS "tests/goldens/ctc/"

enum { MAX_FRAMES = 16, MAX_KEPT = 4096 };

/* ---- A small world of its own: labellings as strings of letters, label 0 is 'a' ----------- */

struct reading {
    char text[MAX_FRAMES + 1];
    double blank, other, total; /* log-probabilities */
};

struct readings {
    struct reading *items;
    int count;
};

static double add_logs(double a, double b)
{
    if (a == -INFINITY && b == -INFINITY)
        return -INFINITY;
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

static struct reading *look_up(struct readings *all, const char *text)
{
    for (int i = 0; i < all->count; i++)
        if (strcmp(all->items[i].text, text) == 0)
            return &all->items[i];
    assert_true(all->count < MAX_KEPT);
    struct reading *r = &all->items[all->count++];
    assert_true(strlen(text) < sizeof r->text);
    strcpy(r->text, text);
    r->blank = r->other = r->total = -INFINITY;
    return r;
}

static int by_total(const void *a, const void *b)
{
    double x = ((const struct reading *)a)->total, y = ((const struct reading *)b)->total;
    return (x < y) - (x > y);
}

static uint64_t seed_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Rows of log-softmax of random scores; `sharp` makes few classes likely. */
static void random_logp(float *logp, int frames, int classes, double sharp, uint64_t *seed)
{
    for (int t = 0; t < frames; t++) {
        double scores[32], sum = -INFINITY;
        for (int c = 0; c < classes; c++) {
            scores[c] = sharp * ((double)seed_next(seed) / 2147483648.0 - 0.5);
            sum = add_logs(sum, scores[c]);
        }
        for (int c = 0; c < classes; c++)
            logp[t * classes + c] = (float)(scores[c] - sum);
    }
}

/* Probabilities of all labellings, from every one of the classes^frames paths. */
static void count_paths(struct readings *all, const float *logp, int frames, int classes, int blank)
{
    long paths = 1;
    for (int t = 0; t < frames; t++)
        paths *= classes;
    for (long path = 0; path < paths; path++) {
        char text[MAX_FRAMES + 1];
        int n = 0, previous = blank;
        double total = 0;
        long rest = path;
        for (int t = 0; t < frames; t++, rest /= classes) {
            int c = (int)(rest % classes);
            total += (double)logp[t * classes + c];
            if (c != blank && c != previous)
                text[n++] = (char)('a' + c);
            previous = c;
        }
        text[n] = '\0';
        struct reading *r = look_up(all, text);
        r->total = add_logs(r->total, total);
    }
    qsort(all->items, (size_t)all->count, sizeof *all->items, by_total);
}

/* The textbook prefix beam search over strings. */
static void slow_beam(struct readings *beam, const float *logp, int frames, int classes, int blank,
                      int width)
{
    struct readings next = {calloc(MAX_KEPT, sizeof *next.items), 0};
    beam->count = 0;
    look_up(beam, "")->blank = 0;
    beam->items[0].total = 0;
    for (int t = 0; t < frames; t++) {
        const float *row = logp + t * classes;
        next.count = 0;
        for (int i = 0; i < beam->count; i++) {
            const struct reading *p = &beam->items[i];
            size_t n = strlen(p->text);
            for (int c = 0; c < classes; c++) {
                double y = (double)row[c];
                int repeat = n > 0 && p->text[n - 1] == 'a' + c;
                struct reading *r = look_up(&next, p->text);
                if (c == blank) {
                    r->blank = add_logs(r->blank, p->total + y);
                    continue;
                }
                if (repeat)
                    r->other = add_logs(r->other, p->other + y);
                char longer[MAX_FRAMES + 2];
                snprintf(longer, sizeof longer, "%s%c", p->text, 'a' + c);
                r = look_up(&next, longer);
                r->other = add_logs(r->other, (repeat ? p->blank : p->total) + y);
            }
        }
        for (int i = 0; i < next.count; i++)
            next.items[i].total = add_logs(next.items[i].blank, next.items[i].other);
        qsort(next.items, (size_t)next.count, sizeof *next.items, by_total);
        while (next.items[next.count - 1].total == -INFINITY)
            next.count--;
        beam->count = next.count < width ? next.count : width;
        memcpy(beam->items, next.items, (size_t)beam->count * sizeof *beam->items);
    }
    free(next.items);
}

static void expect_same(const struct vis_ctc_result *got, const struct readings *want)
{
    for (int i = 0; i < got->count; i++) {
        char text[MAX_FRAMES + 1];
        const struct vis_ctc_hypothesis *h = &got->best[i];
        assert_true(h->length <= MAX_FRAMES);
        for (int k = 0; k < h->length; k++)
            text[k] = (char)('a' + h->labels[k]);
        text[h->length] = '\0';
        assert_true(fabs(h->log_probability - want->items[i].total) < 1e-9);
        assert_string_equal(text, want->items[i].text);
    }
}

static void all_paths(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct readings all = {calloc(MAX_KEPT, sizeof *all.items), 0};
    for (int round = 0; round < 60; round++) {
        int classes = 2 + round % 3, frames = 1 + (int)(seed_next(&seed) % 6);
        int blank = (int)(seed_next(&seed) % (uint64_t)classes);
        float logp[MAX_FRAMES * 8];
        struct vis_ctc_result got;
        random_logp(logp, frames, classes, 4, &seed);
        all.count = 0;
        count_paths(&all, logp, frames, classes, blank);
        assert_int_equal(vis_ctc_beam(&got, logp, frames, classes, blank, 2000, 2000, NULL),
                         VISEME_OK);
        assert_int_equal(got.count, all.count);
        expect_same(&got, &all);
        vis_ctc_free(&got);
    }
    free(all.items);
}

/* Narrow beams, in which prefixes leave and come back. */
static void narrow_beams(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct readings want = {calloc(MAX_KEPT, sizeof *want.items), 0};
    for (int round = 0; round < 400; round++) {
        int classes = 2 + (int)(seed_next(&seed) % 5), frames = (int)(seed_next(&seed) % 15);
        int blank = (int)(seed_next(&seed) % (uint64_t)classes);
        int width = 1 + (int)(seed_next(&seed) % 12);
        float logp[MAX_FRAMES * 8];
        struct vis_ctc_result got;
        random_logp(logp, frames, classes, 1 + round % 6, &seed);
        slow_beam(&want, logp, frames, classes, blank, width);
        assert_int_equal(vis_ctc_beam(&got, logp, frames, classes, blank, width, width, NULL),
                         VISEME_OK);
        assert_int_equal(got.count, want.count);
        expect_same(&got, &want);
        vis_ctc_free(&got);
    }
    free(want.items);
}

/* ---- Golden cases ------------------------------------------------------------------------ */

static char *decode_ids(const json_t *ids, const char *const *vocab)
{
    enum { CLASSES = 28 };
    int frames = (int)json_array_size(ids);
    float *logp = malloc((size_t)(frames + 1) * CLASSES * sizeof *logp);
    struct vis_ctc_result got;
    char *text = NULL;
    for (int t = 0; t < frames; t++)
        for (int c = 0; c < CLASSES; c++)
            logp[t * CLASSES + c] =
                c == json_integer_value(json_array_get(ids, (size_t)t)) ? -0.5f : -3;
    assert_int_equal(vis_ctc_greedy(&got, logp, frames, CLASSES, 0, NULL), VISEME_OK);
    assert_int_equal(got.count, 1);
    assert_true(fabs(got.best[0].log_probability + 0.5 * frames) < 1e-9);
    assert_int_equal(vis_ctc_text(&text, &got.best[0], vocab, NULL), VISEME_OK);
    vis_ctc_free(&got);
    free(logp);
    return text;
}

static void greedy_goldens(void **state)
{
    (void)state;
    static const char *const vocab[28] = {"?", " ", "A", "B", "C", "D", "E", "F", "G", "H",
                                          "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R",
                                          "S", "T", "U", "V", "W", "X", "Y", "Z"};
    json_t *file = json_load_file(GOLDENS "greedy_vipl.json", 0, NULL), *one;
    size_t i;
    assert_non_null(file);
    assert_true(json_array_size(json_object_get(file, "cases")) > 5);
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        char *text = decode_ids(json_object_get(one, "ids"), vocab);
        assert_string_equal(text, json_string_value(json_object_get(one, "text")));
        free(text);
    }
    json_decref(file);
}

static const char *const keras_vocab[28] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                            "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
                                            "u", "v", "w", "x", "y", "z", " ", "?"};

static void expect_text(const struct vis_ctc_result *got, const json_t *one, const char *key)
{
    char *text = NULL;
    assert_int_equal(vis_ctc_text(&text, &got->best[0], keras_vocab, NULL), VISEME_OK);
    assert_string_equal(text, json_string_value(json_object_get(one, key)));
    free(text);
}

/* Upstream decodes log(softmax + 1e-8) and does not normalise that again. */
static void beam_case(const json_t *one)
{
    char path[256];
    struct vis_npy probs;
    struct vis_ctc_result got;
    const char *name = json_string_value(json_object_get(one, "name"));
    snprintf(path, sizeof path, GOLDENS "probs_%s.npy", name);
    assert_int_equal(vis_npy_read(&probs, path, NULL), VISEME_OK);
    int frames = (int)probs.shape[0];
    assert_int_equal(frames, json_integer_value(json_object_get(one, "frames")));
    for (int i = 0; i < frames * 28; i++)
        probs.data[i] = (float)log((double)probs.data[i] + 1e-8);

    assert_int_equal(vis_ctc_greedy(&got, probs.data, frames, 28, 27, NULL), VISEME_OK);
    expect_text(&got, one, "greedy_text");
    vis_ctc_free(&got);

    assert_int_equal(vis_ctc_beam(&got, probs.data, frames, 28, 27, 200, 2, NULL), VISEME_OK);
    expect_text(&got, one, "beam_text_not_merged");
    double want = json_number_value(json_object_get(one, "log_probability"));
    double margin = json_number_value(json_object_get(one, "log_probability_margin_to_second"));
    double first = got.best[0].log_probability, second = got.best[1].log_probability;
    if (!(fabs(first - want) < 2e-6 && fabs(first - second - margin) < 2e-6))
        fail_msg("%s: %.9f and %.9f before the second, not %.9f and %.9f", name, first,
                 first - second, want, margin);
    vis_ctc_free(&got);
    vis_npy_free(&probs);
}

static void beam_goldens(void **state)
{
    (void)state;
    json_t *file = json_load_file(GOLDENS "beam_keras.json", 0, NULL), *one;
    size_t i;
    assert_non_null(file);
    assert_true(json_array_size(json_object_get(file, "cases")) > 4);
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        beam_case(one);
    }
    json_decref(file);
}

/* ---- Edges ------------------------------------------------------------------------------- */

static void no_frames(void **state)
{
    (void)state;
    static const float none[1] = {0};
    struct vis_ctc_result got;
    for (int beam = 0; beam < 2; beam++) {
        if (beam)
            assert_int_equal(vis_ctc_beam(&got, none, 0, 3, 0, 4, 4, NULL), VISEME_OK);
        else
            assert_int_equal(vis_ctc_greedy(&got, none, 0, 3, 0, NULL), VISEME_OK);
        assert_int_equal(got.count, 1);
        assert_int_equal(got.best[0].length, 0);
        assert_true(got.best[0].log_probability == 0);
        vis_ctc_free(&got);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const float nan_row[4] = {-1, -1, NAN, -1};
    static const float inf_row[4] = {-1, -1, INFINITY, -1};
    static const float none_row[4] = {-1, -1, -INFINITY, -INFINITY};
    static const float good[4] = {-1, -1, -1, -1};
    static const float *const bad[3] = {nan_row, inf_row, none_row};
    struct vis_ctc_result got;
    viseme_error err;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vis_ctc_greedy(&got, bad[i], 2, 2, 0, &err), VISEME_ERR_INPUT);
        assert_non_null(strstr(err.message, "frame 1"));
        assert_int_equal(vis_ctc_beam(&got, bad[i], 2, 2, 0, 3, 1, &err), VISEME_ERR_INPUT);
        assert_int_equal(got.count, 0);
        assert_null(got.best);
    }
    assert_int_equal(vis_ctc_greedy(&got, good, 2, 2, 2, NULL), VISEME_ERR_INPUT);
    assert_int_equal(vis_ctc_greedy(&got, good, 4, 1, 0, NULL), VISEME_ERR_INPUT);
    assert_int_equal(vis_ctc_greedy(&got, good, -1, 2, 0, NULL), VISEME_ERR_INPUT);
    assert_int_equal(vis_ctc_beam(&got, good, 2, 2, 0, 0, 0, NULL), VISEME_ERR_INPUT);
    assert_int_equal(vis_ctc_beam(&got, good, 2, 2, 0, 2, 3, NULL), VISEME_ERR_INPUT);
}

/* All scores equal: the lower label first, a prefix before what is longer. */
static void ties(void **state)
{
    (void)state;
    float logp[4];
    struct vis_ctc_result got;
    for (int i = 0; i < 4; i++)
        logp[i] = logf(0.25f);
    assert_int_equal(vis_ctc_greedy(&got, logp, 1, 4, 3, NULL), VISEME_OK);
    assert_int_equal(got.best[0].length, 1);
    assert_int_equal(got.best[0].labels[0], 0);
    vis_ctc_free(&got);
    assert_int_equal(vis_ctc_beam(&got, logp, 1, 4, 3, 3, 3, NULL), VISEME_OK);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.best[0].length, 0);
    assert_int_equal(got.best[1].labels[0], 0);
    assert_int_equal(got.best[2].labels[0], 1);
    vis_ctc_free(&got);
}

/* Impossible classes are never chosen, and fewer readings than asked for may be found. */
static void impossible_classes(void **state)
{
    (void)state;
    float logp[6] = {0, -INFINITY, -INFINITY, -INFINITY, -0.5f, -1};
    struct vis_ctc_result got;
    assert_int_equal(vis_ctc_beam(&got, logp, 2, 3, 2, 10, 10, NULL), VISEME_OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.best[0].length, 2);
    assert_int_equal(got.best[0].labels[1], 1);
    assert_int_equal(got.best[1].length, 1);
    vis_ctc_free(&got);
}

static void texts(void **state)
{
    (void)state;
    static const char *const vocab[3] = {" ", "\xC3\xA9t", ""};
    int labels[7] = {0, 1, 0, 2, 0, 1, 0};
    struct vis_ctc_hypothesis h = {labels, 7, 0, 0};
    char *text = NULL;
    assert_int_equal(vis_ctc_text(&text, &h, vocab, NULL), VISEME_OK);
    assert_string_equal(text, "\xC3\xA9t \xC3\xA9t");
    free(text);
    h.length = 1;
    assert_int_equal(vis_ctc_text(&text, &h, vocab, NULL), VISEME_OK);
    assert_string_equal(text, "");
    free(text);
}

/* A long input must not make the tree grow with frames times width. */
static void long_input(void **state)
{
    (void)state;
    enum { FRAMES = 20000, CLASSES = 28 };
    float *logp = malloc((size_t)FRAMES * CLASSES * sizeof *logp);
    uint64_t seed = 3;
    struct vis_ctc_result got;
    struct timespec a, b;
    random_logp(logp, FRAMES, CLASSES, 12, &seed);
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(vis_ctc_beam(&got, logp, 75, CLASSES, 0, 100, 5, NULL), VISEME_OK);
    clock_gettime(CLOCK_MONOTONIC, &b);
    print_message("beam of 100, 75 frames: %.2f ms\n",
                  1e3 * (double)(b.tv_sec - a.tv_sec) + 1e-6 * (double)(b.tv_nsec - a.tv_nsec));
    vis_ctc_free(&got);
    assert_int_equal(vis_ctc_beam(&got, logp, FRAMES, CLASSES, 0, 10, 5, NULL), VISEME_OK);
    assert_int_equal(got.count, 5);
    assert_true(got.best[0].length > FRAMES / 4);
    assert_true(got.best[0].log_probability >= got.best[1].log_probability);
    vis_ctc_free(&got);
    free(logp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_paths),      cmocka_unit_test(narrow_beams),
        cmocka_unit_test(greedy_goldens), cmocka_unit_test(beam_goldens),
        cmocka_unit_test(no_frames),      cmocka_unit_test(refusals),
        cmocka_unit_test(ties),           cmocka_unit_test(impossible_classes),
        cmocka_unit_test(texts),          cmocka_unit_test(long_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
