/* Resizing, warping and aligning with OpenCV's numbers: plain double references, exact cases, and
 * the goldens. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/npy.h"
#include "io/png.h"
#include "signal/align.h"

#define GOLDENS "../shared/goldens/"

enum { WIDTH = 53, HEIGHT = 41 };

static uint8_t noise[HEIGHT * WIDTH * 4];

static struct vis_bytes noise_of(int channels)
{
    srand(11);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(rand() >> 5);
    return (struct vis_bytes){noise, WIDTH, HEIGHT, channels, (ptrdiff_t)WIDTH * channels};
}

static double at(const struct vis_bytes *s, int x, int y, int c)
{
    return s->data[y * s->stride + x * s->channels + c];
}

static int within(int v, int last)
{
    return v < 0 ? 0 : v > last ? last : v;
}

/* ---- Resizing -------------------------------------------------------------------------------- */

static void resizes_bilinearly(void **state)
{
    static const int sizes[][2] = {{20, 31}, {53, 41}, {130, 99}, {1, 1}, {64, 200}, {53, 20}};
    (void)state;
    for (int n = 1; n <= 4; n++)
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            const struct vis_bytes s = noise_of(n);
            const int w = sizes[k][0], h = sizes[k][1];
            uint8_t *out = malloc((size_t)(w * h * n) + 1);
            assert_non_null(out);
            out[w * h * n] = 77;
            vis_resize(&s, out, w, h);
            assert_int_equal(out[w * h * n], 77);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    for (int c = 0; c < n; c++) {
                        const double u = (x + 0.5) * WIDTH / w - 0.5;
                        const double v = (y + 0.5) * HEIGHT / h - 0.5;
                        const int i = (int)floor(u), j = (int)floor(v);
                        double want = 0;
                        for (int q = 0; q < 4; q++)
                            want += (q % 2 ? u - i : i + 1 - u) * (q / 2 ? v - j : j + 1 - v) *
                                    at(&s, within(i + q % 2, WIDTH - 1),
                                       within(j + q / 2, HEIGHT - 1), c);
                        assert_true(fabs(out[(y * w + x) * n + c] - want) < 1.0);
                    }
            if (w == WIDTH && h == HEIGHT)
                assert_memory_equal(out, noise, (size_t)(w * h * n));
            free(out);
        }
}

static void halves_by_the_mean(void **state)
{
    const uint8_t four[2][4] = {{0, 1, 250, 255}, {1, 0, 255, 255}};
    const struct vis_bytes s = {four[0], 4, 2, 1, 4};
    const struct vis_bytes flipped = {four[1], 4, 2, 1, -4};
    uint8_t out[2];
    (void)state;
    vis_resize(&s, out, 2, 1);
    assert_int_equal(out[0], 1); /* (2 + 2) >> 2: halves go up */
    assert_int_equal(out[1], 254);
    vis_resize(&flipped, out, 2, 1);
    assert_int_equal(out[1], 254);
}

/* ---- Warping --------------------------------------------------------------------------------- */

static void warps_like_a_plain_loop(void **state)
{
    enum { SIDE = 64 };
    uint8_t out[SIDE * SIDE * 3], window[20 * 10 * 3];
    const struct vis_bytes s = noise_of(3);
    (void)state;
    for (int k = 0; k < 9; k++) {
        const double a = 0.4 + 0.17 * k, turn = 0.8 * k;
        const struct vis_affine back = {
            {{a * cos(turn), -a * sin(turn), 20.3 + k}, {a * sin(turn), a * cos(turn), 12.6 - k}}};
        vis_affine_warp(&s, &back, -3, 2, out, SIDE, SIDE);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int c = 0; c < 3; c++) {
                    double p[2], want = 0;
                    vis_affine_apply(&back, x - 3, y + 2, p);
                    const double u = floor(p[0] * 32 + 0.5) / 32, v = floor(p[1] * 32 + 0.5) / 32;
                    const int i = (int)floor(u), j = (int)floor(v);
                    for (int q = 0; q < 4; q++) {
                        const int xx = i + q % 2, yy = j + q / 2;
                        if (xx >= 0 && yy >= 0 && xx < WIDTH && yy < HEIGHT)
                            want += (q % 2 ? u - i : i + 1 - u) * (q / 2 ? v - j : j + 1 - v) *
                                    at(&s, xx, yy, c);
                    }
                    /* one step of 1/32 pixel where rounding is on the edge */
                    assert_true(fabs(out[(y * SIDE + x) * 3 + c] - want) < 16.5);
                }
        vis_affine_warp(&s, &back, 7, 22, window, 20, 10); /* a window is a part of the whole */
        for (int y = 0; y < 10; y++)
            assert_memory_equal(window + y * 60, out + ((y + 20) * SIDE + 10) * 3, 60);
    }
}

static void whole_steps_copy(void **state)
{
    const struct vis_bytes s = noise_of(3);
    const struct vis_affine back = {{{1, 0, 5}, {0, 1, 3}}};
    uint8_t out[10 * 8 * 3];
    (void)state;
    vis_affine_warp(&s, &back, 0, 0, out, 10, 8);
    for (int y = 0; y < 8; y++)
        assert_memory_equal(out + y * 30, noise + ((y + 3) * WIDTH + 5) * 3, 30);
    vis_affine_warp(&s, &back, -20, -20, out, 10, 8);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);
}

static void survives_senseless_matrices(void **state)
{
    static const double odd[] = {0, 1e-300, 1e30, -1e30, INFINITY, -INFINITY, NAN};
    const struct vis_bytes s = noise_of(3), dot = {noise, 1, 1, 3, 3};
    uint8_t out[4 * 4 * 3];
    (void)state;
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) {
            const struct vis_affine m = {{{odd[i], odd[j], odd[j]}, {odd[j], odd[i], odd[i]}}};
            const struct vis_affine back = vis_affine_inverse(&m);
            vis_affine_warp(&s, &m, 0, 0, out, 4, 4);
            vis_affine_warp(&s, &back, 0, 0, out, 4, 4);
            vis_affine_warp(&dot, &m, 0, 0, out, 4, 4);
        }
}

static void maps_go_there_and_back(void **state)
{
    const struct vis_affine m = {{{0.8, -0.3, 17}, {0.4, 1.1, -9}}};
    const struct vis_affine back = vis_affine_inverse(&m);
    double p[2];
    (void)state;
    vis_affine_apply(&m, 2, 3, p);
    assert_true(fabs(p[0] - 17.7) < 1e-12 && fabs(p[1] - (-4.9)) < 1e-12);
    vis_affine_apply(&back, p[0], p[1], p);
    assert_true(fabs(p[0] - 2) < 1e-12 && fabs(p[1] - 3) < 1e-12);
    const struct vis_affine flat = vis_affine_inverse(&(struct vis_affine){{{1, 2, 3}, {2, 4, 5}}});
    assert_true(flat.m[0][0] == 0 && flat.m[1][1] == 0);
}

/* ---- Aligning -------------------------------------------------------------------------------- */

static double uniform(void)
{
    return rand() / (double)RAND_MAX;
}

static void finds_the_similarity(void **state)
{
    (void)state;
    srand(3);
    for (int k = 0; k < 40; k++) {
        const double scale = 0.2 + 3 * uniform(), turn = 6.3 * uniform(), sign = k % 2 ? -1 : 1;
        const struct vis_affine m = {
            {{scale * cos(turn), -sign * scale * sin(turn), 40 * uniform()},
             {scale * sin(turn), sign * scale * cos(turn), -30 * uniform()}}};
        double p[20][2], q[20][2];
        for (int i = 0; i < 20; i++) {
            p[i][0] = 100 * uniform();
            p[i][1] = 80 * uniform();
            vis_affine_apply(&m, p[i][0], p[i][1], q[i]);
        }
        const struct vis_affine found =
            vis_align_similarity((const double(*)[2])p, (const double(*)[2])q, 20);
        for (int i = 0; i < 6; i++)
            assert_true(fabs(found.m[i / 3][i % 3] - m.m[i / 3][i % 3]) < 1e-9);
    }
}

/* No turn may lie closer: tries them all. The scale is a ratio of deviations. */
static void finds_the_best_turn(void **state)
{
    double p[15][2], q[15][2], best = HUGE_VAL, angle = 0, sp = 0, sq = 0;
    (void)state;
    srand(5);
    for (int i = 0; i < 15; i++)
        for (int j = 0; j < 2; j++) {
            p[i][j] = uniform() - 0.5;
            q[i][j] = 2 * p[i][j] + 0.4 * uniform();
        }
    for (int j = 0; j < 2; j++) {
        double cp = 0, cq = 0;
        for (int i = 0; i < 15; i++) {
            cp += p[i][j] / 15;
            cq += q[i][j] / 15;
        }
        for (int i = 0; i < 15; i++) {
            p[i][j] -= cp;
            q[i][j] -= cq;
            sp += p[i][j] * p[i][j];
            sq += q[i][j] * q[i][j];
        }
    }
    for (double t = -3.15; t < 3.15; t += 0.0005) {
        double sum = 0;
        for (int i = 0; i < 15; i++) {
            const double u = cos(t) * p[i][0] - sin(t) * p[i][1];
            const double v = sin(t) * p[i][0] + cos(t) * p[i][1];
            sum += (u - q[i][0]) * (u - q[i][0]) + (v - q[i][1]) * (v - q[i][1]);
        }
        if (sum < best) {
            best = sum;
            angle = t;
        }
    }
    const struct vis_affine m =
        vis_align_similarity((const double(*)[2])p, (const double(*)[2])q, 15);
    assert_true(fabs(atan2(m.m[1][0], m.m[0][0]) - angle) < 0.001);
    assert_true(fabs(hypot(m.m[0][0], m.m[1][0]) - sqrt(sq / sp)) < 1e-9);
    const double one[4][2] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}};
    assert_true(vis_align_similarity(one, (const double(*)[2])q, 4).m[0][0] == 0);
    assert_true(isfinite(vis_align_similarity((const double(*)[2])q, one, 4).m[0][2]));
}

/* ---- Goldens --------------------------------------------------------------------------------- */

static struct vis_npy golden(const char *name)
{
    struct vis_npy array = {0};
    char path[256];
    viseme_error err = {0};
    snprintf(path, sizeof path, GOLDENS "%s", name);
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

/* Bytes of a golden of bytes. */
static uint8_t *bytes_of(const struct vis_npy *array, size_t count)
{
    uint8_t *bytes = malloc(count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)array->data[i];
    return bytes;
}

/* Demands that at most `few` bytes differ, none by more than `most`. */
static void expect_bytes(const char *what, const uint8_t *have, const float *want, int count,
                         int most, int few)
{
    int worst = 0, off = 0;
    for (int i = 0; i < count; i++) {
        const int d = abs(have[i] - (int)want[i]);
        worst = d > worst ? d : worst;
        off += d > 0;
    }
    if (worst > most || off > few)
        fail_msg("%s: %d of %d bytes differ, by %d at most", what, off, count, worst);
}

static void points_of(const float *data, double out[51][2])
{
    for (int k = 0; k < 102; k++)
        out[k / 2][k % 2] = data[k];
}

static void agrees_with_mouth_align(void **state)
{
    enum { PIXELS = 256 * 256 * 3, CROP = 64 * 128 * 3 };
    (void)state;
    if (access(GOLDENS, R_OK) != 0)
        skip();
    struct vis_npy image = golden("preprocessing/image_360x288.npy");
    struct vis_npy landmarks = golden("preprocessing/mouth_align/landmarks.npy");
    struct vis_npy template = golden("preprocessing/mouth_align/template.npy");
    struct vis_npy matrices = golden("preprocessing/mouth_align/matrices.npy");
    struct vis_npy warped = golden("preprocessing/mouth_align/warped_256.npy");
    struct vis_npy crops = golden("preprocessing/mouth_align/crop_64x128_linear.npy");
    uint8_t *source = bytes_of(&image, 288 * 360 * 3), *out = malloc(PIXELS);
    const struct vis_bytes s = {source, 360, 288, 3, 360 * 3};
    double q[51][2];
    assert_non_null(out);
    points_of(template.data, q);
    for (int k = 0; k < 3; k++) {
        double p[51][2];
        points_of(landmarks.data + k * 102, p);
        const struct vis_affine m =
            vis_align_similarity((const double(*)[2])p, (const double(*)[2])q, 51);
        for (int i = 0; i < 6; i++) {
            const double want = matrices.data[k * 6 + i];
            assert_true(fabs(m.m[i / 3][i % 3] - want) < 1e-5 * fmax(1, fabs(want)));
        }
        const struct vis_affine back = vis_affine_inverse(&m);
        vis_affine_warp(&s, &back, 0, 0, out, 256, 256);
        expect_bytes("warped", out, warped.data + (size_t)k * PIXELS, PIXELS, 1, PIXELS / 1000);
        vis_affine_warp(&s, &back, 46, 139, out, 160, 80);
        const struct vis_bytes mouth = {out, 160, 80, 3, 160 * 3};
        uint8_t crop[CROP];
        vis_resize(&mouth, crop, 128, 64);
        expect_bytes("crop", crop, crops.data + (size_t)k * CROP, CROP, 1, CROP / 1000);
    }
    free(source);
    free(out);
    vis_npy_free(&image);
    vis_npy_free(&landmarks);
    vis_npy_free(&template);
    vis_npy_free(&matrices);
    vis_npy_free(&warped);
    vis_npy_free(&crops);
}

static const char *const frames[6] = {"s1_bbaf2n_f10", "s1_pgay3a_f40", "s1_swih6n_f70",
                                      "s5_lbax4n_f20", "s4_lwbsza_f45", "s26_swiz3n_f60"};

static void agrees_with_the_face_goldens(void **state)
{
    enum { CROP = 192 * 192 * 3, MOUTH = 64 * 128 * 3, SMALL = 128 * 128 * 3 };
    (void)state;
    if (access(GOLDENS, R_OK) != 0)
        skip();
    struct vis_npy inverse = golden("facemesh/affine_inv.npy");
    struct vis_npy crops = golden("facemesh/crop.npy");
    struct vis_npy landmarks = golden("facemesh/mouth51_px.npy");
    struct vis_npy template = golden("preprocessing/mouth_align/template.npy");
    struct vis_npy mouths = golden("facemesh/mouth_crop.npy");
    struct vis_npy small = golden("blazeface/input.npy");
    uint8_t *out = calloc(1, 256 * 256 * 3), *in = malloc(SMALL);
    double q[51][2];
    assert_non_null(out);
    assert_non_null(in);
    points_of(template.data, q);
    for (int k = 0; k < 6; k++) {
        char path[256];
        struct vis_picture picture;
        struct vis_affine back;
        double p[51][2];
        snprintf(path, sizeof path, GOLDENS "faces/%s.png", frames[k]);
        assert_int_equal(vis_png_read(&picture, path, 1 << 20, NULL), VISEME_OK);
        for (int i = 0; i < 360 * 288; i++) { /* the goldens hold R G B */
            const uint8_t blue = picture.bgr[3 * i];
            picture.bgr[3 * i] = picture.bgr[3 * i + 2];
            picture.bgr[3 * i + 2] = blue;
        }
        const struct vis_bytes s = {picture.bgr, 360, 288, 3, 360 * 3};
        for (int i = 0; i < 6; i++)
            back.m[i / 3][i % 3] = inverse.data[k * 6 + i];
        vis_affine_warp(&s, &back, 0, 0, out, 192, 192);
        expect_bytes("face", out, crops.data + (size_t)k * CROP, CROP, 2, CROP / 200);
        points_of(landmarks.data + k * 102, p);
        back = vis_align_similarity((const double(*)[2])p, (const double(*)[2])q, 51);
        back = vis_affine_inverse(&back);
        vis_affine_warp(&s, &back, 46, 139, out, 160, 80);
        const struct vis_bytes mouth = {out, 160, 80, 3, 160 * 3};
        uint8_t crop[MOUTH];
        vis_resize(&mouth, crop, 128, 64);
        expect_bytes("mouth", crop, mouths.data + (size_t)k * MOUTH, MOUTH, 2, MOUTH / 200);
        memset(out, 0, 256 * 256 * 3);
        vis_resize(&s, out + 26 * 256 * 3, 256, 204);
        const struct vis_bytes padded = {out, 256, 256, 3, 256 * 3};
        vis_resize(&padded, in, 128, 128);
        expect_bytes("detector's input", in, small.data + (size_t)k * SMALL, SMALL, 0, 0);
        vis_picture_free(&picture);
    }
    free(out);
    free(in);
    vis_npy_free(&inverse);
    vis_npy_free(&crops);
    vis_npy_free(&landmarks);
    vis_npy_free(&template);
    vis_npy_free(&mouths);
    vis_npy_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_bilinearly),
        cmocka_unit_test(halves_by_the_mean),
        cmocka_unit_test(warps_like_a_plain_loop),
        cmocka_unit_test(whole_steps_copy),
        cmocka_unit_test(survives_senseless_matrices),
        cmocka_unit_test(maps_go_there_and_back),
        cmocka_unit_test(finds_the_similarity),
        cmocka_unit_test(finds_the_best_turn),
        cmocka_unit_test(agrees_with_mouth_align),
        cmocka_unit_test(agrees_with_the_face_goldens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
