/* Several faces, scene cuts and stretches without a face, on drawn faces. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/cut.h"
#include "tests/support/drawn_face.h"

enum { WIDTH = 500, HEIGHT = 260 };

static viseme_crop_options drawn(void)
{
    return (viseme_crop_options){.cascade_xml = drawn_cascade,
                                 .cascade_bytes = strlen(drawn_cascade)};
}

static viseme_cropper *open_with(const viseme_crop_options *o)
{
    viseme_cropper *c = NULL;
    viseme_error err = {0};
    if (viseme_cropper_open(&c, o, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return c;
}

/* Where a face is drawn; a size of 0: nowhere. */
struct place {
    double x, y, size;
};

/* A picture of large blotches; `seed` says which. */
static struct canvas blotches(int width, int height, unsigned seed, double shift, int light)
{
    struct canvas c = blank(width, height);
    double a[12];
    srand(seed);
    for (int i = 0; i < 12; i++)
        a[i] = rand() / (double)RAND_MAX * 6.28;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double u = 6.28 * (x + shift) / width, v = 6.28 * y / height;
            double g = 0;
            for (int i = 0; i < 6; i++)
                g += sin((i % 3 + 1) * u * cos(a[i]) + (i / 2 + 1) * v * sin(a[i]) + a[i + 6]);
            for (int b = 0; b < 3; b++)
                c.bytes[y * c.image.stride + 3 * x + b] =
                    (uint8_t)fmax(0, fmin(255, 110 + 25 * g + light));
        }
    return c;
}

/* Faces before a wall that is lit from the right. */
static struct canvas scene(const struct place *faces, int count)
{
    struct canvas c = blank(WIDTH, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        c.bytes[i] = (uint8_t)(20 + i / 3 % WIDTH * 220 / WIDTH);
    for (int i = 0; i < count; i++)
        if (faces[i].size > 0)
            draw_face(&c, faces[i].x, faces[i].y, faces[i].size);
    return c;
}

static viseme_status push(viseme_cropper *c, const struct place *faces, int count, double seconds,
                          viseme_error *err)
{
    viseme_crop crop;
    struct canvas canvas = scene(faces, count);
    const viseme_status status = viseme_cropper_push(c, &canvas.image, seconds, err);
    free(canvas.bytes);
    while (status == VISEME_OK && viseme_cropper_next(c, &crop))
        continue;
    return status;
}

static void expect_at(viseme_cropper *c, double x, int id)
{
    viseme_face face;
    assert_int_equal(viseme_cropper_face(c, &face), 1);
    if (fabs(face.mouth_x - x) > 8 || face.id != id)
        fail_msg("face %d at %.1f, not %d at %.1f", face.id, face.mouth_x, id, x);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static const struct place two[] = {{120, 130, 90}, {350, 130, 120}};

static void a_face_is_chosen_by_size_number_or_point(void **state)
{
    static const struct {
        viseme_face_choice face;
        int number, all;
        double x;  /* of the point */
        double at; /* where the chosen one is; 0: nowhere */
        int id;
    } cases[] = {
        {VISEME_FACE_LARGEST, 0, 0, 0, 350, 1},   {VISEME_FACE_LARGEST, 0, 1, 0, 350, 2},
        {VISEME_FACE_NUMBER, 1, 0, 0, 120, 1},    {VISEME_FACE_NUMBER, 2, 0, 0, 350, 2},
        {VISEME_FACE_NUMBER, 3, 0, 0, 0, 0},      {VISEME_FACE_POINT, 0, 0, 130, 120, 1},
        {VISEME_FACE_POINT, 0, 0, 10000, 350, 1}, {VISEME_FACE_POINT, 0, 1, 10000, 350, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        viseme_crop_options o = drawn();
        viseme_face face;
        o.face = cases[i].face;
        o.face_number = cases[i].number;
        o.face_x = cases[i].x;
        o.face_y = 130;
        o.all_faces = cases[i].all;
        viseme_cropper *c = open_with(&o);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(push(c, two, 2, k * 0.04, NULL), VISEME_OK);
            if (cases[i].at > 0)
                expect_at(c, cases[i].at, cases[i].id);
            else
                assert_int_equal(viseme_cropper_face(c, &face), 0);
        }
        assert_int_equal(viseme_cropper_finish(c, NULL),
                         cases[i].at > 0 ? VISEME_OK : VISEME_ERR_NO_FACE);
        viseme_cropper_close(c);
    }
}

static void every_face_is_listed(void **state)
{
    /* the third comes after a second; the first leaves after two */
    struct place faces[3] = {{80, 130, 80}, {250, 130, 100}, {0, 0, 0}};
    viseme_crop_options o = drawn();
    viseme_track t[3];
    o.all_faces = 1;
    viseme_cropper *c = open_with(&o);
    (void)state;
    for (int k = 0; k < 75; k++) {
        struct canvas canvas;
        viseme_crop crop;
        if (k == 25)
            faces[2] = (struct place){420, 130, 70};
        if (k == 50)
            faces[0].size = 0;
        faces[1].y = 130 + 10 * sin(k * 0.2);
        canvas = scene(faces, 3);
        assert_int_equal(viseme_cropper_push(c, &canvas.image, 10 + k * 0.04, NULL), VISEME_OK);
        free(canvas.bytes);
        while (viseme_cropper_next(c, &crop)) {
            assert_int_equal(crop.face.id, 2);
            /* a newcomer is found within half a second */
            if (crop.index < 25 || (crop.index >= 40 && crop.index < 50) || crop.index > 50)
                assert_int_equal(crop.face_count, crop.index < 25 ? 2 : crop.index < 50 ? 3 : 2);
            for (size_t i = 0; i < crop.face_count; i++) {
                const viseme_face *f = &crop.faces[i];
                assert_true(fabs(f->mouth_x - faces[f->id - 1].x) < 8);
            }
        }
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(viseme_cropper_track(c, i, &t[i]), 1);
    assert_int_equal(viseme_cropper_track(c, 3, &t[0]), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t[i].id, i + 1);
        assert_int_equal(t[i].number, i + 1);
        assert_int_equal(t[i].shot, 1);
        assert_int_equal(t[i].chosen_frames, i == 1 ? 75 : 0);
    }
    assert_true(t[0].start_s == 10 && fabs(t[0].end_s - 11.96) < 1e-9 && t[0].frames == 50);
    assert_true(t[2].start_s >= 11 && t[2].start_s < 11.6 && fabs(t[2].end_s - 12.96) < 1e-9);
    viseme_cropper_close(c);
}

static void a_number_comes_back(void **state)
{
    /* the second of two leaves for a second and comes back a little further; nobody else is taken
     * for it */
    struct place faces[2] = {two[0], two[1]};
    viseme_crop_options o = drawn();
    viseme_face face;
    o.face = VISEME_FACE_NUMBER;
    o.face_number = 2;
    viseme_cropper *c = open_with(&o);
    (void)state;
    for (int k = 0; k < 100; k++) {
        faces[1].size = k >= 25 && k < 50 ? 0 : 120;
        faces[1].x = k < 50 ? 350 : 390;
        assert_int_equal(push(c, faces, 2, k * 0.04, NULL), VISEME_OK);
        if (k < 25)
            expect_at(c, 350, 2);
        else if (k < 50)
            assert_int_equal(viseme_cropper_face(c, &face), 0);
        else if (k > 60)
            expect_at(c, 390, 2);
    }
    viseme_cropper_close(c);
}

static void another_face_is_taken_after_two_seconds(void **state)
{
    struct place faces[2] = {two[0], two[1]};
    viseme_crop_options o = drawn();
    viseme_face face;
    viseme_gap gap;
    viseme_cropper *c = open_with(&o);
    (void)state;
    for (int k = 0; k < 120; k++) {
        faces[1].size = k >= 25 ? 0 : 120;
        assert_int_equal(push(c, faces, 2, k * 0.04, NULL), VISEME_OK);
        if (k < 25)
            expect_at(c, 350, 1);
        else if (k <= 24 + 50)
            assert_int_equal(viseme_cropper_face(c, &face), 0);
        else if (k > 24 + 56)
            expect_at(c, 120, 2);
    }
    assert_int_equal(viseme_cropper_gap(c, 0, &gap), 1);
    assert_true(fabs(gap.start_s - 1) < 1e-9 && gap.end_s > 2.9 && gap.end_s < 3.3);
    assert_int_equal(viseme_cropper_gap(c, 1, &gap), 0);
    viseme_cropper_close(c);
}

/* ---- Cuts ------------------------------------------------------------------------------------ */

static void cuts_are_seen_and_motion_is_not(void **state)
{
    static struct vis_cut cut;
    (void)state;
    memset(&cut, 0, sizeof cut);
    for (int k = 0; k < 90; k++) { /* a pan, a flash of light, three scenes of other sizes */
        struct canvas c = blotches(k < 60 ? 320 : 200, k < 60 ? 240 : 400, 100 + (unsigned)(k / 30),
                                   3.0 * k, k == 15 ? 40 : 0);
        const int want = k == 30 || k == 60;
        if (vis_cut_push(&cut, &c.image) != want)
            fail_msg("frame %d", k);
        free(c.bytes);
    }
    struct canvas black = blank(1, 1), noise = blotches(7, 3, 5, 0, 0);
    vis_cut_push(&cut, &black.image);
    assert_int_equal(vis_cut_push(&cut, &black.image), 0);
    vis_cut_push(&cut, &noise.image);
    assert_int_equal(vis_cut_push(&cut, &noise.image), 0);
    free(black.bytes);
    free(noise.bytes);
}

static void a_cut_makes_new_faces(void **state)
{
    static const struct place there[] = {{350, 130, 120}}, here[] = {{360, 125, 110}};
    viseme_crop_options o = drawn();
    viseme_track t;
    viseme_cropper *c = open_with(&o);
    (void)state;
    for (int k = 0; k < 40; k++) {
        viseme_crop crop;
        struct canvas canvas = blotches(WIDTH, HEIGHT, k < 20 ? 1 : 2, 0, 0);
        const struct place *p = k < 20 ? there : here;
        draw_face(&canvas, p->x, p->y, p->size);
        assert_int_equal(viseme_cropper_push(c, &canvas.image, k * 0.04, NULL), VISEME_OK);
        expect_at(c, p->x, k < 20 ? 1 : 2); /* found in the very frame */
        while (viseme_cropper_next(c, &crop))
            assert_int_equal(crop.held, 0);
        free(canvas.bytes);
    }
    assert_int_equal(viseme_cropper_track(c, 1, &t), 1);
    assert_true(t.shot == 2 && t.number == 1 && t.frames == 20 && t.chosen_frames == 20);
    viseme_cropper_close(c);
}

/* ---- Gaps ------------------------------------------------------------------------------------ */

static void gaps_are_listed(void **state)
{
    /* no face in the first second, from 2 to 3 s, and in the last second of six */
    viseme_crop_options o = drawn();
    viseme_gap g[3], more;
    viseme_cropper *c = open_with(&o);
    viseme_crop crop;
    (void)state;
    for (int k = 0; k < 150; k++) {
        const int second = k / 25, here = second == 1 || (second >= 3 && second < 5);
        assert_int_equal(push(c, two + 1, here, 7 + k * 0.04, NULL), VISEME_OK);
    }
    assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
    while (viseme_cropper_next(c, &crop))
        assert_int_equal(crop.held, 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(viseme_cropper_gap(c, i, &g[i]), 1);
    assert_int_equal(viseme_cropper_gap(c, 3, &more), 0);
    assert_int_equal(viseme_cropper_gap(NULL, 0, &more), 0);
    assert_int_equal(viseme_cropper_gap(c, 0, NULL), 0);
    assert_true(g[0].start_s == 7 && g[0].end_s >= 8 - 1e-9 && g[0].end_s < 8.25);
    assert_true(fabs(g[1].start_s - 9) < 1e-9);
    assert_true(g[1].end_s > 10 - 1e-9 && g[1].end_s < 10.25);
    assert_true(fabs(g[2].start_s - 12) < 1e-9 && fabs(g[2].end_s - 13) < 1e-9);
    viseme_cropper_close(c);
}

static void fails_where_there_is_no_face(void **state)
{
    static const struct {
        int from, to; /* frames without a face, of 50 */
        const char *at;
    } cases[] = {{0, 5, "3.000"}, {20, 21, "3.800"}, {49, 50, "4.960"}, {50, 50, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        viseme_crop_options o = drawn();
        viseme_error err = {0};
        viseme_status status = VISEME_OK;
        o.on_no_face = VISEME_NO_FACE_FAIL;
        viseme_cropper *c = open_with(&o);
        for (int k = 0; k < 50 && status == VISEME_OK; k++)
            status = push(c, two + 1, k < cases[i].from || k >= cases[i].to, 3 + k * 0.04, &err);
        if (status == VISEME_OK)
            status = viseme_cropper_finish(c, &err);
        if (!cases[i].at) {
            assert_int_equal(status, VISEME_OK);
        } else {
            assert_int_equal(status, VISEME_ERR_NO_FACE);
            if (!strstr(err.message, cases[i].at))
                fail_msg("%s", err.message);
        }
        viseme_cropper_close(c);
    }
}

static void short_clips_are_cropped(void **state)
{
    static const int lengths[] = {1, 12, 74};
    (void)state;
    for (int i = 0; i < 3; i++) {
        viseme_crop_options o = drawn();
        viseme_cropper *c = open_with(&o);
        viseme_crop crop;
        for (int k = 0; k < lengths[i]; k++)
            assert_int_equal(push(c, two, 2, k * 0.04, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_finish(c, NULL), VISEME_OK);
        assert_int_equal(viseme_cropper_next(c, &crop), 1);
        assert_true(crop.index == lengths[i] - 1 && !crop.held);
        assert_int_equal(viseme_cropper_next(c, &crop), 0);
        viseme_cropper_close(c);
    }
}

static void bad_choices_are_refused(void **state)
{
    viseme_cropper *c = NULL;
    viseme_crop_options o[5];
    viseme_track t;
    (void)state;
    for (int i = 0; i < 5; i++)
        o[i] = drawn();
    o[0].face = VISEME_FACE_NUMBER;
    o[1].face = VISEME_FACE_POINT;
    o[1].face_x = NAN;
    o[2].face = (viseme_face_choice)3;
    o[3].on_no_face = (viseme_no_face)2;
    o[4].face = VISEME_FACE_NUMBER;
    o[4].face_number = -1;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(viseme_cropper_open(&c, &o[i], NULL), VISEME_ERR_ARGUMENT);
        assert_null(c);
    }
    assert_int_equal(viseme_cropper_track(NULL, 0, &t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_face_is_chosen_by_size_number_or_point),
        cmocka_unit_test(every_face_is_listed),
        cmocka_unit_test(a_number_comes_back),
        cmocka_unit_test(another_face_is_taken_after_two_seconds),
        cmocka_unit_test(cuts_are_seen_and_motion_is_not),
        cmocka_unit_test(a_cut_makes_new_faces),
        cmocka_unit_test(gaps_are_listed),
        cmocka_unit_test(fails_where_there_is_no_face),
        cmocka_unit_test(short_clips_are_cropped),
        cmocka_unit_test(bad_choices_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
