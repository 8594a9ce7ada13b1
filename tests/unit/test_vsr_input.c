/* What SyncVSR's and Auto-AVSR's networks are given of a crop, against their own transforms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/gray.h"
#include "signal/vsr_input.h"
#include "tests/support/data.h"
#include "tests/support/vsr_golden.h"

/* Bytes as a picture of equal bytes, or of three planes R G B. */
static viseme_image picture_of(const float *bytes, int channels, int width, int height)
{
    uint8_t *rgb = malloc((size_t)(width * height) * 3);
    assert_non_null(rgb);
    for (int i = 0; i < width * height; i++)
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)bytes[(channels == 3 ? c : 0) * width * height + i];
    return (viseme_image){rgb, width, height, 3 * (ptrdiff_t)width, VISEME_RGB24};
}

struct transform {
    const char *input, *golden;
    int width, height, channels, side;
    enum vis_vsr_fit fit;
    int plain; /* the golden is not normalised */
    int skip;  /* columns of the golden before the middle */
};

static int check_transform(const struct transform *t)
{
    char name[64];
    struct vis_npy want;
    snprintf(name, sizeof name, "crops.%s.npy", t->input);
    struct vis_npy in = vsr_read(test_data(name));
    if (!vsr_golden(t->golden, &want)) {
        vis_npy_free(&in);
        return 0;
    }
    const int n = t->side, row = (int)want.shape[3];
    float *out = malloc((size_t)(n * n) * sizeof *out);
    assert_non_null(out);
    for (int k = 0; k < in.shape[0]; k++) {
        const viseme_image image = picture_of(in.data + k * t->channels * t->width * t->height,
                                              t->channels, t->width, t->height);
        const float *w = want.data + k * n * row;
        vis_vsr_input(&image, t->fit, n, out);
        for (int y = 0; y < n; y++)
            for (int x = 0; x < n; x++) {
                const float have = t->plain ? out[y * n + x] * 0.165f + 0.421f : out[y * n + x];
                const double d = fabs((double)(have - w[y * row + x + t->skip]));
                if (d > 1e-5 * (t->plain ? 1 : 6))
                    fail_msg("%s: (%d, %d) of %d is off by %g", t->golden, x, y, k, d);
            }
        free((void *)image.data);
    }
    free(out);
    vis_npy_free(&in);
    vis_npy_free(&want);
    return 1;
}

static void crops_become_what_networks_read(void **state)
{
    static const struct transform here[] = {
        {"clip128", "lrs3", 128, 128, 1, 96, VIS_VSR_RESIZE, 0, 0},
        {"rgb", "gray_rgb", 24, 20, 3, 20, VIS_VSR_CENTRE, 1, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        assert_int_equal(check_transform(&here[i]), 1);
}

static void other_data_sets_likewise(void **state)
{
    static const struct transform large[] = {
        {"clip128", "lrs2", 128, 128, 1, 96, VIS_VSR_CENTRE, 0, 0},
        {"clip128", "autoavsr88", 128, 128, 1, 88, VIS_VSR_CENTRE, 0, 0},
        {"clip_lrw", "lrw", 112, 96, 1, 96, VIS_VSR_CENTRE, 0, 0},
        {"odd", "centercrop_odd", 131, 97, 1, 88, VIS_VSR_CENTRE, 1, 0}};
    int found = 1;
    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof *large && found; i++)
        found = check_transform(&large[i]);
    if (!found)
        skip();
}

/* Means of 2 x 2 pixels of the middle; what lies around it does not count. */
static void crops_are_halved(void **state)
{
    enum { SIZE = 12, SIDE = 4, EDGE = (SIZE - 2 * SIDE) / 2 };
    uint8_t pixels[SIZE * SIZE * 3];
    float out[SIDE * SIDE];
    const viseme_image crop = {pixels, SIZE, SIZE, SIZE * 3, VISEME_BGR24};
    (void)state;
    for (int i = 0; i < SIZE * SIZE; i++)
        memset(pixels + (ptrdiff_t)i * 3, i * 7 % 256, 3);
    vis_vsr_input(&crop, VIS_VSR_HALVE, SIDE, out);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int sum = 0;
            for (int k = 0; k < 4; k++)
                sum += (((EDGE + 2 * y + k / 2) * SIZE + EDGE + 2 * x + k % 2) * 7) % 256;
            const double want = (sum / 4.0 / 255 - 0.421) / 0.165;
            assert_true(fabs((double)out[y * SIDE + x] - want) < 1e-5);
        }
}

static void grey_is_that_of_opencv(void **state)
{
    struct vis_npy in = vsr_read(test_data("crops.rgb_gray.npy")), want = {0};
    const struct vis_rect all = {0, 0, 64, 64};
    uint8_t rgb[64 * 64 * 3], gray[64 * 64];
    (void)state;
    assert_true(vsr_golden("cv_gray", &want));
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)in.data[i];
    const viseme_image image = {rgb, 64, 64, 64 * 3, VISEME_RGB24};
    vis_gray_reduce(&image, &all, 1, gray);
    for (size_t i = 0; i < sizeof gray; i++)
        assert_int_equal(gray[i], (int)want.data[i]);
    vis_npy_free(&in);
    vis_npy_free(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_become_what_networks_read),
        cmocka_unit_test(other_data_sets_likewise),
        cmocka_unit_test(crops_are_halved),
        cmocka_unit_test(grey_is_that_of_opencv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
