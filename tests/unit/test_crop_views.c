/* The mouth crop by landmarks, and crops between two looks at them, with a finder that knows where
 * the face is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/align.h"
#include "tasks/crop_views.h"
#include "tasks/mouth_crop.h"

enum { WIDTH = 400, HEIGHT = 300, CROP_BYTES = 64 * 128 * 3 };

/* A picture with something to see everywhere. */
static uint8_t scene[HEIGHT * WIDTH * 3];

static viseme_image picture(void)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                scene[(y * WIDTH + x) * 3 + c] =
                    (uint8_t)(128 + 50 * sin(x * 0.06 + c) + 50 * cos(y * 0.05 - c));
    return (viseme_image){scene, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
}

static struct vis_affine map_at(double x, double y, double scale, double turn)
{
    return (struct vis_affine){
        {{scale * cos(turn), -scale * sin(turn), x}, {scale * sin(turn), scale * cos(turn), y}}};
}

/* ---- The crop --------------------------------------------------------------------------------
 */

static void moves_with_the_points(void **state)
{
    /* points turned, scaled and shifted: the map moves with them */
    const struct vis_affine want = map_at(30, 20, 0.7, 0.2);
    float points[VIS_MOUTH_POINTS][2];
    double p[2], mouth[2];
    (void)state;
    for (int i = 0; i < VIS_MOUTH_POINTS; i++) {
        points[i][0] = (float)(i % 8) * 20;
        points[i][1] = (float)(i / 8) * 20 + (float)(i * i % 7);
    }
    const struct vis_affine a = vis_mouth_align((const float(*)[2])points);
    for (int i = 0; i < VIS_MOUTH_POINTS; i++) {
        vis_affine_apply(&want, (double)points[i][0], (double)points[i][1], p);
        points[i][0] = (float)p[0];
        points[i][1] = (float)p[1];
    }
    const struct vis_affine b = vis_mouth_align((const float(*)[2])points);
    for (int i = 0; i < 3; i++) { /* b is a, then the map that moved the points */
        double x = i == 1 ? 100 : 0, y = i == 2 ? 100 : 0, once[2], twice[2];
        vis_affine_apply(&a, x, y, once);
        vis_affine_apply(&want, once[0], once[1], twice);
        vis_affine_apply(&b, x, y, once);
        assert_true(hypot(once[0] - twice[0], once[1] - twice[1]) < 1e-2);
    }
    vis_mouth_centre(&b, mouth);
    vis_affine_apply(&b, 126, 179, p);
    assert_true(hypot(mouth[0] - p[0], mouth[1] - p[1]) < 1e-9);
}

static void crops_whole_pixels_of_the_template(void **state)
{
    /* where the template is the frame, the crop is its 160 x 80 made smaller */
    const viseme_image image = picture();
    const viseme_image rgb = {scene, WIDTH, HEIGHT, WIDTH * 3, VISEME_RGB24};
    const struct vis_bytes cut = {scene + (139 * WIDTH + 46) * 3, 160, 80, 3, WIDTH * 3};
    const struct vis_affine same = map_at(0, 0, 1, 0);
    uint8_t crop[CROP_BYTES], want[CROP_BYTES];
    (void)state;
    vis_resize(&cut, want, 128, 64);
    vis_mouth_crop(&image, &same, crop);
    assert_memory_equal(crop, want, CROP_BYTES);
    vis_mouth_crop(&rgb, &same, crop);
    for (int i = 0; i < CROP_BYTES; i++)
        assert_int_equal(crop[i], want[i / 3 * 3 + 2 - i % 3]);
}

static void large_faces_are_smoothed(void **state)
{
    /* black and white pixels by turns: skipping them would give stripes */
    enum { SIDE = 1400 };
    uint8_t *board = malloc((size_t)SIDE * SIDE * 3), crop[CROP_BYTES];
    const struct vis_affine map = map_at(0, 0, 4.3, 0.1);
    (void)state;
    assert_non_null(board);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        board[i] = (i / 3 + i / 3 / SIDE) % 2 ? 255 : 0;
    const viseme_image image = {board, SIDE, SIDE, SIDE * 3, VISEME_BGR24};
    vis_mouth_crop(&image, &map, crop);
    for (int i = 0; i < CROP_BYTES; i++)
        assert_true(abs(crop[i] - 128) <= 12);
    free(board);
}

static void large_and_small_faces_lie_alike(void **state)
{
    /* just below and just above the size that is smoothed, in a smooth picture */
    uint8_t small[CROP_BYTES], large[CROP_BYTES];
    viseme_image image = picture();
    const struct vis_affine below = map_at(-110, -200, 1.999, 0.05);
    const struct vis_affine above = map_at(-110, -200, 2.001, 0.05);
    (void)state;
    vis_mouth_crop(&image, &below, small);
    vis_mouth_crop(&image, &above, large);
    double sum = 0;
    for (int i = 0; i < CROP_BYTES; i++)
        sum += abs(small[i] - large[i]);
    assert_true(sum / CROP_BYTES < 3);
}

/* ---- Between two looks -----------------------------------------------------------------------
 */

/* A face on a straight line, looked at every `every` frames; missing in some. */
struct known {
    int frame, every, gone_from, gone_to;
    struct vis_face_seen seen;
};

static struct vis_affine true_map(int frame)
{
    return map_at(60 + 2.5 * frame, 10 + 1.5 * frame, 0.6 + 0.004 * frame, 0);
}

static int is_here(const struct known *k)
{
    return k->frame < k->gone_from || k->frame >= k->gone_to;
}

static viseme_status known_search(void *self, const viseme_image *frame,
                                  struct vis_face_candidate *out, int room, int *count,
                                  viseme_error *err)
{
    (void)frame;
    (void)room;
    (void)err;
    *count = is_here(self);
    out[0] = (struct vis_face_candidate){{200, 150, 100, 100}, 1, 0};
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
    const struct vis_affine back = true_map(k->frame);
    double mouth[2];
    (void)face;
    (void)frame;
    (void)seconds;
    (void)err;
    vis_mouth_centre(&back, mouth);
    *found = is_here(k);
    if (!*found)
        return VISEME_OK;
    k->seen = (struct vis_face_seen){.pose = {mouth[0], mouth[1], 100, 100},
                                     .mouth_x = mouth[0],
                                     .mouth_y = mouth[1],
                                     .confidence = 1,
                                     .aligned = 1,
                                     .fresh = 1,
                                     .back = back};
    *seen = k->seen;
    return VISEME_OK;
}

static viseme_status known_begin(void *self, void *face, const viseme_image *frame, double seconds,
                                 const struct vis_face_candidate *candidate,
                                 struct vis_face_seen *seen, int *found, viseme_error *err)
{
    (void)candidate;
    return known_look(self, face, frame, seconds, seen, found, err);
}

static viseme_status known_follow(void *self, void *face, const viseme_image *frame, double seconds,
                                  struct vis_face_seen *seen, int *found, viseme_error *err)
{
    const struct known *k = self;
    if (k->frame % k->every == 0 || !is_here(k))
        return known_look(self, face, frame, seconds, seen, found, err);
    *seen = k->seen;
    seen->fresh = 0;
    *found = 1;
    return VISEME_OK;
}

static const struct vis_face_method known_method = {
    .name = "known",
    .search_seconds = 0,
    .search = known_search,
    .face_create = known_create,
    .face_free = known_free,
    .begin = known_begin,
    .follow = known_follow,
    .look = known_look,
    .free = known_free,
};

/* Runs `frames` frames, `per_crop` for each crop, and gives the crops' pictures and states to
 * `see`. Returns the number of crops. */
static int64_t run(struct known *k, int frames, int per_crop,
                   void (*see)(int64_t index, const struct vis_view *view, int held))
{
    const struct vis_face_finder finder = {&known_method, k};
    const struct vis_face_tracks_options options = {.choice = VISEME_FACE_LARGEST};
    const viseme_image image = picture();
    struct vis_face_tracks *tracks = NULL;
    struct vis_views *views = NULL;
    const struct vis_view *view;
    assert_int_equal(vis_face_tracks_create(&tracks, finder, &options, NULL), VISEME_OK);
    assert_int_equal(
        vis_views_create(&views, VISEME_CROP_LIPNET, 25, k->every / per_crop + 1, NULL), VISEME_OK);
    for (int i = 0; i <= frames; i++) {
        const double seconds = i * 0.04 / per_crop;
        k->frame = i;
        if (i == frames) {
            vis_views_finish(views);
        } else {
            assert_int_equal(vis_face_tracks_push(tracks, &image, seconds, NULL), VISEME_OK);
            assert_int_equal(vis_views_add(views, &image, seconds, tracks, NULL), VISEME_OK);
        }
        while ((view = vis_views_ready(views))) {
            see(vis_views_index(views), view, vis_views_held(views, view));
            vis_views_next(views);
        }
    }
    const int64_t crops = vis_views_index(views);
    vis_views_free(views);
    vis_face_tracks_free(tracks);
    return crops;
}

/* The crop of frame `frame`, as it is when every frame is looked at. */
static void expect_crop_of(const struct vis_view *view, int frame)
{
    const viseme_image image = picture();
    const struct vis_affine back = true_map(frame);
    uint8_t want[CROP_BYTES];
    double mouth[2];
    int worst = 0;
    vis_mouth_crop(&image, &back, want);
    for (int i = 0; i < CROP_BYTES; i++)
        worst = abs(view->picture[i] - want[i]) > worst ? abs(view->picture[i] - want[i]) : worst;
    vis_mouth_centre(&back, mouth);
    if (worst > 1 ||
        hypot(view->place.face.mouth_x - mouth[0], view->place.face.mouth_y - mouth[1]) > 1e-6)
        fail_msg("frame %d: off by %d", frame, worst);
}

static void on_the_line(int64_t index, const struct vis_view *view, int held)
{
    assert_int_equal(held, 0);
    expect_crop_of(view, (int)index);
}

static void a_straight_line_is_met(void **state)
{
    (void)state;
    for (int every = 1; every <= 9; every++) {
        struct known k = {.every = every};
        const int last = 36 / every * every; /* a look: behind it nothing is known */
        assert_int_equal(run(&k, last + 1, 1, on_the_line), last + 1);
    }
}

static void at_twice_the_rate(int64_t index, const struct vis_view *view, int held)
{
    assert_int_equal(held, 0);
    expect_crop_of(view, 2 * (int)index);
}

static void frames_without_a_crop_are_left_out(void **state)
{
    struct known k = {.every = 8};
    (void)state;
    assert_int_equal(run(&k, 33, 2, at_twice_the_rate), 17);
}

static void with_a_gap(int64_t index, const struct vis_view *view, int held)
{
    /* looked at in 0, 4, 8; gone from 10; back at 15, where it is begun, then 16, 20 */
    const int i = (int)index;
    assert_int_equal(held, i >= 10 && i < 15);
    expect_crop_of(view, i <= 8 ? i : i < 15 ? 8 : i);
}

static void a_lost_face_stays_where_it_was_looked_at(void **state)
{
    struct known k = {.every = 4, .gone_from = 10, .gone_to = 15};
    (void)state;
    assert_int_equal(run(&k, 21, 1, with_a_gap), 21);
}

static void after_nothing(int64_t index, const struct vis_view *view, int held)
{
    assert_int_equal(held, index < 6);
    expect_crop_of(view, index < 6 ? 6 : (int)index);
}

static void what_comes_before_the_first_look_is_held(void **state)
{
    struct known k = {.every = 5, .gone_from = 0, .gone_to = 6};
    (void)state;
    assert_int_equal(run(&k, 11, 1, after_nothing), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_with_the_points),
        cmocka_unit_test(crops_whole_pixels_of_the_template),
        cmocka_unit_test(large_faces_are_smoothed),
        cmocka_unit_test(large_and_small_faces_lie_alike),
        cmocka_unit_test(a_straight_line_is_met),
        cmocka_unit_test(frames_without_a_crop_are_left_out),
        cmocka_unit_test(a_lost_face_stays_where_it_was_looked_at),
        cmocka_unit_test(what_comes_before_the_first_look_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
