/* Turning and mirroring pictures, and display matrices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/orient.h"

enum { ONE = 65536, WIDTH = 70, HEIGHT = 37, GAP = 5, STRIDE = 3 * WIDTH + GAP };

/* a b c d of the matrix; what it is. */
static const struct {
    int a, b, c, d, orientation, degrees, mirrored;
} cases[] = {
    {1, 0, 0, 1, 0, 0, 0},
    {-1, 0, 0, 1, VIS_ORIENT_FLIP_X, 0, 1},
    {1, 0, 0, -1, VIS_ORIENT_FLIP_Y, 180, 1},
    {-1, 0, 0, -1, VIS_ORIENT_FLIP_X | VIS_ORIENT_FLIP_Y, 180, 0},
    {0, 1, 1, 0, VIS_ORIENT_TRANSPOSE, 90, 1},
    {0, 1, -1, 0, VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_X, 90, 0},
    {0, -1, 1, 0, VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_Y, 270, 0},
    {0, -1, -1, 0, VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_X | VIS_ORIENT_FLIP_Y, 270, 1},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void knows_the_eight_matrices(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const int32_t exact[9] = {
            cases[i].a * ONE, cases[i].b * ONE, 0, cases[i].c * ONE, cases[i].d * ONE, 0, 7, 8,
            1 << 30};
        const int32_t rough[9] = {cases[i].a * 40000 + 300,
                                  cases[i].b * 50000 + 300,
                                  0,
                                  cases[i].c * 60000 + 300,
                                  cases[i].d * 70000 + 300,
                                  0,
                                  0,
                                  0,
                                  1 << 30};
        int odd = -1, degrees, mirrored;
        assert_int_equal(vis_orient_from_matrix(exact, &odd), cases[i].orientation);
        assert_int_equal(odd, 0);
        assert_int_equal(vis_orient_from_matrix(rough, &odd), cases[i].orientation);
        assert_int_equal(odd, 0);
        vis_orient_describe(cases[i].orientation, &degrees, &mirrored);
        assert_int_equal(degrees, cases[i].degrees);
        assert_int_equal(mirrored, cases[i].mirrored);
    }
}

static void says_what_it_cannot_turn(void **state)
{
    static const int32_t odd_ones[][9] = {
        {46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30}, /* 45 degrees */
        {65526, 2287, 0, -2287, 65526, 0, 0, 0, 1 << 30},   /* 2 degrees */
        {0, 0, 0, 0, 0, 0, 0, 0, 0},
        {ONE, 0, 0, 0, 0, 0, 0, 0, 1 << 30},
        {INT32_MIN, INT32_MIN, 0, INT32_MIN, INT32_MIN, 0, 0, 0, 1 << 30},
    };
    (void)state;
    for (size_t i = 0; i < sizeof odd_ones / sizeof *odd_ones; i++) {
        int odd = 0;
        assert_int_equal(vis_orient_from_matrix(odd_ones[i], &odd), 0);
        assert_int_equal(odd, 1);
    }
}

/* Every pixel goes where the matrix says, moved so that the picture starts at 0, 0. */
static void moves_every_pixel(void **state)
{
    static uint8_t pixels[STRIDE * HEIGHT], upright[3 * WIDTH * HEIGHT + 1];
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    for (int i = 0; i < 2 * CASES; i++) {
        const int a = cases[i / 2].a, b = cases[i / 2].b, c = cases[i / 2].c, d = cases[i / 2].d;
        int bottom_up = i % 2;
        viseme_image image = {bottom_up ? pixels + (HEIGHT - 1) * STRIDE : pixels, WIDTH, HEIGHT,
                              bottom_up ? -STRIDE : STRIDE, VISEME_RGB24};
        const viseme_image source = image;
        upright[sizeof upright - 1] = 0xA5;
        vis_orient_apply(&image, cases[i / 2].orientation, upright);
        assert_int_equal(image.width, a ? WIDTH : HEIGHT);
        assert_int_equal(image.height, a ? HEIGHT : WIDTH);
        assert_int_equal(image.stride, 3 * image.width);
        assert_int_equal(image.format, VISEME_RGB24);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                int u = a * x + c * y, v = b * x + d * y;
                u += u < 0 || a < 0 || c < 0 ? image.width - 1 : 0;
                v += v < 0 || b < 0 || d < 0 ? image.height - 1 : 0;
                assert_memory_equal(image.data + v * image.stride + 3 * u,
                                    source.data + y * source.stride + 3 * x, 3);
            }
        assert_int_equal(upright[sizeof upright - 1], 0xA5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_eight_matrices),
        cmocka_unit_test(says_what_it_cannot_turn),
        cmocka_unit_test(moves_every_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
