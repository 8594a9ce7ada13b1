/* The similarity warp against exact cases, a plain bilinear reading and a golden warp. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/npy.h"
#include "signal/warp.h"

#define GOLDENS "../shared/goldens/preprocessing/"

enum { WIDTH = 40, HEIGHT = 30, ROW = WIDTH * 3 };

static uint8_t noise[HEIGHT * ROW];

static viseme_image noise_image(void)
{
    srand(7);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)rand();
    return (viseme_image){noise, WIDTH, HEIGHT, ROW, VISEME_BGR24};
}

static void copies_exactly(void **state)
{
    const viseme_image bgr = noise_image();
    const viseme_image rgb = {noise, WIDTH, HEIGHT, ROW, VISEME_RGB24};
    const viseme_image flipped = {noise + (HEIGHT - 1) * ROW, WIDTH, HEIGHT, -ROW, VISEME_BGR24};
    const struct vis_similarity shift = {1, 0, 5, 3};
    uint8_t out[8 * 10 * 3];
    (void)state;
    vis_warp_bgr(&bgr, &shift, VIS_BORDER_ZERO, out, 10, 8);
    for (int y = 0; y < 8; y++)
        assert_memory_equal(out + y * 30, noise + (y + 3) * ROW + 15, 30);
    vis_warp_bgr(&flipped, &shift, VIS_BORDER_ZERO, out, 10, 8);
    for (int y = 0; y < 8; y++)
        assert_memory_equal(out + y * 30, noise + (HEIGHT - 1 - y - 3) * ROW + 15, 30);
    vis_warp_bgr(&rgb, &shift, VIS_BORDER_ZERO, out, 10, 8);
    assert_int_equal(out[0], noise[3 * ROW + 17]);
    assert_int_equal(out[1], noise[3 * ROW + 16]);
    assert_int_equal(out[2], noise[3 * ROW + 15]);
}

static void turns_by_a_right_angle(void **state)
{
    const viseme_image image = noise_image();
    const struct vis_similarity quarter = {0, 1, HEIGHT, 0}; /* (x, y) -> (HEIGHT - y, x) */
    uint8_t out[20 * 20 * 3];
    (void)state;
    vis_warp_bgr(&image, &quarter, VIS_BORDER_ZERO, out, 20, 20);
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 20; x++)
            assert_memory_equal(out + (y * 20 + x) * 3, noise + x * ROW + (HEIGHT - 1 - y) * 3, 3);
}

static double reading(int x, int y, int c, enum vis_border border)
{
    if (border == VIS_BORDER_ZERO && (x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT))
        return 0;
    x = x < 0 ? 0 : x >= WIDTH ? WIDTH - 1 : x;
    y = y < 0 ? 0 : y >= HEIGHT ? HEIGHT - 1 : y;
    return noise[y * ROW + x * 3 + c];
}

static double bilinear(double x, double y, int c, enum vis_border border)
{
    const int i = (int)floor(x - 0.5), j = (int)floor(y - 0.5);
    const double u = x - 0.5 - i, v = y - 0.5 - j;
    return (1 - v) * ((1 - u) * reading(i, j, c, border) + u * reading(i + 1, j, c, border)) +
           v * ((1 - u) * reading(i, j + 1, c, border) + u * reading(i + 1, j + 1, c, border));
}

static void reads_bilinearly_at_any_angle(void **state)
{
    enum { SIDE = 50 };
    const viseme_image image = noise_image();
    uint8_t out[SIDE * SIDE * 3];
    (void)state;
    for (int border = 0; border < 2; border++)
        for (int k = 0; k < 12; k++) {
            const double scale = 0.3 + 0.06 * k, angle = k * 0.7; /* scale below 1: one reading */
            const struct vis_similarity m = {scale * cos(angle), scale * sin(angle), 20.3, 15.7};
            vis_warp_bgr(&image, &m, (enum vis_border)border, out, SIDE, SIDE);
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++)
                    for (int c = 0; c < 3; c++) {
                        const double u = x + 0.5, v = y + 0.5;
                        const double want =
                            bilinear(m.a * u - m.b * v + m.tx, m.b * u + m.a * v + m.ty, c,
                                     (enum vis_border)border);
                        assert_true(fabs(out[(y * SIDE + x) * 3 + c] - want) < 0.75);
                    }
        }
}

static void shrinks_without_skipping(void **state)
{
    /* black and white pixels by turns: every crop that is smaller by 4 must be even grey */
    enum { SIDE = 128 };
    uint8_t *board = malloc(SIDE * SIDE * 3);
    uint8_t out[32 * 16 * 3];
    (void)state;
    assert_non_null(board);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        board[i] = (i / 3 + i / 3 / SIDE) % 2 ? 255 : 0;
    const viseme_image image = {board, SIDE, SIDE, SIDE * 3, VISEME_BGR24};
    for (int k = 2; k <= 4; k += 2) {
        const struct vis_similarity m = vis_similarity_box(64, 64, 32.0 * k, 32, 16);
        vis_warp_bgr(&image, &m, VIS_BORDER_NEAREST, out, 32, 16);
        for (size_t i = 0; i < sizeof out; i++)
            assert_true(abs(out[i] - 128) <= 1);
    }
    free(board);
}

static void boxes_are_centred(void **state)
{
    const struct vis_similarity m = vis_similarity_box(100, 50, 64, 128, 64);
    (void)state;
    assert_true(m.a == 0.5 && m.b == 0);
    assert_true(m.a * 64 + m.tx == 100 && m.a * 32 + m.ty == 50);
}

static void survives_senseless_matrices(void **state)
{
    static const double odd[] = {0, 1e-300, 1e30, -1e30, INFINITY, -INFINITY, NAN};
    const viseme_image image = noise_image();
    const viseme_image dot = {noise, 1, 1, 3, VISEME_BGR24};
    uint8_t out[4 * 4 * 3];
    (void)state;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++) {
            const struct vis_similarity m = {odd[i], odd[j], odd[j], odd[i]};
            memset(out, 1, sizeof out);
            vis_warp_bgr(&image, &m, VIS_BORDER_NEAREST, out, 4, 4);
            vis_warp_bgr(&image, &m, VIS_BORDER_ZERO, out, 4, 4);
            vis_warp_bgr(&dot, &m, VIS_BORDER_NEAREST, out, 4, 4);
            for (int k = 0; k < 16; k++)
                assert_memory_equal(out + k * 3, noise, 3);
        }
}

/* OpenCV's warpAffine rounds positions to 1/32 pixel: by the golden's own account up to 0.65 grey
 * levels from exact inside the picture, 4 where it meets the black border. */
static void agrees_with_a_golden_warp(void **state)
{
    struct vis_npy image = {0}, matrices = {0}, warped = {0};
    (void)state;
    if (access(GOLDENS, R_OK) != 0)
        skip();
    assert_int_equal(vis_npy_read(&image, GOLDENS "image_360x288.npy", NULL), VISEME_OK);
    assert_int_equal(vis_npy_read(&matrices, GOLDENS "mouth_align/matrices.npy", NULL), VISEME_OK);
    assert_int_equal(vis_npy_read(&warped, GOLDENS "mouth_align/warped_256.npy", NULL), VISEME_OK);
    const int height = (int)image.shape[0], width = (int)image.shape[1], pixels = 256 * 256 * 3;
    uint8_t *bytes = malloc((size_t)(width * height * 3)), *out = malloc((size_t)pixels);
    assert_non_null(bytes);
    assert_non_null(out);
    for (int i = 0; i < width * height * 3; i++)
        bytes[i] = (uint8_t)image.data[i];
    const viseme_image source = {bytes, width, height, (ptrdiff_t)width * 3, VISEME_BGR24};
    for (int k = 0; k < 3; k += 2) { /* the second set shrinks, which OpenCV does by skipping */
        /* the golden's matrix maps source to result, both in numbers of pixels */
        const float *f = matrices.data + k * 6;
        const double s = (double)f[0] * f[0] + (double)f[3] * f[3];
        const double a = f[0] / s, b = -f[3] / s;
        const double cx = f[2] + 0.5 - 0.5 * (f[0] + f[1]), cy = f[5] + 0.5 - 0.5 * (f[3] + f[4]);
        const struct vis_similarity m = {a, b, -(a * cx - b * cy), -(b * cx + a * cy)};
        int far = 0, worst = 0;
        vis_warp_bgr(&source, &m, VIS_BORDER_ZERO, out, 256, 256);
        for (int i = 0; i < pixels; i++) {
            const int off = abs(out[i] - (int)warped.data[(size_t)k * (size_t)pixels + (size_t)i]);
            worst = off > worst ? off : worst;
            far += off > 1;
        }
        assert_true(worst <= 5);
        assert_true(far < pixels / 100); /* the border only */
    }
    free(bytes);
    free(out);
    vis_npy_free(&image);
    vis_npy_free(&matrices);
    vis_npy_free(&warped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_exactly),
        cmocka_unit_test(turns_by_a_right_angle),
        cmocka_unit_test(reads_bilinearly_at_any_angle),
        cmocka_unit_test(shrinks_without_skipping),
        cmocka_unit_test(boxes_are_centred),
        cmocka_unit_test(survives_senseless_matrices),
        cmocka_unit_test(agrees_with_a_golden_warp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
