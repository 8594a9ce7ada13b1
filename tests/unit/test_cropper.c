/* The mouth cropper on drawn faces, found by a small cascade made for them, and on real clips where
 * those are at hand. */
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

#include "tests/support/drawn_face.h"
#include "tests/support/scratch.h"
#include "viseme.h"

#define CLIPS "../shared/clips/grid/"
#define FACES "/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml"

enum { CROP_BYTES = 64 * 128 * 3 };

/* Where the drawn mouth is in a crop: the centre of what is dark. */
static void mouth_in(const viseme_crop *crop, double *x, double *y)
{
    double sum = 0, sx = 0, sy = 0;
    for (int j = 0; j < 64; j++)
        for (int i = 0; i < 128; i++) {
            const double dark = fmax(0, 120 - crop->bgr[(j * 128 + i) * 3 + 1]);
            sum += dark;
            sx += dark * (i + 0.5);
            sy += dark * (j + 0.5);
        }
    assert_true(sum > 0);
    *x = sx / sum;
    *y = sy / sum;
}

static viseme_cropper *open_drawn(double rate)
{
    const viseme_crop_options o = {
        .cascade_xml = drawn_cascade, .cascade_bytes = strlen(drawn_cascade), .rate = rate};
    viseme_cropper *c = NULL;
    viseme_error err = {0};
    if (viseme_cropper_open(&c, &o, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return c;
}

/* What a run gave. */
struct run {
    int64_t crops, held;
    uint8_t last[CROP_BYTES];
};

static void take(viseme_cropper *c, struct run *run)
{
    viseme_crop crop;
    while (viseme_cropper_next(c, &crop)) {
        assert_int_equal(crop.index, run->crops);
        assert_int_equal(crop.width, 128);
        assert_int_equal(crop.height, 64);
        run->crops++;
        run->held += crop.held != 0;
        memcpy(run->last, crop.bgr, CROP_BYTES);
    }
}

/* ---- Geometry and smoothness -------------------------------------------------------------------
 */

static void cuts_where_the_mouth_is(void **state)
{
    static const struct {
        int width, height;
        double x, y, size;
    } cases[] = {{360, 288, 170.3, 140.6, 120},
                 {360, 288, 120, 100, 61},
                 {640, 360, 400.5, 200, 200},
                 {1920, 1080, 1300, 500, 480},
                 {300, 700, 140, 300, 150}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double size = cases[i].size;
        viseme_cropper *c = open_drawn(0);
        struct canvas canvas = blank(cases[i].width, cases[i].height);
        viseme_face face = {0};
        viseme_crop crop;
        double x = 0, y = 0;
        draw_face(&canvas, cases[i].x, cases[i].y, size);
        for (int k = 0; k < 10; k++) {
            assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.04, NULL), VISEME_OK);
            assert_int_equal(viseme_cropper_face(c, &face), 1);
            assert_int_equal(viseme_cropper_next(c, &crop), k > 0);
            assert_int_equal(viseme_cropper_next(c, &crop), 0);
        }
        assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_next(c, &crop), 1);
        assert_true(fabs(face.x + face.width / 2 - cases[i].x) < 0.04 * size);
        assert_true(fabs(face.y + face.height / 2 - cases[i].y) < 0.04 * size);
        assert_true(fabs(face.width / size - 1) < 0.08);
        assert_true(fabs(face.mouth_x - (face.x + 0.503 * face.width)) < 1e-9);
        assert_true(fabs(face.mouth_y - (face.y + 0.825 * face.height)) < 1e-9);
        assert_true(face.confidence > 0.5 && face.confidence <= 1);
        assert_true(fabs(crop.time_s - 9 * 0.04) < 1e-12);
        /* the drawn mouth is at (0.5, 0.8) of the box as it was found */
        mouth_in(&crop, &x, &y);
        const double scale = 128 / (0.687 * face.width); /* crop pixels to a frame pixel */
        assert_true(fabs(x - 64 - (cases[i].x - face.mouth_x) * scale) < 0.7);
        assert_true(fabs(y - 32 - (cases[i].y + 0.3 * size - face.mouth_y) * scale) < 0.7);
        viseme_cropper_close(c);
        free(canvas.bytes);
    }
}

static void follows_a_moving_face_smoothly(void **state)
{
    enum { FRAMES = 100, CALM = 20 };
    double x[FRAMES], y[FRAMES], mean_x = 0, mean_y = 0;
    viseme_cropper *c = open_drawn(0);
    int count = 0;
    (void)state;
    for (int k = 0; k <= FRAMES; k++) {
        struct canvas canvas = blank(360, 288);
        viseme_crop crop;
        draw_face(&canvas, 150 + 50 * sin(k * 0.06), 130 + 20 * sin(k * 0.11),
                  110 + 8 * sin(k * 0.03));
        if (k < FRAMES)
            assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.04, NULL), VISEME_OK);
        else
            assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        while (viseme_cropper_next(c, &crop)) {
            assert_int_equal(crop.held, 0);
            assert_true(count < FRAMES);
            mouth_in(&crop, &x[count], &y[count]);
            count++;
        }
        free(canvas.bytes);
    }
    assert_int_equal(count, FRAMES);
    for (int k = CALM; k < FRAMES; k++) {
        mean_x += x[k] / (FRAMES - CALM);
        mean_y += y[k] / (FRAMES - CALM);
    }
    for (int k = 0; k < FRAMES; k++) {
        assert_true(fabs(x[k] - mean_x) < 2.5 && fabs(y[k] - mean_y) < 2.5);
        if (k > CALM) /* from frame to frame, in pixels of the crop */
            assert_true(hypot(x[k] - x[k - 1], y[k] - y[k - 1]) < 1);
    }
    viseme_cropper_close(c);
}

static void pixel_order_and_direction_do_not_matter(void **state)
{
    enum { WIDTH = 200, HEIGHT = 180 };
    struct canvas canvas = blank(WIDTH, HEIGHT);
    uint8_t *other = malloc(WIDTH * HEIGHT * 3);
    struct run runs[2] = {{0}, {0}};
    (void)state;
    assert_non_null(other);
    draw_face(&canvas, 100, 90, 90);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int b = 0; b < 3; b++)
                other[((HEIGHT - 1 - y) * WIDTH + x) * 3 + 2 - b] =
                    canvas.bytes[(y * WIDTH + x) * 3 + b];
    const viseme_image upside_down = {other + (HEIGHT - 1) * WIDTH * 3, WIDTH, HEIGHT, -WIDTH * 3,
                                      VISEME_RGB24};
    for (int k = 0; k < 2; k++) {
        viseme_cropper *c = open_drawn(0);
        assert_int_equal(viseme_cropper_push(c, k ? &upside_down : &canvas.image, 0, NULL),
                         VISEME_OK);
        take(c, &runs[k]);
        assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        take(c, &runs[k]);
        assert_int_equal(runs[k].crops, 1);
        viseme_cropper_close(c);
    }
    assert_memory_equal(runs[0].last, runs[1].last, CROP_BYTES);
    free(canvas.bytes);
    free(other);
}

/* ---- Time
 * ---------------------------------------------------------------------------------------- */

/* Pushes `frames` frames with the given times and counts. */
static struct run run_times(double rate, int frames, double (*time_of)(int))
{
    struct canvas canvas = blank(160, 140);
    viseme_cropper *c = open_drawn(rate);
    struct run run = {0};
    draw_face(&canvas, 80, 70, 70);
    for (int k = 0; k < frames; k++) {
        assert_int_equal(viseme_cropper_push(c, &canvas.image, time_of(k), NULL), VISEME_OK);
        take(c, &run);
    }
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
    take(c, &run);
    viseme_cropper_close(c);
    free(canvas.bytes);
    return run;
}

static double at_25(int k)
{
    return 7.04 + k / 25.0;
}
static double at_25_jittered(int k) /* rounded to 5 ms, as a sloppy container does */
{
    return rint((k / 25.0 + (k % 3) * 0.002) * 200) / 200;
}
static double at_30_in_ms(int k)
{
    return rint(k * 1000 / 30.0) / 1000;
}
static double at_50(int k)
{
    return -3 + k / 50.0;
}
static double at_12_5(int k)
{
    return k / 12.5;
}
static double at_29_97(int k)
{
    return k * 1001 / 30000.0;
}
static double standing_still(int k)
{
    (void)k;
    return 5;
}
static double going_back(int k)
{
    return k < 10 ? k / 25.0 : 0.2;
}
static double with_a_pause(int k)
{
    return k < 5 ? k / 25.0 : 60 + k / 25.0;
}

static void there_is_a_crop_for_every_tick(void **state)
{
    static const struct {
        double rate;
        int frames;
        double (*time_of)(int);
        int64_t crops;
    } cases[] = {
        {0, 75, at_25, 75},         {25, 75, at_25_jittered, 75}, {25, 90, at_30_in_ms, 75},
        {25, 150, at_50, 75},       {25, 38, at_12_5, 75},        {25, 300, at_29_97, 250},
        {50, 75, at_25, 149},       {10, 75, at_25, 30},          {25, 1, at_25, 1},
        {25, 9, standing_still, 1}, {25, 20, going_back, 10},     {25, 10, with_a_pause, 1510},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct run run = run_times(cases[i].rate, cases[i].frames, cases[i].time_of);
        if (run.crops != cases[i].crops)
            fail_msg("case %zu: %lld crops", i, (long long)run.crops);
        assert_int_equal(run.held, 0);
    }
}

static void takes_the_frame_that_is_there(void **state)
{
    /* at 50 frames a second, brighter and brighter: crop k must show frame 2k */
    viseme_cropper *c = open_drawn(25);
    viseme_crop crop;
    int64_t seen = 0;
    (void)state;
    for (int k = 0; k <= 60; k++) {
        struct canvas canvas = blank(160, 140);
        draw_face(&canvas, 80, 70, 70);
        for (int i = 0; i < 160 * 140 * 3; i++)
            canvas.bytes[i] = (uint8_t)(canvas.bytes[i] * 0.7 + k);
        if (k < 60)
            assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.02, NULL), VISEME_OK);
        else
            assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        while (viseme_cropper_next(c, &crop)) {
            const int cheek = crop.bgr[(5 * 128 + 64) * 3 + 1]; /* 190 * 0.7 + frame */
            assert_true(abs(cheek - 133 - 2 * (int)crop.index) <= 1);
            seen++;
        }
        free(canvas.bytes);
    }
    assert_int_equal(seen, 30);
    viseme_cropper_close(c);
}

static void holds_where_there_is_no_face(void **state)
{
    struct canvas face = blank(200, 180), empty = blank(200, 180);
    viseme_cropper *c = open_drawn(25);
    struct run run = {0};
    uint8_t first[CROP_BYTES];
    (void)state;
    draw_face(&face, 100, 90, 90);
    for (int k = 0; k < 50; k++) { /* two seconds of nothing: nothing comes out */
        assert_int_equal(viseme_cropper_push(c, &empty.image, k * 0.04, NULL), VISEME_OK);
        take(c, &run);
        assert_int_equal(run.crops, 0);
    }
    for (int k = 50; k < 75; k++) {
        assert_int_equal(viseme_cropper_push(c, &face.image, k * 0.04, NULL), VISEME_OK);
        take(c, &run);
    }
    assert_int_equal(run.crops, 74);
    /* the search goes on five times a second */
    assert_true(run.held >= 50 && run.held <= 55);
    const int64_t held = run.held;
    for (int k = 75; k < 100; k++) {
        viseme_face f;
        assert_int_equal(viseme_cropper_push(c, &empty.image, k * 0.04, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_face(c, &f), 0);
        take(c, &run);
        if (k == 75) /* the last crop with a face has just come out */
            memcpy(first, run.last, CROP_BYTES);
    }
    assert_memory_equal(first, run.last, CROP_BYTES);
    assert_int_equal(run.crops, 99);
    assert_int_equal(run.held - held, 24);
    for (int k = 100; k < 125; k++) { /* back at the same place: found at once */
        assert_int_equal(viseme_cropper_push(c, &face.image, k * 0.04, NULL), VISEME_OK);
        take(c, &run);
    }
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
    take(c, &run);
    assert_int_equal(run.crops, 125);
    assert_int_equal(run.held - held, 25);
    viseme_cropper_close(c);
    free(face.bytes);
    free(empty.bytes);
}

static void the_size_may_change(void **state)
{
    struct canvas small = blank(160, 140), large = blank(640, 480);
    viseme_cropper *c = open_drawn(0);
    struct run run = {0};
    viseme_face face;
    (void)state;
    draw_face(&small, 80, 70, 70);
    draw_face(&large, 420, 260, 210);
    for (int k = 0; k < 40; k++) {
        const int big = k / 10 % 2;
        assert_int_equal(viseme_cropper_push(c, big ? &large.image : &small.image, k * 0.04, NULL),
                         VISEME_OK);
        assert_int_equal(viseme_cropper_face(c, &face), 1);
        assert_true(fabs(face.width - (big ? 210 : 70)) < (big ? 25 : 6));
        take(c, &run);
    }
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
    take(c, &run);
    assert_int_equal(run.crops, 40);
    assert_int_equal(run.held, 0);
    viseme_cropper_close(c);
    free(small.bytes);
    free(large.bytes);
}

static void the_largest_face_wins_and_stays(void **state)
{
    viseme_cropper *c = open_drawn(0);
    struct run run = {0};
    viseme_face face;
    (void)state;
    for (int k = 0; k < 60; k++) {
        struct canvas canvas = blank(500, 260);
        draw_face(&canvas, 120, 130, 110);
        draw_face(&canvas, 350, 130, 90 + k); /* outgrows the other */
        assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.04, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_face(c, &face), 1);
        assert_true(fabs(face.mouth_x - 120) < 8);
        take(c, &run);
        free(canvas.bytes);
    }
    viseme_cropper_close(c);
}

/* ---- Refusals
 * ------------------------------------------------------------------------------------ */

static void says_when_there_is_no_face(void **state)
{
    struct canvas canvas = blank(640, 360);
    viseme_cropper *c = open_drawn(0);
    viseme_crop crop;
    viseme_error err = {0};
    (void)state;
    for (int k = 0; k < 100; k++) {
        assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.04, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_next(c, &crop), 0);
    }
    assert_int_equal(viseme_cropper_finish(c, &err), VISEME_ERR_NO_FACE);
    assert_int_equal(err.status, VISEME_ERR_NO_FACE);
    assert_int_equal(viseme_cropper_next(c, &crop), 0);
    viseme_cropper_close(c);
    free(canvas.bytes);
    c = open_drawn(0);
    assert_int_equal(viseme_cropper_finish(c, &err), VISEME_ERR_INPUT);
    assert_int_equal(viseme_cropper_next(c, &crop), 0);
    viseme_cropper_close(c);
}

static void refuses_wrong_calls(void **state)
{
    struct canvas canvas = blank(160, 140);
    viseme_cropper *c = open_drawn(0);
    viseme_crop crop;
    viseme_face face;
    (void)state;
    draw_face(&canvas, 80, 70, 70);
    viseme_image bad[6];
    for (int i = 0; i < 6; i++)
        bad[i] = canvas.image;
    bad[0].data = NULL;
    bad[1].width = 0;
    bad[2].height = 16385;
    bad[3].stride = 479;
    bad[4].stride = -479;
    bad[5].format = (viseme_pixel)2;
    for (int i = 0; i < 6; i++)
        assert_int_equal(viseme_cropper_push(c, &bad[i], 0, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_push(c, NULL, 0, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_push(NULL, &canvas.image, 0, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, NAN, NULL), VISEME_ERR_INPUT);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, INFINITY, NULL), VISEME_ERR_INPUT);
    assert_int_equal(viseme_cropper_face(c, &face), 0);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 100, NULL), VISEME_OK);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 3701, NULL), VISEME_ERR_INPUT);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 100.08, NULL), VISEME_OK);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 100.12, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_next(c, &crop), 1);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 100.12, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_next(c, &crop), 1);
    assert_int_equal(viseme_cropper_next(c, &crop), 0);
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
    assert_int_equal(viseme_cropper_next(c, &crop), 1);
    assert_int_equal(crop.index, 2);
    assert_int_equal(viseme_cropper_next(c, &crop), 0);
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_push(c, &canvas.image, 101, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_next(NULL, &crop), 0);
    assert_int_equal(viseme_cropper_next(c, NULL), 0);
    viseme_cropper_close(c);
    viseme_cropper_close(NULL);
    free(canvas.bytes);
}

static void refuses_bad_options(void **state)
{
    viseme_crop_options o = {.cascade_xml = drawn_cascade, .cascade_bytes = strlen(drawn_cascade)};
    const double rates[] = {-1, NAN, INFINITY, 1001};
    viseme_cropper *c = NULL;
    (void)state;
    assert_int_equal(viseme_cropper_open(NULL, &o, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_cropper_open(&c, NULL, NULL), VISEME_ERR_ARGUMENT);
    for (size_t i = 0; i < 4; i++) {
        o.rate = rates[i];
        assert_int_equal(viseme_cropper_open(&c, &o, NULL), VISEME_ERR_ARGUMENT);
        assert_null(c);
    }
    o.rate = 0;
    o.cascade_bytes /= 2;
    assert_int_equal(viseme_cropper_open(&c, &o, NULL), VISEME_ERR_MODEL);
    o.cascade_xml = NULL;
    assert_int_equal(viseme_cropper_open(&c, &o, NULL), VISEME_ERR_ARGUMENT);
    assert_null(c);
}

static void survives_odd_pictures(void **state)
{
    static const int sizes[][2] = {{1, 1}, {1, 3000}, {3000, 1}, {19, 19}, {20, 20}, {2000, 21}};
    viseme_cropper *c = open_drawn(0);
    struct run run = {0};
    double t = 0;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct canvas noise = blank(sizes[i][0], sizes[i][1]), face = blank(150, 130);
        for (int k = 0; k < sizes[i][0] * sizes[i][1] * 3; k++)
            noise.bytes[k] = (uint8_t)(rand() >> 7);
        draw_face(&face, 75 + 70 * (i % 2), 65 + 60 * (i / 2 % 2), 60); /* some cut by the edge */
        for (int k = 0; k < 4; k++, t += 0.5) {
            assert_int_equal(viseme_cropper_push(c, k % 2 ? &face.image : &noise.image, t, NULL),
                             VISEME_OK);
            take(c, &run);
        }
        free(noise.bytes);
        free(face.bytes);
    }
    viseme_cropper_close(c);
}

/* ---- Real clips
 * ---------------------------------------------------------------------------------- */

static void follows_real_faces(void **state)
{
    enum { BYTES = 360 * 288 * 3 };
    /* the mouth in frame `frame` by OpenCV's own box and the same proportions */
    static const struct {
        const char *clip;
        int frame;
        double x, y, width;
    } cases[] = {{"s1_bbaf2n", 10, 158.4, 219.9, 138},
                 {"s1_swih6n", 70, 159.9, 213.3, 141},
                 {"s5_lbax4n", 20, 190.5, 206.7, 162},
                 {"s4_lwbsza", 45, 163.9, 214.1, 125},
                 {"s26_swiz3n", 60, 168.4, 200.9, 138}};
    size_t bytes = 0;
    (void)state;
    if (access(CLIPS, R_OK) != 0 || access(FACES, R_OK) != 0 ||
        system("ffmpeg -version >/dev/null 2>&1") != 0)
        skip();
    char *xml = scratch_read(FACES, &bytes);
    uint8_t *frame = malloc(BYTES);
    assert_non_null(xml);
    assert_non_null(frame);
    const viseme_image image = {frame, 360, 288, 360 * 3, VISEME_BGR24};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const viseme_crop_options o = {.cascade_xml = xml, .cascade_bytes = bytes};
        viseme_cropper *c = NULL;
        struct run run = {0};
        char command[256];
        int count = 0;
        snprintf(command, sizeof command,
                 "ffmpeg -v error -i " CLIPS "%s.mpg -pix_fmt bgr24 -f rawvideo -", cases[i].clip);
        FILE *pipe = popen(command, "r");
        assert_non_null(pipe);
        assert_int_equal(viseme_cropper_open(&c, &o, NULL), VISEME_OK);
        while (fread(frame, 1, BYTES, pipe) == BYTES) {
            viseme_face face;
            assert_int_equal(viseme_cropper_push(c, &image, count / 25.0, NULL), VISEME_OK);
            assert_int_equal(viseme_cropper_face(c, &face), 1);
            if (count++ == cases[i].frame) {
                assert_true(fabs(face.mouth_x - cases[i].x) < 4);
                assert_true(fabs(face.mouth_y - cases[i].y) < 5);
                assert_true(fabs(face.width / cases[i].width - 1) < 0.06);
            }
            take(c, &run);
        }
        assert_int_equal(pclose(pipe), 0);
        assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        take(c, &run);
        assert_int_equal(run.crops, 75);
        assert_int_equal(run.held, 0);
        viseme_cropper_close(c);
    }
    free(frame);
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_where_the_mouth_is),
        cmocka_unit_test(follows_a_moving_face_smoothly),
        cmocka_unit_test(pixel_order_and_direction_do_not_matter),
        cmocka_unit_test(there_is_a_crop_for_every_tick),
        cmocka_unit_test(takes_the_frame_that_is_there),
        cmocka_unit_test(holds_where_there_is_no_face),
        cmocka_unit_test(the_size_may_change),
        cmocka_unit_test(the_largest_face_wins_and_stays),
        cmocka_unit_test(says_when_there_is_no_face),
        cmocka_unit_test(refuses_wrong_calls),
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(survives_odd_pictures),
        cmocka_unit_test(follows_real_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
