/* Faces as boxes, frame by frame: which box, which id, which gaps, on drawn faces. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/face_watch.h"
#include "tests/support/drawn_face.h"

enum { WIDTH = 500, HEIGHT = 260 };

static struct vis_face_watch *open_with(const viseme_crop_options *o)
{
    struct vis_face_watch *w = NULL;
    viseme_error err = {0};
    if (vis_face_watch_open(&w, o, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return w;
}

static viseme_crop_options drawn(void)
{
    return (viseme_crop_options){.cascade_xml = drawn_cascade,
                                 .cascade_bytes = strlen(drawn_cascade)};
}

/* A frame with a face of this size at each x; a size of 0: none. `mirrored`: the wall is lit from
 * the other side. */
static viseme_status push(struct vis_face_watch *w, double x0, double x1, double size, int mirrored,
                          double seconds)
{
    struct canvas c = blank(WIDTH, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        c.bytes[i] =
            (uint8_t)(20 + (mirrored ? WIDTH - 1 - i / 3 % WIDTH : i / 3 % WIDTH) * 220 / WIDTH);
    if (size > 0)
        draw_face(&c, x0, 130, size);
    if (size > 0 && x1 > 0)
        draw_face(&c, x1, 130, size);
    const viseme_status status = vis_face_watch_push(w, &c.image, seconds, NULL);
    free(c.bytes);
    return status;
}

static void the_box_surrounds_the_face(void **state)
{
    (void)state;
    const viseme_crop_options o = drawn();
    struct vis_face_watch *w = open_with(&o);
    int box[4], count;
    assert_null(vis_face_watch_chosen(w));
    assert_int_equal(vis_face_watch_shot(w), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(push(w, 120 + 3 * i, 0, 100, 0, i * 0.04), VISEME_OK);
    const struct vis_face_place *face = vis_face_watch_chosen(w);
    assert_non_null(face);
    assert_ptr_equal(vis_face_watch_faces(w, &count), face);
    assert_int_equal(count, 1);
    assert_int_equal(face->id, 1);
    assert_int_equal(vis_face_watch_shot(w), 1);
    assert_true(vis_face_place_pixels(face, WIDTH, HEIGHT, box));
    assert_true(box[0] < 147 && box[2] > 147 && box[1] < 130 && box[3] > 130);
    assert_true(box[2] - box[0] > 50 && box[2] - box[0] < 140);
    assert_int_equal(vis_face_watch_finish(w, NULL), VISEME_OK);
    assert_int_equal(push(w, 120, 0, 100, 0, 1), VISEME_ERR_ARGUMENT);
    vis_face_watch_free(w);
}

static void gaps_and_shots_are_told(void **state)
{
    (void)state;
    viseme_crop_options o = drawn();
    o.all_faces = 1;
    struct vis_face_watch *w = open_with(&o);
    viseme_gap gap;
    viseme_track track;
    int count;
    for (int i = 0; i < 40; i++) { /* nobody; two faces; from 1.2 s on another scene, then nobody */
        const double size = i < 5 || i >= 35 ? 0 : 90;
        assert_int_equal(push(w, 120, 350, size, i >= 30, i * 0.04), VISEME_OK);
    }
    assert_null(vis_face_watch_chosen(w));
    (void)vis_face_watch_faces(w, &count);
    assert_int_equal(count, 0);
    assert_int_equal(vis_face_watch_shot(w), 2);
    assert_int_equal(vis_face_watch_finish(w, NULL), VISEME_OK);
    assert_true(vis_face_watch_gap(w, 0, &gap));
    assert_true(gap.start_s == 0 && gap.end_s >= 0.2 - 1e-9 && gap.end_s < 0.5);
    assert_true(vis_face_watch_gap(w, 1, &gap));
    assert_true(fabs(gap.start_s - 1.4) < 1e-9 && fabs(gap.end_s - 1.6) < 1e-9);
    assert_false(vis_face_watch_gap(w, 2, &gap));
    for (size_t i = 0; i < 4; i++) {
        assert_true(vis_face_watch_track(w, i, &track));
        assert_int_equal(track.id, i + 1);
        assert_int_equal(track.shot, i / 2 + 1);
        assert_int_equal(track.number, i % 2 + 1);
    }
    assert_false(vis_face_watch_track(w, 4, &track));
    vis_face_watch_free(w);
}

static void no_face_is_an_error_where_it_should_be(void **state)
{
    (void)state;
    viseme_crop_options o = drawn();
    struct vis_face_watch *w = open_with(&o);
    assert_int_equal(vis_face_watch_finish(w, NULL), VISEME_ERR_INPUT);
    vis_face_watch_free(w);
    w = open_with(&o);
    assert_int_equal(push(w, 0, 0, 0, 0, 0), VISEME_OK);
    assert_int_equal(push(w, 0, 0, 0, 0, (double)NAN), VISEME_ERR_INPUT);
    assert_int_equal(vis_face_watch_push(w, NULL, 1, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_face_watch_finish(w, NULL), VISEME_ERR_NO_FACE);
    vis_face_watch_free(w);
    o.on_no_face = VISEME_NO_FACE_FAIL;
    w = open_with(&o);
    assert_int_equal(push(w, 0, 0, 0, 0, 0), VISEME_ERR_NO_FACE);
    vis_face_watch_free(w);
    o.cascade_xml = NULL;
    assert_int_equal(vis_face_watch_open(&w, &o, NULL), VISEME_ERR_ARGUMENT);
    assert_null(w);
}

static void boxes_are_cut_to_the_frame(void **state)
{
    static const struct {
        double box[4];
        int want[4]; /* all 0: no box */
    } cases[] = {
        {{10.9, 20.2, 30.99, 40.5}, {10, 20, 30, 40}},
        {{-5, -0.5, 30, 40}, {0, 0, 30, 40}},
        {{90, 40, 1e9, HUGE_VAL}, {90, 40, 100, 50}},
        {{-30, 10, -1, 20}, {0, 0, 0, 0}},
        {{100, 10, 120, 20}, {0, 0, 0, 0}},
        {{10.1, 10, 10.9, 20}, {0, 0, 0, 0}},
        {{(double)NAN, 10, 20, (double)NAN}, {0, 0, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vis_face_place p = {.x0 = cases[i].box[0],
                                         .y0 = cases[i].box[1],
                                         .x1 = cases[i].box[2],
                                         .y1 = cases[i].box[3]};
        int box[4] = {0, 0, 0, 0};
        assert_int_equal(vis_face_place_pixels(&p, 100, 50, box), cases[i].want[2] > 0);
        assert_memory_equal(box, cases[i].want, sizeof box);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_box_surrounds_the_face),
        cmocka_unit_test(gaps_and_shots_are_told),
        cmocka_unit_test(no_face_is_an_error_where_it_should_be),
        cmocka_unit_test(boxes_are_cut_to_the_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
