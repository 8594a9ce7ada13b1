/* From BlazeFace's and FaceMesh's outputs to pixels: the golden numbers, and boxes no network
 * gives. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/npy.h"
#include "nets/face_points.h"
#include "tests/support/data.h"

enum { FRAMES = 6, NUMBERS = 17, SAMPLES = 2 };

static struct vis_npy golden(const char *name)
{
    struct vis_npy array;
    viseme_error err;
    char path[128];
    snprintf(path, sizeof path, "tests/goldens/faces/%s.npy", name);
    if (vis_npy_read(&array, test_repository(path), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

static void expect_near(const char *what, const float *got, const float *want, int n, double within)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= within))
            fail_msg("%s[%d] is %.9g, want %.9g", what, i, (double)got[i], (double)want[i]);
}

/* A box in the order of the goldens. */
static const float *numbers(const struct vis_face_box *box)
{
    static float n[NUMBERS];
    const float corners[4] = {box->ymin, box->xmin, box->ymax, box->xmax};
    memcpy(n, corners, sizeof corners);
    memcpy(n + 4, box->key, sizeof box->key);
    n[NUMBERS - 1] = box->score;
    return n;
}

static struct vis_face_box box_of(const float *n)
{
    struct vis_face_box box = {n[0], n[1], n[2], n[3], {{0}}, n[NUMBERS - 1]};
    memcpy(box.key, n + 4, sizeof box.key);
    return box;
}

/* The network's outputs of a frame: the golden's rows, and no face at the other anchors. */
static void fill_raw(const struct vis_npy *rows, int frame, float *boxes, float *scores)
{
    for (int i = 0; i < VIS_FACE_ANCHORS; i++)
        scores[i] = -200.0f - (float)i;
    memset(boxes, 0, sizeof(float) * VIS_FACE_ANCHORS * VIS_FACE_RAW);
    for (int64_t i = 0; i < rows->shape[0]; i++) {
        const float *row = rows->data + i * rows->shape[1];
        if ((int)row[0] != frame)
            continue;
        scores[(int)row[1]] = row[2];
        memcpy(boxes + (int)row[1] * VIS_FACE_RAW, row + 3, VIS_FACE_RAW * sizeof(float));
    }
}

static void finds_the_faces_of_the_goldens(void **state)
{
    (void)state;
    static float raw_boxes[VIS_FACE_ANCHORS * VIS_FACE_RAW], raw_scores[VIS_FACE_ANCHORS];
    static struct vis_face_box boxes[VIS_FACE_ANCHORS];
    struct vis_npy rows = golden("raw_rows"), candidates = golden("candidates");
    struct vis_npy norm = golden("detections_norm"), px = golden("detections_px");
    struct vis_npy roi = golden("roi");
    const struct vis_face_fit fit = vis_face_fit(360, 288);
    assert_int_equal(fit.height, 204);
    assert_int_equal(fit.top, 26);
    assert_int_equal(fit.y_shift, 36);
    int at = 0;
    for (int frame = 0; frame < FRAMES; frame++) {
        fill_raw(&rows, frame, raw_boxes, raw_scores);
        int count = vis_face_candidates(boxes, raw_boxes, raw_scores, VIS_FACE_MIN_SCORE);
        for (int i = 0; i < count; i++, at++) {
            const float *want = candidates.data + at * candidates.shape[1];
            assert_int_equal((int)want[0], frame);
            expect_near("candidate", numbers(&boxes[i]), want + 1, NUMBERS, 2e-7);
        }
        assert_int_equal(vis_face_merge(boxes, count, VIS_FACE_SAME_IOU), 1);
        expect_near("detection", numbers(boxes), norm.data + frame * NUMBERS, NUMBERS, 3e-7);
        vis_face_to_picture(boxes, 1, &fit);
        expect_near("detection in pixels", numbers(boxes), px.data + frame * NUMBERS, NUMBERS,
                    1e-4);
        const struct vis_face_region region = vis_face_region_of_box(boxes);
        const float got[4] = {region.x, region.y, region.size, region.theta};
        expect_near("region", got, roi.data + frame * 4, 4, 2e-4);
    }
    assert_int_equal(at, candidates.shape[0]);
    struct vis_npy *all[] = {&rows, &candidates, &norm, &px, &roi};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vis_npy_free(all[i]);
}

static void tells_four_faces_apart(void **state)
{
    (void)state;
    struct vis_face_box boxes[VIS_FACE_ANCHORS];
    struct vis_npy in = golden("composite_candidates"), norm = golden("composite_detections_norm");
    struct vis_npy px = golden("composite_detections_px");
    const struct vis_face_fit fit = vis_face_fit(720, 576);
    for (int i = 0; i < (int)in.shape[0]; i++)
        boxes[i] = box_of(in.data + i * NUMBERS);
    assert_int_equal(vis_face_merge(boxes, (int)in.shape[0], VIS_FACE_SAME_IOU), 4);
    for (int i = 0; i < 4; i++)
        expect_near("face", numbers(&boxes[i]), norm.data + i * NUMBERS, NUMBERS, 3e-7);
    vis_face_to_picture(boxes, 4, &fit);
    for (int i = 0; i < 4; i++)
        expect_near("face in pixels", numbers(&boxes[i]), px.data + i * NUMBERS, NUMBERS, 2e-4);
    vis_npy_free(&in);
    vis_npy_free(&norm);
    vis_npy_free(&px);
}

/* Scores of NaN and infinity, boxes without size, all at once: no hang, no reading outside. */
static void survives_any_output(void **state)
{
    (void)state;
    static float raw_boxes[VIS_FACE_ANCHORS * VIS_FACE_RAW], raw_scores[VIS_FACE_ANCHORS];
    static struct vis_face_box boxes[VIS_FACE_ANCHORS];
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0, 1e30f, -1e30f, 1};
    for (int i = 0; i < VIS_FACE_ANCHORS; i++) {
        raw_scores[i] = odd[i % 2];
        for (int k = 0; k < VIS_FACE_RAW; k++)
            raw_boxes[i * VIS_FACE_RAW + k] = odd[(i + 3 * k) % 7];
    }
    int count = vis_face_candidates(boxes, raw_boxes, raw_scores, VIS_FACE_MIN_SCORE);
    assert_int_equal(count, VIS_FACE_ANCHORS / 2);
    int faces = vis_face_merge(boxes, count, VIS_FACE_SAME_IOU);
    assert_in_range(faces, 1, count);
    memset(raw_boxes, 0, sizeof raw_boxes);
    count = vis_face_candidates(boxes, raw_boxes, raw_scores, VIS_FACE_MIN_SCORE);
    assert_int_equal(vis_face_merge(boxes, count, VIS_FACE_SAME_IOU), count);
    assert_int_equal(vis_face_merge(boxes, 0, VIS_FACE_SAME_IOU), 0);
}

/* By hand: the third leads (it comes before the fourth of the same score), the first and the
 * fourth overlap it by 0.95 and 0.31. */
static void merges_what_overlaps(void **state)
{
    (void)state;
    struct vis_face_box boxes[4] = {{0, 0, 2, 2, {{0}}, 0.8f},
                                    {5, 5, 6, 6, {{0}}, 0.8f},
                                    {0, 0, 2, 1.9f, {{0}}, 0.9f},
                                    {0, 0.98f, 2, 2.98f, {{0}}, 0.9f}};
    assert_int_equal(vis_face_merge(boxes, 4, 0.3f), 2);
    assert_float_equal(boxes[0].xmax, (2 * 0.8f + 1.9f * 0.9f + 2.98f * 0.9f) / 2.6f, 1e-6);
    assert_float_equal(boxes[0].xmin, 0.98f * 0.9f / 2.6f, 1e-6);
    assert_float_equal(boxes[0].score, 2.6f / 3, 1e-6);
    assert_true(boxes[1].xmin == 5 && boxes[1].score == 0.8f);
}

static void fits_pictures_of_any_shape(void **state)
{
    (void)state;
    const struct vis_face_fit tall = vis_face_fit(288, 360);
    assert_int_equal(tall.width, 204);
    assert_int_equal(tall.height, 256);
    assert_int_equal(tall.left, 26);
    assert_int_equal(tall.x_shift, 36);
    assert_int_equal(tall.y_shift, 0);
    const struct vis_face_fit square = vis_face_fit(512, 512);
    assert_true(square.width == 256 && square.height == 256 && square.scale == 2.0f);
    const struct vis_face_fit thin = vis_face_fit(1, 100000);
    assert_int_equal(thin.width, 1);
}

static void places_the_points_of_the_goldens(void **state)
{
    (void)state;
    static float points[VIS_FACE_POINTS][3];
    struct vis_npy roi = golden("roi"), track_roi = golden("track_roi");
    struct vis_npy raw[2] = {golden("raw"), golden("track_raw")};
    struct vis_npy map[2] = {golden("affine_inv"), golden("track_affine_inv")};
    struct vis_npy px[2] = {golden("landmarks_px"), golden("track_landmarks_px")};
    struct vis_npy mouth = golden("mouth51_px");
    static const int frame[SAMPLES] = {0, 3};
    for (int i = 0; i < SAMPLES; i++)
        for (int pass = 0; pass < 2; pass++) {
            const float *r = pass ? track_roi.data + 4 * i : roi.data + 4 * frame[i];
            const struct vis_face_region region = {r[0], r[1], r[2], r[3]};
            double m[2][3];
            float flat[6];
            vis_face_crop_map(m, &region);
            for (int k = 0; k < 6; k++)
                flat[k] = (float)m[k / 3][k % 3];
            expect_near("crop map", flat, map[pass].data + 6 * i, 6, 3e-5);
            const size_t at = (size_t)i * VIS_FACE_POINTS * 3;
            vis_face_points_in_picture(points, raw[pass].data + at, m);
            expect_near("point", &points[0][0], px[pass].data + at, VIS_FACE_POINTS * 3, 1e-4);
            if (pass == 0) {
                const struct vis_face_region next = vis_face_region_of_points(points);
                const float got[4] = {next.x, next.y, next.size, next.theta};
                expect_near("next region", got, track_roi.data + 4 * i, 4, 2e-4);
            } else {
                float all[VIS_FACE_68][2];
                vis_face_68(all, points);
                expect_near("of the 51", all[VIS_FACE_INNER], mouth.data + i * 51 * 2, 51 * 2,
                            1e-4);
            }
        }
    struct vis_npy *arrays[] = {&roi,    &track_roi, &raw[0], &raw[1], &map[0],
                                &map[1], &px[0],     &px[1],  &mouth};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        vis_npy_free(arrays[i]);
}

/* The outline goes from the right ear over the chin to the left ear without turning back, outside
 * of everything else but the brows. */
static void walks_along_the_outline(void **state)
{
    (void)state;
    static float points[VIS_FACE_POINTS][3];
    float all[VIS_FACE_68][2];
    struct vis_npy px = golden("track_landmarks_px");
    for (int i = 0; i < SAMPLES; i++) {
        memcpy(points, px.data + (size_t)i * VIS_FACE_POINTS * 3, sizeof points);
        vis_face_68(all, points);
        const float x = all[30][0], y = all[30][1]; /* nose */
        double turned = 0;
        for (int k = 1; k < VIS_FACE_INNER; k++) {
            const double ax = (double)(all[k - 1][0] - x), ay = (double)(all[k - 1][1] - y);
            const double bx = (double)(all[k][0] - x), by = (double)(all[k][1] - y);
            const double step = atan2(ax * by - ay * bx, ax * bx + ay * by);
            assert_true(step < 0 && step > -0.6);
            turned += step;
        }
        assert_true(turned < -3.0 && turned > -4.7);
        assert_true(all[8][1] > all[57][1]); /* the chin is below the lips */
    }
    vis_npy_free(&px);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_faces_of_the_goldens),
        cmocka_unit_test(tells_four_faces_apart),
        cmocka_unit_test(survives_any_output),
        cmocka_unit_test(merges_what_overlaps),
        cmocka_unit_test(fits_pictures_of_any_shape),
        cmocka_unit_test(places_the_points_of_the_goldens),
        cmocka_unit_test(walks_along_the_outline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
