/* SyncVSR's windows and Auto-AVSR's aligned crops against what their own code makes. */
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
#include "signal/align_robust.h"
#include "signal/gray.h"
#include "signal/lrs_window.h"
#include "signal/smooth_points.h"
#include "signal/vsr_input.h"
#include "tasks/smooth_crops.h"
#include "tests/support/data.h"

#define GOLDENS "tests/goldens/syncvsr_preprocess/"
#define LARGE   "../shared/goldens/syncvsr_preprocess/"

enum { FRAMES = 16, WIDTH = 320, HEIGHT = 240, SIDE = 96 };

static struct vis_npy read_npy(const char *path)
{
    struct vis_npy array = {0};
    viseme_error err = {0};
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

/* A golden of this repository, or where it is not here one of those beside it; 0: it is nowhere. */
static int golden(const char *name, struct vis_npy *array)
{
    char path[256];
    snprintf(path, sizeof path, GOLDENS "%s.npy", name);
    const char *here = test_repository(path);
    if (access(here, R_OK) != 0) {
        snprintf(path, sizeof path, LARGE "%s.npy", name);
        here = path;
        if (access(here, R_OK) != 0)
            return 0;
    }
    *array = read_npy(here);
    return 1;
}

/* ---- What the networks read ------------------------------------------------------------------ */

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
    struct vis_npy in = read_npy(test_data(name));
    if (!golden(t->golden, &want)) {
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

static void grey_is_that_of_opencv(void **state)
{
    struct vis_npy in = read_npy(test_data("crops.rgb_gray.npy")), want = {0};
    const struct vis_rect all = {0, 0, 64, 64};
    uint8_t rgb[64 * 64 * 3], gray[64 * 64];
    (void)state;
    assert_true(golden("cv_gray", &want));
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)in.data[i];
    const viseme_image image = {rgb, 64, 64, 64 * 3, VISEME_RGB24};
    vis_gray_reduce(&image, &all, 1, gray);
    for (size_t i = 0; i < sizeof gray; i++)
        assert_int_equal(gray[i], (int)want.data[i]);
    vis_npy_free(&in);
    vis_npy_free(&want);
}

/* ---- SyncVSR's window ------------------------------------------------------------------------ */

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

/* ---- Auto-AVSR's landmarks ------------------------------------------------------------------- */

static int is_missing(int frame)
{
    return frame == 0 || (frame >= 4 && frame <= 6) || frame == 15;
}

/* One case: its landmarks, which some frames lack, and what becomes of them. */
struct aligned {
    const char *landmarks, *name;
    int count, missing;
};
static const struct aligned cases[] = {{"landmarks68_noisy", "retinaface_noisy", 68, 1},
                                       {"landmarks68_outlier", "retinaface_outlier", 68, 0},
                                       {"landmarks4_int", "mediapipe_int", 4, 1},
                                       {"landmarks68_exact", "retinaface_exact", 68, 1},
                                       {"landmarks4_exact", "mediapipe_exact", 4, 0}};
enum { CASES = sizeof cases / sizeof *cases, SMALL = 3 };

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
        if (!golden(name, &arrays[i]))
            return 0;
    }
    return 1;
}

/* Means of 36-41, 42-47, 31-35 and 48-67 of the mean face. */
static const double mean_keys[4][2] = {{102.0739430570659, 94.27230352389712},
                                       {156.3613054162131, 93.57815605186966},
                                       {129.00373787023733, 135.90343028603127},
                                       {129.31337322587925, 157.82299634918854}};

/* The golden's numbers are read as float32: places are good to 1e-5. */
static int check_case(const struct aligned *c)
{
    struct vis_npy arrays[3] = {{0}};
    struct vis_smooth_points *smooth = NULL;
    int done = 0;
    if (!read_case(c, arrays))
        return 0;
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
    return 1;
}

static void landmarks_are_smoothed_and_laid_over_the_mean_face(void **state)
{
    (void)state;
    for (int i = 0; i < SMALL; i++)
        assert_true(check_case(&cases[i]));
}

static void exact_ones_likewise(void **state)
{
    (void)state;
    for (int i = SMALL; i < CASES; i++)
        if (!check_case(&cases[i]))
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

static void rolled(uint8_t *out, const uint8_t *base, int t)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            memcpy(out + (y * WIDTH + x) * 3,
                   base + ((y + HEIGHT - 2 * t) % HEIGHT * WIDTH + (x + 3 * t) % WIDTH) * 3, 3);
}

/* At most one level in 3 % of the pixels. */
static void expect_crop(const struct vis_smooth_crop *crop, const uint8_t *want, const char *name)
{
    int off = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int d = abs(crop->picture[3 * i] - want[3 * i]);
        off += d > 0;
        if (d > 1 || crop->picture[3 * i + 1] != crop->picture[3 * i])
            fail_msg("%s: pixel %d of crop %d is off by %d", name, i, (int)crop->index, d);
    }
    if (off > SIDE * SIDE * 3 / 100)
        fail_msg("%s: %d pixels of crop %d are off", name, off, (int)crop->index);
}

static void check_crops(const struct aligned *c, const uint8_t *base)
{
    struct known known = {.of = c};
    const struct vis_face_finder finder = {&known_method, &known};
    const struct vis_face_tracks_options options = {.choice = VISEME_FACE_LARGEST};
    struct vis_face_tracks *tracks = NULL;
    struct vis_views *views = NULL;
    struct vis_smooth_crops *smooth = NULL;
    struct vis_picture want;
    const struct vis_smooth_crop *crop;
    uint8_t *frame = malloc(WIDTH * HEIGHT * 3);
    char path[128];
    int done = 0;
    snprintf(path, sizeof path, GOLDENS "crop_%s.png", c->name);
    assert_int_equal(vis_png_read(&want, test_repository(path), 1 << 20, NULL), VISEME_OK);
    assert_true(golden(c->landmarks, &known.landmarks));
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
            expect_crop(crop, want.bgr + done * SIDE * SIDE * 3, c->name);
        }
    }
    assert_int_equal(done, FRAMES);
    vis_smooth_crops_free(smooth);
    vis_views_free(views);
    vis_face_tracks_free(tracks);
    vis_picture_free(&want);
    vis_npy_free(&known.landmarks);
    free(frame);
}

static void crops_are_those_of_auto_avsr(void **state)
{
    struct vis_picture base;
    (void)state;
    assert_int_equal(vis_png_read(&base, test_repository(GOLDENS "face_base.png"), 1 << 20, NULL),
                     VISEME_OK);
    for (int i = 0; i < 2; i++)
        check_crops(&cases[i], base.bgr);
    vis_picture_free(&base);
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
        cmocka_unit_test(crops_become_what_networks_read),
        cmocka_unit_test(other_data_sets_likewise),
        cmocka_unit_test(grey_is_that_of_opencv),
        cmocka_unit_test(windows_lie_where_syncvsr_lays_them),
        cmocka_unit_test(frames_of_the_data_set_are_copied),
        cmocka_unit_test(other_frames_are_brought_to_its_size),
        cmocka_unit_test(windows_of_any_size_are_cut),
        cmocka_unit_test(landmarks_are_smoothed_and_laid_over_the_mean_face),
        cmocka_unit_test(exact_ones_likewise),
        cmocka_unit_test(long_gaps_end_in_copies),
        cmocka_unit_test(crops_are_those_of_auto_avsr),
        cmocka_unit_test(large_faces_are_smoothed_by_blocks),
        cmocka_unit_test(senseless_points_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
