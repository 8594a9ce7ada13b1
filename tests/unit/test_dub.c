/* Dubbing: boxes, crops and pastes against those of Wav2Lip's inference, what is heard when, and
 * patches. */
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
#include "tasks/dub_net.h"
#include "tasks/dub_patch.h"
#include "tasks/dub_speech.h"
#include "tests/support/data.h"

#define GOLDENS "../shared/goldens/preprocessing/"

enum { FRAMES = 10, WIDTH = 360, HEIGHT = 288 };

/* ---- Boxes: face_crop/cases.json, boxes as x1, y1, x2, y2 and what inference.py makes of them --
 */

static const struct vis_box found[FRAMES] = {
    {116, 63, 232, 204}, {119, 65, 234, 202}, {117, 62, 237, 199}, {0, 52, 141, 190},
    {113, 60, 243, 201}, {117, 57, 243, 205}, {117, 54, 240, 202}, {230, 140, 372, 284},
    {116, 52, 247, 202}, {118, 48, 246, 206}};

static const struct vis_box smooth_10[FRAMES] = {
    {93, 60, 217, 209},  {93, 59, 219, 209},  {92, 57, 220, 209},  {115, 72, 245, 225},
    {138, 72, 266, 227}, {139, 70, 267, 228}, {144, 72, 272, 231}, {149, 76, 278, 235},
    {133, 63, 262, 224}, {136, 65, 265, 226}};
static const struct vis_box smooth_padded[FRAMES] = {
    {83, 45, 225, 219},  {83, 44, 227, 219},  {83, 42, 228, 219},  {105, 57, 251, 233},
    {126, 57, 273, 235}, {127, 55, 273, 236}, {132, 57, 278, 238}, {137, 61, 284, 242},
    {121, 48, 268, 232}, {124, 50, 271, 234}};
static const struct vis_box smooth_6[6] = {{93, 60, 217, 209}, {93, 59, 219, 209},
                                           {88, 58, 216, 208}, {82, 57, 212, 208},
                                           {98, 58, 226, 210}, {95, 57, 223, 210}};
static const struct vis_box smooth_3[3] = {
    {118, 63, 235, 210}, {118, 63, 235, 210}, {117, 62, 236, 209}};

static int same(struct vis_box a, struct vis_box b)
{
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

/* Pads and smooths the first `count` boxes. */
static void smooth(const int pads[4], int count, struct vis_box *out)
{
    struct vis_smoother s = {0};
    int n = 0;
    for (int i = 0; i < count; i++)
        n += vis_smoother_push(&s, vis_box_pad(found[i], pads, WIDTH, HEIGHT), out + n);
    n += vis_smoother_finish(&s, out + n);
    assert_int_equal(n, count);
    assert_int_equal(vis_smoother_finish(&s, out), 0); /* it starts anew */
}

static void smooths_as_the_original(void **state)
{
    static const int usual[4] = {0, 10, 0, 0}, wide[4] = {15, 20, 12, 8};
    static const struct {
        const int *pads;
        int count;
        const struct vis_box *expected;
    } cases[] = {{usual, 10, smooth_10},
                 {wide, 10, smooth_padded},
                 {usual, 6, smooth_6},
                 {usual, 3, smooth_3}};
    struct vis_box out[FRAMES + VIS_SMOOTH_SPAN];
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        smooth(cases[k].pads, cases[k].count, out);
        for (int i = 0; i < cases[k].count; i++)
            if (!same(out[i], cases[k].expected[i]))
                fail_msg("case %zu, box %d: %d %d %d %d", k, i, out[i].x0, out[i].y0, out[i].x1,
                         out[i].y1);
    }
}

static void cuts_boxes_to_the_frame(void **state)
{
    static const int pads[4] = {100, 200, 300, 400};
    const struct vis_box all = {0, 0, WIDTH, HEIGHT};
    (void)state;
    assert_true(same(vis_box_pad(found[0], pads, WIDTH, HEIGHT), all));
}

/* ---- Crops and pastes --------------------------------------------------------------------------
 */

/* Reads an array of bytes; skips where it is not. */
static uint8_t *read_bytes(const char *path, size_t count)
{
    struct vis_npy array;
    if (access(path, R_OK) != 0)
        skip();
    assert_int_equal(vis_npy_read(&array, path, NULL), VISEME_OK);
    uint8_t *bytes = malloc(count);
    assert_non_null(bytes);
    size_t n = 1;
    for (int i = 0; i < array.rank; i++)
        n *= (size_t)array.shape[i];
    assert_int_equal(n, count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)array.data[i];
    vis_npy_free(&array);
    return bytes;
}

static viseme_image picture_of(const uint8_t *bytes, viseme_pixel format)
{
    return (viseme_image){bytes, WIDTH, HEIGHT, 3 * (ptrdiff_t)WIDTH, format};
}

static void crops_as_the_original(void **state)
{
    (void)state;
    uint8_t *image = read_bytes(GOLDENS "image_360x288.npy", 3 * WIDTH * HEIGHT);
    uint8_t *faces =
        read_bytes(GOLDENS "face_crop/faces_96.npy", (size_t)FRAMES * VIS_DUB_FACE_BYTES);
    const viseme_image picture = picture_of(image, VISEME_BGR24);
    uint8_t face[VIS_DUB_FACE_BYTES];
    for (int i = 0; i < FRAMES; i++) {
        vis_dub_cut(&picture, smooth_10[i], face);
        assert_memory_equal(face, faces + (ptrdiff_t)i * VIS_DUB_FACE_BYTES, sizeof face);
    }
    free(image);
    free(faces);
}

static void pastes_as_the_original(void **state)
{
    static const int frames[2] = {0, 7};
    const size_t bytes = 3 * WIDTH * HEIGHT;
    (void)state;
    uint8_t *image = read_bytes(GOLDENS "image_360x288.npy", bytes);
    uint8_t *pasted = read_bytes(GOLDENS "face_crop/pasted_frames_0_and_7.npy", 2 * bytes);
    uint8_t *made = read_bytes(test_repository("tests/goldens/face_crop/predictions.npy"),
                               (size_t)2 * VIS_DUB_FACE_BYTES);
    uint8_t *frame = malloc(bytes);
    for (int k = 0; k < 2; k++) {
        const struct vis_box box = smooth_10[frames[k]];
        viseme_patch patch;
        uint8_t *memory = malloc(vis_dub_patch_bytes(box));
        assert_non_null(memory);
        memcpy(frame, image, bytes);
        vis_dub_patch(&patch, memory, box, NULL, made + (ptrdiff_t)k * VIS_DUB_FACE_BYTES, 1, NULL);
        for (int y = 0; y < patch.height; y++)
            for (int x = 0; x < patch.width; x++) {
                const size_t at = (size_t)y * (size_t)patch.width + (size_t)x;
                assert_int_equal(patch.mask[at], 255);
                memcpy(frame + 3 * ((patch.y + y) * WIDTH + patch.x + x), patch.bgr + 3 * at, 3);
            }
        assert_memory_equal(frame, pasted + (size_t)k * bytes, bytes);
        free(memory);
    }
    free(frame);
    free(image);
    free(pasted);
    free(made);
}

/* ---- Patches -----------------------------------------------------------------------------------
 */

static void fill_noise(uint8_t *bytes, size_t count, unsigned seed)
{
    srand(seed);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(60 + (rand() >> 5) % 120);
}

static void crops_rgb_as_bgr(void **state)
{
    static uint8_t bgr[3 * WIDTH * HEIGHT], rgb[3 * WIDTH * HEIGHT];
    uint8_t one[VIS_DUB_FACE_BYTES], other[VIS_DUB_FACE_BYTES];
    (void)state;
    fill_noise(bgr, sizeof bgr, 3);
    for (size_t i = 0; i < sizeof bgr; i++)
        rgb[i - i % 3 + 2 - i % 3] = bgr[i];
    const viseme_image a = picture_of(bgr, VISEME_BGR24), b = picture_of(rgb, VISEME_RGB24);
    vis_dub_cut(&a, found[0], one);
    vis_dub_cut(&b, found[0], other);
    assert_memory_equal(one, other, sizeof one);
}

/* A face that is too dark and tilted in its light comes out as the frame has it, and the mask is
 * closed at the border. */
static void matches_colours(void **state)
{
    enum { SIDE = VIS_DUB_SIDE };
    static uint8_t was[VIS_DUB_FACE_BYTES], made[VIS_DUB_FACE_BYTES];
    const struct vis_box box = {5, 7, 5 + SIDE, 7 + SIDE};
    uint8_t *memory = malloc(vis_dub_patch_bytes(box));
    struct vis_colour_match match = {0};
    viseme_patch patch;
    (void)state;
    assert_non_null(memory);
    fill_noise(was, sizeof was, 5);
    for (int i = 0; i < VIS_DUB_FACE_BYTES; i++)
        made[i] = (uint8_t)(was[i] - 20 + (i / 3 % SIDE - SIDE / 2) / 8 + 4 * (i % 3));
    vis_dub_patch(&patch, memory, box, was, made, 1, &match);
    assert_int_equal(patch.x, 5);
    assert_int_equal(patch.height, SIDE);
    for (int i = 0; i < VIS_DUB_FACE_BYTES; i++)
        assert_in_range(abs(patch.bgr[i] - was[i]), 0, 2);
    for (int i = 0; i < SIDE; i++) {
        assert_int_equal(patch.mask[i], 0);
        assert_int_equal(patch.mask[(SIDE - 1) * SIDE + i], 0);
        assert_int_equal(patch.mask[i * SIDE], 0);
        assert_int_equal(patch.mask[i * SIDE + SIDE - 1], 0);
    }
    assert_int_equal(patch.mask[72 * SIDE + 48], 255);
    vis_dub_patch(&patch, memory, box, was, made, 0.5, &match);
    assert_in_range(patch.mask[72 * SIDE + 48], 127, 128);
    free(memory);
}

static void cuts_what_was_pasted(void **state)
{
    static uint8_t image[3 * WIDTH * HEIGHT];
    uint8_t made[VIS_DUB_FACE_BYTES], face[VIS_DUB_FACE_BYTES];
    const struct vis_box box = {100, 60, 100 + VIS_DUB_SIDE, 60 + VIS_DUB_SIDE};
    uint8_t *memory = malloc(vis_dub_patch_bytes(box)), *scratch = malloc(vis_dub_patch_bytes(box));
    const viseme_image picture = picture_of(image, VISEME_BGR24);
    viseme_patch patch;
    (void)state;
    fill_noise(image, sizeof image, 6);
    fill_noise(made, sizeof made, 7);
    vis_dub_patch(&patch, memory, box, NULL, made, 1, NULL);
    vis_dub_cut_pasted(&picture, box, &patch, scratch, face);
    assert_memory_equal(face, made, sizeof face);
    free(memory);
    free(scratch);
}

/* ---- Speech ------------------------------------------------------------------------------------
 */

enum { SECONDS = 3, SAMPLES = SECONDS * VIS_FEATURES_RATE };

/* Tones of rising pitch, so that every row of mel is another one. */
static void fill_speech(float *samples, int count)
{
    for (int i = 0; i < count; i++) {
        const double t = (double)i / VIS_FEATURES_RATE;
        samples[i] = (float)(0.3 * sin(2 * 3.14159265 * (200 + 400 * t) * t));
    }
}

static struct vis_dub_speech *hear(const float *samples, size_t count, size_t block)
{
    struct vis_dub_speech *s;
    assert_int_equal(vis_dub_speech_open(&s, NULL), VISEME_OK);
    for (size_t at = 0; at < count; at += block)
        assert_int_equal(
            vis_dub_speech_push(s, samples + at, count - at < block ? count - at : block, NULL),
            VISEME_OK);
    return s;
}

/* The rows of frame i are those from floor(80 i / fps) on, at the end the last ones; 75 frames of
 * three seconds all have some. */
static void chunks_as_the_original(void **state)
{
    static const double rates[] = {25, 29.97, 30, 30000.0 / 1001};
    static float samples[SAMPLES], chunk[VIS_DUB_MEL];
    struct vis_features *mel;
    size_t rows;
    (void)state;
    fill_speech(samples, SAMPLES);
    struct vis_dub_speech *s = hear(samples, SAMPLES, 1000);
    assert_int_equal(vis_mel_open(&mel, NULL), VISEME_OK);
    assert_int_equal(vis_features_push(mel, samples, SAMPLES, NULL), VISEME_OK);
    assert_int_equal(vis_features_finish(mel, NULL), VISEME_OK);
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_OK);
    const float *expected = vis_features_rows(mel, &rows);
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int i = 0; i < SECONDS * rates[r]; i++) {
            const size_t first = vis_mel_chunk_start(rows, rates[r], (size_t)i);
            vis_dub_speech_chunk(s, i / rates[r], chunk);
            for (size_t row = 0; row < VIS_MEL_CHUNK; row++)
                for (size_t band = 0; band < VIS_MEL_BANDS; band++)
                    assert_true(chunk[band * VIS_MEL_CHUNK + row] ==
                                expected[(first + row) * VIS_MEL_BANDS + band]);
        }
    vis_features_close(mel);
    vis_dub_speech_free(s);
}

/* What was heard before is gone; a chunk stays what it is. */
static void forgets_speech(void **state)
{
    static float samples[SAMPLES], chunk[VIS_DUB_MEL], again[VIS_DUB_MEL];
    (void)state;
    fill_speech(samples, SAMPLES);
    struct vis_dub_speech *s = hear(samples, SAMPLES, 1000);
    for (int i = 1; i < 20; i++) {
        assert_int_equal(vis_dub_speech_push(s, samples, SAMPLES, NULL), VISEME_OK);
        vis_dub_speech_chunk(s, SECONDS * i - 0.9, chunk);
        vis_dub_speech_forget(s, SECONDS * i - 0.9);
        vis_dub_speech_chunk(s, SECONDS * i - 0.9, again);
        assert_memory_equal(chunk, again, sizeof chunk);
    }
    assert_true(vis_dub_speech_ready(s, SECONDS * 20 - 0.5));
    assert_false(vis_dub_speech_ready(s, SECONDS * 20));
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_OK);
    vis_dub_speech_chunk(s, 1000, chunk);
    vis_dub_speech_forget(s, 1000);
    vis_dub_speech_chunk(s, 2000, again);
    assert_memory_equal(chunk, again, sizeof chunk);
    vis_dub_speech_free(s);
}

static void waits_for_speech(void **state)
{
    static float samples[SAMPLES];
    (void)state;
    fill_speech(samples, SAMPLES);
    struct vis_dub_speech *s = hear(samples, VIS_FEATURES_RATE, 333);
    assert_true(vis_dub_speech_ready(s, 0.6));
    assert_false(vis_dub_speech_ready(s, 0.8));
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_OK);
    assert_true(vis_dub_speech_ready(s, 0.8));
    assert_int_equal(vis_dub_speech_push(s, samples, 1, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_ERR_ARGUMENT);
    vis_dub_speech_free(s);
}

static void hears_short_speech(void **state)
{
    static float samples[800], chunk[VIS_DUB_MEL];
    (void)state;
    fill_speech(samples, 800);
    struct vis_dub_speech *s = hear(samples, 800, 800);
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_OK);
    vis_dub_speech_chunk(s, 0.04, chunk);
    for (size_t band = 0; band < VIS_MEL_BANDS; band++)
        assert_true(chunk[band * VIS_MEL_CHUNK + 15] == -4.0f); /* silence */
    vis_dub_speech_free(s);
    s = hear(samples, 0, 1);
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_ERR_INPUT);
    vis_dub_speech_free(s);
}

/* Voice from 1 s to 2 s; around it noise that is 50 dB weaker. */
static void tells_voice_from_silence(void **state)
{
    static float samples[SAMPLES];
    (void)state;
    fill_speech(samples, SAMPLES);
    for (int i = 0; i < SAMPLES; i++)
        if (i < VIS_FEATURES_RATE || i >= 2 * VIS_FEATURES_RATE)
            samples[i] *= 0.003f;
    struct vis_dub_speech *s = hear(samples, SAMPLES, 4000);
    assert_int_equal(vis_dub_speech_end(s, NULL), VISEME_OK);
    assert_true(vis_dub_speech_voice(s, 0.5) == 0);
    assert_true(vis_dub_speech_voice(s, 1.5) == 1);
    assert_true(vis_dub_speech_voice(s, 2.1) == 1);
    const double fading = vis_dub_speech_voice(s, 2.22);
    assert_true(fading > 0.1 && fading < 0.9);
    assert_true(vis_dub_speech_voice(s, 2.4) == 0);
    assert_true(vis_dub_speech_voice(s, 100) == 0);
    vis_dub_speech_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smooths_as_the_original), cmocka_unit_test(cuts_boxes_to_the_frame),
        cmocka_unit_test(crops_as_the_original),   cmocka_unit_test(pastes_as_the_original),
        cmocka_unit_test(crops_rgb_as_bgr),        cmocka_unit_test(matches_colours),
        cmocka_unit_test(cuts_what_was_pasted),    cmocka_unit_test(chunks_as_the_original),
        cmocka_unit_test(waits_for_speech),        cmocka_unit_test(forgets_speech),
        cmocka_unit_test(hears_short_speech),      cmocka_unit_test(tells_voice_from_silence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
