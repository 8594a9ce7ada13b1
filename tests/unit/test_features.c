/* MFCC, mel and log-mel against their goldens, however the samples come; short sound; rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/npy.h"
#include "signal/logmel.h"
#include "signal/mel.h"
#include "signal/mfcc.h"
#include "tests/support/data.h"

typedef viseme_status open_fn(struct vis_features **out, viseme_error *err);

static struct vis_npy load(const char *name)
{
    char path[96];
    struct vis_npy array;
    viseme_error err;
    snprintf(path, sizeof path, "tests/goldens/sound/%s.npy", name);
    if (vis_npy_read(&array, test_repository(path), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

/* The samples of a file, -1 to 1. */
static struct vis_npy load_samples(const char *name)
{
    struct vis_npy x = load(name);
    for (int64_t i = 0; i < x.shape[0]; i++)
        x.data[i] /= 32768;
    return x;
}

/* Features of n samples, given `step` at a time. */
static struct vis_features *features_of(open_fn *open, const float *samples, size_t n, size_t step)
{
    struct vis_features *f;
    assert_int_equal(open(&f, NULL), VISEME_OK);
    for (size_t i = 0; i < n; i += step)
        assert_int_equal(vis_features_push(f, samples + i, n - i < step ? n - i : step, NULL),
                         VISEME_OK);
    assert_int_equal(vis_features_finish(f, NULL), VISEME_OK);
    return f;
}

/* At most 1e-5 of the golden's range apart. */
static void expect_golden(struct vis_features *f, const char *name)
{
    struct vis_npy want = load(name);
    size_t count;
    const float *rows = vis_features_rows(f, &count);
    const size_t n = count * (size_t)vis_features_width(f);
    float low = INFINITY, high = -INFINITY, worst = 0;
    assert_int_equal(count, want.shape[0]);
    assert_int_equal(vis_features_width(f), want.shape[1]);
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, want.data[i]);
        high = fmaxf(high, want.data[i]);
        worst = fmaxf(worst, fabsf(rows[i] - want.data[i]));
    }
    if (!(worst <= 1e-5f * (high - low)))
        fail_msg("%s: off by %.3g of a range of %.3g", name, (double)worst, (double)(high - low));
    vis_npy_free(&want);
    vis_features_close(f);
}

static void goldens(void **state)
{
    (void)state;
    struct vis_npy signal = load_samples("mfcc_signal"), mel = load_samples("mel_samples");
    size_t count;
    expect_golden(features_of(vis_mfcc_open, signal.data, 48000, 48000), "mfcc");
    expect_golden(features_of(vis_mfcc_open, signal.data + 8000, 300, 300), "mfcc_short300");
    expect_golden(features_of(vis_mel_open, mel.data, 48000, 48000), "mel");
    expect_golden(features_of(vis_logmel_open, signal.data + 8000, 32240, 32240), "logmel");
    struct vis_features *f = features_of(vis_logmel_open, signal.data + 8000, 32240, 32240);
    float *rows = vis_features_rows(f, &count);
    vis_logmel_normalise(rows, count);
    expect_golden(f, "logmel_normalised");
    vis_npy_free(&signal);
    vis_npy_free(&mel);
}

static void silence_is_what_the_originals_make_of_it(void **state)
{
    static const float silence[800];
    size_t count;
    (void)state;
    struct vis_features *f = features_of(vis_mfcc_open, silence, 800, 800);
    const float *row = vis_features_rows(f, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4 * 13; i++)
        assert_float_equal(row[i], (i % 13 ? 0 : -36.04365f), 1e-5);
    vis_features_close(f);
    f = features_of(vis_mel_open, silence, 800, 800);
    row = vis_features_rows(f, &count);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < 5 * 80; i++)
        assert_true(row[i] == -4);
    vis_features_close(f);
    f = features_of(vis_logmel_open, silence, 800, 800);
    row = vis_features_rows(f, &count);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < 6 * 40; i++)
        assert_float_equal(row[i], -13.815511f, 1e-6);
    vis_features_close(f);
}

/* Rows do not depend on how the samples are cut into blocks, at any length; blocks longer than what
 * is held at a time come too. */
static void blocks_of_any_size(void **state)
{
    static open_fn *const open[] = {vis_mfcc_open, vis_mel_open, vis_logmel_open};
    static const size_t lengths[] = {1, 2, 159, 256, 257, 400, 401, 799, 801, 3000, 20000};
    static const size_t steps[] = {1, 7, 160, 401, 9000};
    (void)state;
    struct vis_npy x = load_samples("mel_samples");
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            size_t want_count, count;
            struct vis_features *want = features_of(open[k], x.data, lengths[i], 100000);
            const float *want_rows = vis_features_rows(want, &want_count);
            for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
                struct vis_features *f = features_of(open[k], x.data, lengths[i], steps[s]);
                const float *rows = vis_features_rows(f, &count);
                assert_int_equal(count, want_count);
                assert_memory_equal(rows, want_rows,
                                    count * (size_t)vis_features_width(f) * sizeof *rows);
                vis_features_close(f);
            }
            vis_features_close(want);
        }
    vis_npy_free(&x);
}

static void counts_of_rows(void **state)
{
    static const size_t lengths[] = {0, 1, 160, 399, 400, 401, 559, 560, 561, 640, 3200};
    static const size_t mfcc[] = {0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 19};
    static const float silence[3200];
    size_t count;
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const size_t n = lengths[i];
        struct vis_features *f = features_of(vis_mfcc_open, silence, n, 3200);
        vis_features_rows(f, &count);
        assert_int_equal(count, mfcc[i]);
        vis_features_close(f);
        f = features_of(vis_mel_open, silence, n, 3200);
        vis_features_rows(f, &count);
        assert_int_equal(count, n ? 1 + n / 200 : 0);
        vis_features_close(f);
        f = features_of(vis_logmel_open, silence, n, 3200);
        vis_features_rows(f, &count);
        assert_int_equal(count, n ? 1 + n / 160 : 0);
        vis_features_close(f);
    }
}

/* A spectrum at half a window from either end is that of the sound and its mirror image. */
static void ends_are_reflected(void **state)
{
    enum { N = 801 };
    float x[N], mirrored[2 * N - 1];
    size_t count, all;
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)((i * i * 37) % 20001 - 10000) / 32768;
    for (int i = 0; i < 2 * N - 1; i++)
        mirrored[i] = x[i < N ? N - 1 - i : i - N + 1];
    struct vis_features *f = features_of(vis_logmel_open, x, N, N);
    struct vis_features *m = features_of(vis_logmel_open, mirrored, 2 * N - 1, N);
    const float *row = vis_features_rows(f, &count), *whole = vis_features_rows(m, &all);
    assert_int_equal(count, 6);
    assert_int_equal(all, 11);
    for (int b = 0; b < 40; b++) /* sample 0 of x is sample 800 of both */
        assert_float_equal(row[b], whole[5 * 40 + b], 1e-6);
    vis_features_close(f);
    vis_features_close(m);
}

static void samples_are_rounded_to_16_bits(void **state)
{
    float exact[600], near[600];
    size_t count;
    (void)state;
    for (int i = 0; i < 600; i++) {
        exact[i] = (float)((i * 7919) % 65536 - 32768) / 32768;
        near[i] = exact[i] + (i % 2 ? 1e-5f : -1e-5f);
    }
    exact[0] = 32767.0f / 32768;
    near[0] = 5; /* clipped */
    exact[1] = -1;
    near[1] = -INFINITY;
    exact[2] = 0;
    near[2] = NAN;
    struct vis_features *a = features_of(vis_mfcc_open, exact, 600, 600);
    struct vis_features *b = features_of(vis_mfcc_open, near, 600, 600);
    const float *rows = vis_features_rows(a, &count);
    assert_memory_equal(rows, vis_features_rows(b, &count), count * 13 * sizeof *rows);
    vis_features_close(a);
    vis_features_close(b);
}

static void nothing_comes_after_the_end(void **state)
{
    struct vis_features *f;
    viseme_error err;
    const float x = 0;
    (void)state;
    assert_int_equal(vis_mel_open(&f, &err), VISEME_OK);
    assert_int_equal(vis_features_finish(f, &err), VISEME_OK);
    assert_int_equal(vis_features_finish(f, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_features_push(f, &x, 1, &err), VISEME_ERR_ARGUMENT);
    vis_features_close(f);
    vis_features_close(NULL);
}

/* The original's lists for 241 rows, in parts. */
static void chunks_of_mel(void **state)
{
    static const struct {
        double fps;
        size_t count, i[4], start[4];
    } cases[] = {
        {25, 72, {1, 5, 70, 71}, {3, 16, 224, 225}},
        {29.97, 86, {1, 7, 15, 85}, {2, 18, 40, 225}},
        {30, 86, {1, 3, 84, 85}, {2, 8, 224, 225}},
        {30000 / 1001.0, 86, {1, 3, 84, 85}, {2, 8, 224, 225}},
        {80, 227, {1, 100, 225, 226}, {1, 100, 225, 225}},
        {0.001, 2, {0, 1, 2, 3}, {0, 225, 225, 225}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const size_t count = cases[k].count;
        assert_int_equal(vis_mel_chunk_count(241, cases[k].fps), count);
        for (size_t i = 0; i < count; i++) { /* the first that does not fit is the last */
            size_t raw = (size_t)((double)i * (80.0 / cases[k].fps));
            assert_int_equal(raw + 16 > 241, i + 1 == count);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(vis_mel_chunk_start(241, cases[k].fps, cases[k].i[i]),
                             cases[k].start[i]);
    }
    assert_int_equal(vis_mel_chunk_count(15, 25), 0);
    assert_int_equal(vis_mel_chunk_count(16, 25), 2);
    assert_int_equal(vis_mel_chunk_start(16, 25, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),
        cmocka_unit_test(silence_is_what_the_originals_make_of_it),
        cmocka_unit_test(blocks_of_any_size),
        cmocka_unit_test(counts_of_rows),
        cmocka_unit_test(ends_are_reflected),
        cmocka_unit_test(samples_are_rounded_to_16_bits),
        cmocka_unit_test(nothing_comes_after_the_end),
        cmocka_unit_test(chunks_of_mel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
