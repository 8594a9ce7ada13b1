/* Auto-AVSR's aligned crops against what its own code makes: landmarks, maps, pixels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/align_robust.h"
#include "signal/gray.h"
#include "signal/smooth_points.h"
#include "tasks/smooth_crops.h"
#include "tests/support/vsr_golden.h"

enum { FRAMES = 16, WIDTH = 320, HEIGHT = 240, SIDE = 96 };

/* ---- Landmarks ------------------------------------------------------------------------------- */

static int is_missing(int frame)
{
    return frame == 0 || (frame >= 4 && frame <= 6) || frame == 15;
}

/* One case: its landmarks, which some frames lack, and what becomes of them. */
struct aligned {
    const char *landmarks, *name;
    int count, missing, here; /* here: its golden lies in this repository, crops as a picture */
};
static const struct aligned cases[] = {{"landmarks68_noisy", "retinaface_noisy", 68, 1, 1},
                                       {"landmarks68_outlier", "retinaface_outlier", 68, 0, 1},
                                       {"landmarks4_int", "mediapipe_int", 4, 1, 1},
                                       {"landmarks68_exact", "retinaface_exact", 68, 1, 0},
                                       {"landmarks4_exact", "mediapipe_exact", 4, 0, 0}};
enum { CASES = sizeof cases / sizeof *cases };

/* Its crops [16 96 96]; NULL: they are nowhere. */
static uint8_t *read_crops(const struct aligned *c)
{
    uint8_t *gray = malloc(FRAMES * SIDE * SIDE);
    char name[64];
    assert_non_null(gray);
    snprintf(name, sizeof name, "crop_%s", c->name);
    if (c->here) {
        struct vis_picture picture = vsr_picture(name);
        assert_int_equal(picture.height, FRAMES * SIDE);
        for (int i = 0; i < FRAMES * SIDE * SIDE; i++)
            gray[i] = picture.bgr[3 * i];
        vis_picture_free(&picture);
        return gray;
    }
    struct vis_npy array;
    if (!vsr_golden(name, &array)) {
        free(gray);
        return NULL;
    }
    for (int i = 0; i < FRAMES * SIDE * SIDE; i++)
        gray[i] = (uint8_t)array.data[i];
    vis_npy_free(&array);
    return gray;
}

/* Frame t of the golden. */
static void rolled(uint8_t *out, const uint8_t *base, int t)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            memcpy(out + (y * WIDTH + x) * 3,
                   base + ((y + HEIGHT - 2 * t) % HEIGHT * WIDTH + (x + 3 * t) % WIDTH) * 3, 3);
}

/* Pixels of `bytes` equal bytes each, with OpenCV's arithmetic: what is left are places that differ
 * in the sixth digit and lie between two 32nds of a pixel, one level in 0.1 % of the pixels. */
static void expect_crop(const uint8_t *have, int bytes, const uint8_t *want, const char *name,
                        int index)
{
    int off = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int d = abs(have[bytes * i] - want[i]);
        off += d > 0;
        if (d > 1 || have[bytes * i + bytes - 1] != have[bytes * i])
            fail_msg("%s: pixel %d of crop %d is off by %d", name, i, index, d);
    }
    if (off > SIDE * SIDE / 1000)
        fail_msg("%s: %d pixels of crop %d are off", name, off, index);
}

static void points_at(const struct vis_npy *array, int frame, int count, double (*out)[2])
{
    for (int i = 0; i < 2 * count; i++)
        out[i / 2][i % 2] = (double)array->data[frame * 2 * count + i];
}

static int read_case(const struct aligned *c, struct vis_npy arrays[3])
{
    char name[64];
    const char *kinds[3] = {"%s", "smoothed_%s", "affine_%s"};
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, kinds[i], i ? c->name : c->landmarks);
        if (!vsr_golden(name, &arrays[i]))
            return 0;
    }
    return 1;
}

/* Means of 36-41, 42-47, 31-35 and 48-67 of the mean face. */
static const double mean_keys[4][2] = {{102.0739430570659, 94.27230352389712},
                                       {156.3613054162131, 93.57815605186966},
                                       {129.00373787023733, 135.90343028603127},
                                       {129.31337322587925, 157.82299634918854}};

/* The crop through a map: around the mean of the lips' points, or around the last of four. */
static void check_cut(const struct aligned *c, const struct vis_affine *map,
                      const double (*points)[2], const uint8_t *base, const uint8_t *want, int t)
{
    const struct vis_affine back = vis_affine_inverse(map);
    const struct vis_rect all = {0, 0, WIDTH, HEIGHT};
    const int first = c->count == 68 ? 48 : c->count - 1;
    double sum[2] = {0, 0}, mouth[2];
    uint8_t *frame = malloc(WIDTH * HEIGHT * 4), *gray, crop[SIDE * SIDE];
    int left, top;
    assert_non_null(frame);
    gray = frame + WIDTH * HEIGHT * 3;
    rolled(frame, base, t);
    const viseme_image image = {frame, WIDTH, HEIGHT, 3 * WIDTH, VISEME_BGR24};
    const struct vis_bytes source = {gray, WIDTH, HEIGHT, 1, WIDTH};
    vis_gray_reduce(&image, &all, 1, gray);
    for (int i = first; i < c->count; i++)
        for (int k = 0; k < 2; k++)
            sum[k] += points[i][k] / (c->count - first);
    vis_affine_apply(map, sum[0], sum[1], mouth);
    vis_aligned_window(mouth, &left, &top);
    vis_affine_warp(&source, &back, left, top, crop, SIDE, SIDE);
    expect_crop(crop, 1, want, c->name, t);
    free(frame);
}

/* The golden's numbers are read as float32: places are good to 1e-5. */
static int check_case(const struct aligned *c, const uint8_t *base)
{
    struct vis_npy arrays[3] = {{0}};
    uint8_t *crops = read_crops(c);
    struct vis_smooth_points *smooth = NULL;
    int done = 0;
    if (!crops || !read_case(c, arrays)) {
        free(crops);
        return 0;
    }
    assert_int_equal(vis_smooth_points_create(&smooth, c->count, NULL), VISEME_OK);
    for (int t = 0; t <= FRAMES; t++) {
        double p[VIS_SMOOTH_POINTS][2], want[VIS_SMOOTH_POINTS][2];
        if (t == FRAMES) {
            vis_smooth_points_finish(smooth);
        } else {
            points_at(&arrays[0], t, c->count, p);
            vis_smooth_points_push(smooth,
                                   c->missing && is_missing(t) ? NULL : (const double(*)[2])p);
        }
        for (; vis_smooth_points_next(smooth, p); done++) {
            const struct vis_affine m = c->count == 68
                                            ? vis_aligned_map((const double(*)[2])p)
                                            : vis_align_robust((const double(*)[2])p, mean_keys, 4);
            check_cut(c, &m, (const double(*)[2])p, base, crops + done * SIDE * SIDE, done);
            points_at(&arrays[1], done, c->count, want);
            for (int i = 0; i < c->count; i++)
                if (!(hypot(p[i][0] - want[i][0], p[i][1] - want[i][1]) < 5e-5))
                    fail_msg("%s: point %d of frame %d", c->name, i, done);
            for (int i = 0; i < 4; i++) { /* where the corners of the face's frame go */
                const double x = i % 2 * 200, y = i / 2 * 200;
                const float *a = arrays[2].data + done * 6;
                double have[2];
                vis_affine_apply(&m, x, y, have);
                for (int k = 0; k < 2; k++)
                    if (!(fabs(have[k] - ((double)a[3 * k] * x + (double)a[3 * k + 1] * y +
                                          (double)a[3 * k + 2])) < 2e-4))
                        fail_msg("%s: the map of frame %d", c->name, done);
            }
        }
    }
    assert_int_equal(done, FRAMES);
    vis_smooth_points_free(smooth);
    for (int i = 0; i < 3; i++)
        vis_npy_free(&arrays[i]);
    free(crops);
    return 1;
}

static void landmarks_become_maps_and_crops(void **state)
{
    struct vis_picture base = vsr_picture("face_base");
    (void)state;
    for (int i = 0; i < CASES; i++)
        if (cases[i].here)
            assert_true(check_case(&cases[i], base.bgr));
    vis_picture_free(&base);
}

static void exact_ones_likewise(void **state)
{
    struct vis_picture base = vsr_picture("face_base");
    int found = 1;
    (void)state;
    for (int i = 0; i < CASES && found; i++)
        if (!cases[i].here)
            found = check_case(&cases[i], base.bgr);
    vis_picture_free(&base);
    if (!found)
        skip();
}

static void long_gaps_end_in_copies(void **state)
{
    struct vis_smooth_points *s = NULL;
    double p[1][2] = {{10, 20}}, out[1][2];
    int done = 0, waiting = 0;
    (void)state;
    assert_int_equal(vis_smooth_points_create(&s, 1, NULL), VISEME_OK);
    for (int t = 0; t < 100; t++) {
        const int here = t < 5 || t >= 80;
        p[0][0] = t < 5 ? 10 : 50;
        vis_smooth_points_push(s, here ? (const double(*)[2])p : NULL);
        for (waiting++; vis_smooth_points_next(s, out); done++, waiting--) {
            const double want =
                done < 80 ? 10 : 50; /* shifted to its own place, whatever is near */
            assert_true(fabs(out[0][0] - want) < 1e-9 && fabs(out[0][1] - 20) < 1e-9);
        }
        assert_true(waiting <= VIS_SMOOTH_HELD);
    }
    vis_smooth_points_finish(s);
    while (vis_smooth_points_next(s, out))
        done++;
    assert_int_equal(done, 100);
    for (int t = 0; t < 60; t++) /* nothing at all: nothing is promised but an end */
        vis_smooth_points_push(s, NULL);
    vis_smooth_points_free(s);
}

/* ---- Auto-AVSR's crops, from frames ---------------------------------------------------------- */

/* Finds the golden's landmarks in its frames: not looked at in some. */
struct known {
    const struct aligned *of;
    struct vis_npy landmarks;
    int frame;
};

static viseme_status known_search(void *self, const viseme_image *frame,
                                  struct vis_face_candidate *out, int room, int *count,
                                  viseme_error *err)
{
    (void)self;
    (void)frame;
    (void)room;
    (void)err;
    *count = 1;
    out[0] = (struct vis_face_candidate){{160, 120, 100, 100}, 1, 0};
    return VISEME_OK;
}

static viseme_status known_create(void *self, void **face, viseme_error *err)
{
    (void)err;
    *face = self;
    return VISEME_OK;
}

static void known_free(void *face)
{
    (void)face;
}

static viseme_status known_look(void *self, void *face, const viseme_image *frame, double seconds,
                                struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct known *k = self;
    const int missing = k->of->missing && is_missing(k->frame);
    (void)face;
    (void)frame;
    (void)seconds;
    (void)err;
    *found = 1;
    if (!missing)
        *seen = (struct vis_face_seen){
            .pose = {160, 120, 100, 100}, .confidence = 1, .aligned = 1, .marked = 1};
    seen->fresh = !missing || k->frame == 0;
    for (int i = 0; i < 2 * VIS_FACE_68 && seen->fresh; i++) /* frame 0 is as frame 1 */
        seen->marks[i / 2][i % 2] = k->landmarks.data[(k->frame + missing) * 2 * VIS_FACE_68 + i];
    return VISEME_OK;
}

static viseme_status known_begin(void *self, void *face, const viseme_image *frame, double seconds,
                                 const struct vis_face_candidate *candidate,
                                 struct vis_face_seen *seen, int *found, viseme_error *err)
{
    (void)candidate;
    *seen = (struct vis_face_seen){.pose = {160, 120, 100, 100}, .aligned = 1, .marked = 1};
    return known_look(self, face, frame, seconds, seen, found, err);
}

static const struct vis_face_method known_method = {
    .name = "known",
    .outline = {-0.5, -0.5, 0.5, 0.5},
    .search = known_search,
    .face_create = known_create,
    .face_free = known_free,
    .begin = known_begin,
    .follow = known_look,
    .look = known_look,
    .free = known_free,
};

/* Frames through the cropper. 0: the golden is nowhere. */
static int check_stream(const struct aligned *c, const uint8_t *base)
{
    struct known known = {.of = c};
    const struct vis_face_finder finder = {&known_method, &known};
    const struct vis_face_tracks_options options = {.choice = VISEME_FACE_LARGEST};
    struct vis_face_tracks *tracks = NULL;
    struct vis_views *views = NULL;
    struct vis_smooth_crops *smooth = NULL;
    const struct vis_smooth_crop *crop;
    uint8_t *frame, *want = read_crops(c);
    int done = 0;
    if (!want || !vsr_golden(c->landmarks, &known.landmarks)) {
        free(want);
        return 0;
    }
    frame = malloc(WIDTH * HEIGHT * 3);
    assert_non_null(frame);
    assert_int_equal(vis_face_tracks_create(&tracks, finder, &options, NULL), VISEME_OK);
    assert_int_equal(vis_views_create(&views, VISEME_CROP_AUTOAVSR, 25, 5, NULL), VISEME_OK);
    assert_int_equal(vis_smooth_crops_create(&smooth, NULL), VISEME_OK);
    for (int t = 0; t <= FRAMES; t++) {
        const viseme_image image = {frame, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
        known.frame = t;
        if (t == FRAMES) {
            vis_views_finish(views);
        } else {
            rolled(frame, base, t);
            assert_int_equal(vis_face_tracks_push(tracks, &image, t * 0.04, NULL), VISEME_OK);
            assert_int_equal(vis_views_add(views, &image, t * 0.04, tracks, NULL), VISEME_OK);
        }
        for (; (crop = vis_smooth_crops_next(smooth, views, t == FRAMES)); done++) {
            assert_int_equal(crop->index, done);
            assert_int_equal(crop->held, 0);
            expect_crop(crop->picture, 3, want + done * SIDE * SIDE, c->name, done);
        }
    }
    assert_int_equal(done, FRAMES);
    vis_smooth_crops_free(smooth);
    vis_views_free(views);
    vis_face_tracks_free(tracks);
    vis_npy_free(&known.landmarks);
    free(want);
    free(frame);
    return 1;
}

static void streams_become_the_same_crops(void **state)
{
    struct vis_picture base = vsr_picture("face_base");
    (void)state;
    for (int i = 0; i < CASES; i++)
        if (cases[i].here && cases[i].count == VIS_FACE_68)
            assert_true(check_stream(&cases[i], base.bgr));
    vis_picture_free(&base);
}

static void the_exact_stream_likewise(void **state)
{
    struct vis_picture base = vsr_picture("face_base");
    int found = 1;
    (void)state;
    for (int i = 0; i < CASES && found; i++)
        if (!cases[i].here && cases[i].count == VIS_FACE_68)
            found = check_stream(&cases[i], base.bgr);
    vis_picture_free(&base);
    if (!found)
        skip();
}

static void large_faces_are_smoothed_by_blocks(void **state)
{
    /* black and white pixels by turns: skipping them would give stripes */
    enum { LARGE_SIDE = 1600 };
    uint8_t *board = malloc((size_t)LARGE_SIDE * LARGE_SIDE * 3), crop[SIDE * SIDE * 3];
    struct vis_aligned_part part = {.gray = malloc(VIS_ALIGNED_PART * VIS_ALIGNED_PART)};
    struct vis_face_seen seen = {.mouth_x = 800, .mouth_y = 900, .crop_width = 900};
    double points[VIS_FACE_68][2];
    (void)state;
    assert_non_null(board);
    assert_non_null(part.gray);
    for (int i = 0; i < LARGE_SIDE * LARGE_SIDE * 3; i++)
        board[i] = (i / 3 + i / 3 / LARGE_SIDE) % 2 ? 255 : 0;
    const viseme_image image = {board, LARGE_SIDE, LARGE_SIDE, LARGE_SIDE * 3, VISEME_BGR24};
    vis_aligned_points(&seen, points);
    vis_aligned_keep(&part, &image, (const double(*)[2])points);
    assert_true(part.factor > 1 && part.width <= VIS_ALIGNED_PART);
    vis_aligned_crop(&part, (const double(*)[2])points, crop);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        assert_true(abs(crop[i] - 128) <= 30);
    free(board);
    free(part.gray);
}

static void senseless_points_are_survived(void **state)
{
    uint8_t bgr[5 * 7 * 3] = {0}, crop[SIDE * SIDE * 3];
    const viseme_image image = {bgr, 7, 5, 21, VISEME_BGR24};
    struct vis_aligned_part part = {.gray = malloc(VIS_ALIGNED_PART * VIS_ALIGNED_PART)};
    static const double values[] = {0, 1e300, -1e300, NAN, INFINITY, 1e-300};
    (void)state;
    assert_non_null(part.gray);
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        double points[VIS_FACE_68][2];
        for (int i = 0; i < VIS_FACE_68 * 2; i++)
            points[i / 2][i % 2] = i % 3 ? values[v] : i;
        vis_aligned_keep(&part, &image, (const double(*)[2])points);
        vis_aligned_crop(&part, (const double(*)[2])points, crop);
    }
    free(part.gray);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(landmarks_become_maps_and_crops),
        cmocka_unit_test(exact_ones_likewise),
        cmocka_unit_test(long_gaps_end_in_copies),
        cmocka_unit_test(streams_become_the_same_crops),
        cmocka_unit_test(the_exact_stream_likewise),
        cmocka_unit_test(large_faces_are_smoothed_by_blocks),
        cmocka_unit_test(senseless_points_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
