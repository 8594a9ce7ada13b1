/* Drift and steps of offsets that were made up, with noise and outliers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tasks/sync_trend.h"

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 33) / 2147483648.0 - 0.5;
}

/* `count` points, 5 s apart: drift in ms a minute, a step of `step` ms at point `at`, and every
 * `odd`-th point anywhere (0: none). */
static void make(struct vis_sync_point *p, size_t count, double drift, double step, size_t at,
                 size_t odd, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        p[i].time_s = 5.0 * (double)i + 2.5;
        p[i].offset_ms = 40 + drift * p[i].time_s / 60 + (i >= at ? step : 0) + 16 * uniform(&seed);
        if (odd && i % odd == 1)
            p[i].offset_ms = 1200 * uniform(&seed);
    }
}

static void finds_drift(void **state)
{
    struct vis_sync_point p[VIS_SYNC_MAX_POINTS];
    struct vis_sync_trend t;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (size_t count = 12; count <= VIS_SYNC_MAX_POINTS; count += 100) {
            const double drift = seed % 2 ? 60 : -8.6;
            make(p, count, drift, 0, 0, seed % 3 ? 0 : 5, seed);
            assert_int_equal(vis_sync_trend(p, count, &t, NULL), VISEME_OK);
            assert_int_equal(t.step_count, 0);
            assert_true(t.has_drift);
            assert_true(fabs(t.drift_ms_per_min - drift) <= (count < 100 ? 40 : 1));
            if (count >= 100)
                assert_true(fabs(t.start_ms - 40) <= 8);
        }
}

static void finds_steps(void **state)
{
    struct vis_sync_point p[200];
    struct vis_sync_trend t;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const double step = seed % 2 ? 80 : -200, drift = seed % 4 < 2 ? 0 : 10;
        const size_t at = 5 + 9 * seed;
        make(p, 200, drift, step, at, seed % 3 ? 0 : 6, seed);
        assert_int_equal(vis_sync_trend(p, 200, &t, NULL), VISEME_OK);
        assert_int_equal(t.step_count, 1);
        assert_true(fabs(t.steps[0].to_ms - t.steps[0].from_ms - step) <= 8);
        assert_true(fabs(t.steps[0].from_ms - 40) <= 8);
        /* Next to an outlier the place is one point off. */
        assert_true(fabs(t.steps[0].after_s - p[at].time_s) <= 5.1);
        assert_true(t.has_drift && fabs(t.drift_ms_per_min - drift) <= 1.5);
    }
    make(p, 200, 0, 80, 60, 0, 3);
    for (size_t i = 130; i < 200; i++)
        p[i].offset_ms -= 240;
    assert_int_equal(vis_sync_trend(p, 200, &t, NULL), VISEME_OK);
    assert_int_equal(t.step_count, 2);
    assert_true(t.steps[0].before_s == p[59].time_s && t.steps[1].after_s == p[130].time_s);
}

static void few_points_say_little(void **state)
{
    struct vis_sync_point p[VIS_SYNC_MAX_POINTS + 1];
    struct vis_sync_trend t;
    (void)state;
    make(p, VIS_SYNC_MAX_POINTS + 1, 5, 0, 0, 0, 9);
    for (size_t count = 0; count < 4; count++) {
        assert_int_equal(vis_sync_trend(p, count, &t, NULL), VISEME_OK);
        assert_true(!t.has_drift && t.step_count == 0);
    }
    assert_int_equal(vis_sync_trend(p, 4, &t, NULL), VISEME_OK); /* 15 s */
    assert_false(t.has_drift);
    assert_int_equal(vis_sync_trend(p, VIS_SYNC_MAX_POINTS + 1, &t, NULL), VISEME_OK);
    assert_true(t.has_drift);
    for (size_t i = 0; i < 30; i++)
        p[i].time_s = 3; /* all at once */
    assert_int_equal(vis_sync_trend(p, 30, &t, NULL), VISEME_OK);
    assert_false(t.has_drift);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_drift),
        cmocka_unit_test(finds_steps),
        cmocka_unit_test(few_points_say_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
