/* SyncVSR's windows: where its own code lays them, and what is cut out of frames of any size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/gray.h"
#include "signal/lrs_window.h"
#include "tasks/crop_place.h"

static void windows_lie_where_syncvsr_lays_them(void **state)
{
    /* x, y, height; -1: no face, so the one before, at first the middle with a height of its own */
    static const double boxes[7][3] = {{-1, -1, -1},      {80.3, 70.6, 81.9}, {100.7, 118.2, 90.0},
                                       {-1, -1, -1},      {10.0, 12.0, 50.0}, {150.5, 150.5, 64.0},
                                       {80.0, 63.0, 9.99}};
    static const struct {
        int side, height, at[7][2]; /* top, left */
    } sets[2] = {{160, 128, {{32, 16}, {22, 16}, {32, 32}, {32, 32}, {0, 0}, {32, 32}, {0, 16}}},
                 {224, 96, {{67, 48}, {22, 16}, {72, 36}, {72, 36}, {0, 0}, {96, 86}, {0, 16}}}};
    (void)state;
    for (int s = 0; s < 2; s++) {
        double box[3] = {sets[s].side / 2.0, sets[s].side / 2.0, sets[s].height};
        for (int i = 0; i < 7; i++) {
            int left, top;
            if (boxes[i][0] >= 0)
                memcpy(box, boxes[i], sizeof box);
            vis_lrs_window(box[0], box[1], box[2], sets[s].side, sets[s].side, &left, &top);
            assert_int_equal(top, sets[s].at[i][0]);
            assert_int_equal(left, sets[s].at[i][1]);
        }
    }
}

/* A picture of `width` x `height` pixels whose grey is known everywhere; B G R differ. */
static uint8_t *scene(int width, int height, double scale)
{
    uint8_t *bgr = malloc((size_t)(width * height) * 3);
    assert_non_null(bgr);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                bgr[(y * width + x) * 3 + c] =
                    (uint8_t)(128 + 50 * sin((x + 0.5) * 0.08 / scale + c) +
                              50 * cos((y + 0.5) * 0.07 / scale - c));
    return bgr;
}

static struct vis_place place_with(double x, double y, double height)
{
    return (struct vis_place){.box = {x, y, 0.8 * height, height}, .size = height};
}

static void frames_of_the_data_set_are_copied(void **state)
{
    uint8_t *bgr = scene(160, 160, 1), *crop = malloc(128 * 128 * 3);
    const struct vis_cutting all = {{bgr, 160, 160, 480, VISEME_BGR24}, 0, 0, 160, 160};
    const struct vis_place place = place_with(80.3, 70.6, 81.9); /* window at row 22, column 16 */
    const struct vis_rect window = {16, 22, 128, 128};
    uint8_t gray[128 * 128];
    (void)state;
    assert_non_null(crop);
    vis_place_cut(&place, VISEME_CROP_SYNCVSR_LRS2, &all, crop);
    vis_gray_reduce(&all.image, &window, 1, gray);
    for (int i = 0; i < 128 * 128 * 3; i++)
        assert_int_equal(crop[i], gray[i / 3]);
    free(bgr);
    free(crop);
}

static void other_frames_are_brought_to_its_size(void **state)
{
    /* the same scene 2.5 times as large, its face, too: nearly the same crop */
    uint8_t *small = scene(224, 224, 1), *large = scene(560, 560, 2.5);
    uint8_t *crops = malloc(2 * 128 * 128 * 3);
    const double height = 0.6 * 224;
    const struct vis_cutting a = {{small, 224, 224, 672, VISEME_BGR24}, 0, 0, 224, 224};
    const struct vis_cutting b = {{large, 560, 560, 1680, VISEME_BGR24}, 0, 0, 560, 560};
    const struct vis_place p = place_with(110, 100, height);
    const struct vis_place q = place_with(2.5 * 110, 2.5 * 100, 2.5 * height);
    double low[2], high[2], sum = 0;
    (void)state;
    assert_non_null(crops);
    vis_place_cut(&p, VISEME_CROP_SYNCVSR_LRS3, &a, crops);
    vis_place_cut(&q, VISEME_CROP_SYNCVSR_LRS3, &b, crops + 128 * 128 * 3);
    for (int i = 0; i < 128 * 128 * 3; i++)
        sum += abs(crops[i] - crops[128 * 128 * 3 + i]);
    assert_true(sum / (128 * 128 * 3) < 1.5);
    vis_place_bounds(&q, VISEME_CROP_SYNCVSR_LRS3, 560, 560, low, high);
    assert_true(fabs(high[0] - low[0] - 2.5 * 128) < 1e-9 && low[0] >= 0 && high[1] <= 560);
    free(small);
    free(large);
    free(crops);
}

static void windows_of_any_size_are_cut(void **state)
{
    /* faces from tiny to larger than the frame, anywhere: what is outside is black, all else grey
     */
    uint8_t *bgr = malloc(640 * 480 * 3), *crop = malloc(128 * 128 * 3);
    const struct vis_cutting all = {{bgr, 640, 480, 1920, VISEME_BGR24}, 0, 0, 640, 480};
    const struct vis_cutting sliver = {{bgr, 640, 1, 1920, VISEME_BGR24}, 0, 0, 640, 1};
    (void)state;
    assert_non_null(bgr);
    assert_non_null(crop);
    memset(bgr, 200, 640 * 480 * 3);
    for (double height = 0.5; height < 40000; height *= 1.7)
        for (int i = 0; i < 9; i++) {
            const struct vis_place place = place_with(i % 3 * 600 - 100, i / 3 * 400 - 50, height);
            vis_place_cut(&place, VISEME_CROP_SYNCVSR_LRS2, &all, crop);
            for (int k = 0; k < 128 * 128 * 3; k++)
                assert_true(crop[k] <= 200);
            if (height >= 50 && height < 200 && i == 4)
                assert_true(crop[(64 * 128 + 64) * 3] == 200);
            vis_place_cut(&place, VISEME_CROP_SYNCVSR_LRS3, &sliver, crop);
        }
    free(bgr);
    free(crop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_lie_where_syncvsr_lays_them),
        cmocka_unit_test(frames_of_the_data_set_are_copied),
        cmocka_unit_test(other_frames_are_brought_to_its_size),
        cmocka_unit_test(windows_of_any_size_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
