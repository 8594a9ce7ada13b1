/* Tracking on pictures made of waves, whose motion is known exactly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/track.h"

enum { WIDTH = 200, HEIGHT = 160, STRIDE = 208 };

/* How a picture is made from the scene: moved, zoomed about a point, and in other light. */
struct view {
    double x, y, zoom, contrast, brightness;
};

static double scene(double x, double y)
{
    return 0.8 * sin(x * 0.21 + 1) * cos(y * 0.17) + 0.6 * sin(x * 0.083 - y * 0.119 + 2) +
           0.5 * cos(x * 0.31 + y * 0.27) + 0.4 * sin(y * 0.41 + x * 0.05);
}

static struct vis_gray draw(uint8_t *bytes, const struct view *v)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const double u = (x + 0.5 - v->x - 100) / v->zoom, w = (y + 0.5 - v->y - 80) / v->zoom;
            const double g = 120 + v->brightness + v->contrast * 40 * scene(u, w);
            bytes[y * STRIDE + x] = (uint8_t)fmax(0, fmin(255, g + 0.5));
        }
    return (struct vis_gray){bytes, WIDTH, HEIGHT, STRIDE};
}

static const struct view still = {0, 0, 1, 1, 0};
static const struct vis_patch start = {100, 80, 72};

static struct vis_track *learned(uint8_t *bytes)
{
    struct vis_track *t = NULL;
    assert_int_equal(vis_track_create(&t, 48, 33, NULL), VISEME_OK);
    const struct vis_gray g = draw(bytes, &still);
    assert_int_equal(vis_track_learn(t, &g, &start), 1);
    return t;
}

static void finds_shift_and_size(void **state)
{
    static uint8_t bytes[HEIGHT * STRIDE];
    static const struct view views[] = {
        {0, 0, 1, 1, 0},          {0.3, -0.7, 1, 1, 0},    {3.25, 2.5, 1, 1, 0},
        {-12.4, 9.1, 1, 1, 0},    {14, -13, 1, 1, 0},      {1.5, 1, 1.05, 1, 0},
        {-4, 3, 0.94, 1, 0},      {2.2, -1.3, 1, 0.6, 30}, {0, 5, 1, 1.3, -20},
        {-9, -2, 1.03, 0.7, -10},
    };
    struct vis_track *t = learned(bytes);
    (void)state;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        const struct vis_gray g = draw(bytes, &views[i]);
        struct vis_patch p = start;
        const double quality = vis_track_find(t, &g, &p);
        assert_true(quality > 0.99);
        assert_true(fabs(p.x - start.x - views[i].x) < 0.08);
        assert_true(fabs(p.y - start.y - views[i].y) < 0.08);
        assert_true(fabs(p.width / start.width - views[i].zoom) < 0.003);
    }
    vis_track_free(t);
}

static void follows_without_drift(void **state)
{
    static uint8_t bytes[HEIGHT * STRIDE];
    struct vis_track *t = learned(bytes);
    struct vis_patch p = start;
    (void)state;
    for (int i = 1; i <= 60; i++) {
        const struct view v = {20 * sin(i * 0.15), 12 * sin(i * 0.23), 1 + 0.1 * sin(i * 0.1), 1,
                               0};
        const struct vis_gray g = draw(bytes, &v);
        assert_true(vis_track_find(t, &g, &p) > 0.98);
        assert_true(hypot(p.x - start.x - v.x, p.y - start.y - v.y) < 0.15);
        assert_true(fabs(p.width / start.width - v.zoom) < 0.005);
    }
    vis_track_free(t);
}

static void notices_loss(void **state)
{
    static uint8_t bytes[HEIGHT * STRIDE];
    struct vis_track *t = learned(bytes);
    struct vis_patch p = start;
    (void)state;
    for (int i = 0; i < HEIGHT * STRIDE; i++)
        bytes[i] = (uint8_t)(rand() >> 8);
    const struct vis_gray g = {bytes, WIDTH, HEIGHT, STRIDE};
    assert_true(vis_track_find(t, &g, &p) < 0.5);
    memset(bytes, 77, sizeof bytes);
    p = start;
    assert_true(vis_track_find(t, &g, &p) < 0.5);
    vis_track_free(t);
}

static void refuses_what_cannot_be_followed(void **state)
{
    static uint8_t bytes[HEIGHT * STRIDE];
    struct vis_track *t = NULL;
    struct vis_patch p = start;
    (void)state;
    assert_int_equal(vis_track_create(&t, 7, 33, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_track_create(&t, 48, 257, NULL), VISEME_ERR_ARGUMENT);
    assert_null(t);
    t = learned(bytes);
    const struct vis_gray g = draw(bytes, &still);
    const struct vis_patch bad[] = {{NAN, 0, 50}, {0, INFINITY, 50}, {0, 0, 0},
                                    {0, 0, -5},   {0, 0, NAN},       {0, 0, INFINITY}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        p = bad[i];
        assert_true(vis_track_find(t, &g, &p) == -1);
        assert_memory_equal(&p, &bad[i], sizeof p);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vis_track_learn(t, &g, &bad[i]), 0);
    p = start;
    assert_true(vis_track_find(t, &g, &p) == -1); /* nothing is known any more */
    memset(bytes, 200, sizeof bytes);
    assert_int_equal(vis_track_learn(t, &g, &start), 0); /* flat */
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            bytes[y * STRIDE + x] = (uint8_t)(x * 13);
    assert_int_equal(vis_track_learn(t, &g, &start), 0); /* the same in every row */
    vis_track_free(t);
}

static void reads_only_the_picture(void **state)
{
    /* a patch larger than the picture and across every edge: the sanitizer watches */
    static uint8_t scratch[HEIGHT * STRIDE];
    struct vis_track *t = learned(scratch);
    (void)state;
    for (int width = 1; width <= 12; width += 11)
        for (int height = 1; height <= 9; height += 8) {
            uint8_t *exact = malloc((size_t)(width * height));
            assert_non_null(exact);
            for (int i = 0; i < width * height; i++)
                exact[i] = (uint8_t)(i * 37);
            const struct vis_gray g = {exact, width, height, (size_t)width};
            for (int k = -2; k <= 2; k++) {
                struct vis_patch p = {k * 10, k * -7, 20};
                vis_track_find(t, &g, &p);
                p = (struct vis_patch){k * 1e9, 4, 1e9};
                vis_track_find(t, &g, &p);
            }
            free(exact);
        }
    vis_track_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_shift_and_size),   cmocka_unit_test(follows_without_drift),
        cmocka_unit_test(notices_loss),           cmocka_unit_test(refuses_what_cannot_be_followed),
        cmocka_unit_test(reads_only_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
