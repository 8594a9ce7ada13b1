/* YuNet and S3FD against their goldens, the first diverging node named; what comes after them:
 * candidates, suppression, faces in pictures. The original weights of YuNet where ../shared has
 * them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "io/png.h"
#include "nets/detections.h"
#include "tasks/face_detector.h"
#include "tests/support/data.h"
#include "tests/support/taps.h"

#define OWN    "tests/goldens/s3fd/"
#define SHARED "../shared/goldens/yunet/"
#define FACES  "../shared/goldens/faces/"

enum { ROOM = 1024 };

static const char *const names[] = {"s1_bbaf2n_f10", "s1_pgay3a_f40", "s1_swih6n_f70",
                                    "s5_lbax4n_f20", "s4_lwbsza_f45", "s26_swiz3n_f60"};

static struct vis_npy load(const char *path)
{
    struct vis_npy array;
    viseme_error err;
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

static viseme_model *open_model(const char *weights)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data(weights), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    return model;
}

/* ---- Networks -------------------------------------------------------------------------------- */

/* Of YuNet a tap is a unit, whose last node is its depthwise one; of S3FD a convolution, before
 * the ReLU behind it. */
static int check_node(const char *net, const struct vis_node *node, const struct vis_value *value,
                      const float *data)
{
    char module[64];
    const int is_s3fd = strstr(net, "s3fd") != NULL;
    snprintf(module, sizeof module, "%s", node->name);
    char *last = strrchr(module, '.');
    if (!is_s3fd && (!last || strcmp(last, ".conv2") != 0))
        return 0;
    if (!is_s3fd)
        *last = 0;
    const int activated = is_s3fd && !strstr(module, "norm") && !strstr(module, "mbox");
    return taps_check(net, module, value, data, activated, 2e-5);
}

static void check_net(const char *net, const float *x, const int64_t shape[4], int least)
{
    char name[64];
    const struct vis_value *value;
    const struct vis_node *node;
    const float *data;
    viseme_session *s;
    viseme_error err;
    int checked = 0;
    snprintf(name, sizeof name, "%s.safetensors", net);
    viseme_model *model = open_model(name);
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    const viseme_tensor input = {"x", 4, {shape[0], shape[1], shape[2], shape[3]}, x};
    vis_session_keep_all(s);
    if (viseme_session_run(s, &input, 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    for (int i = 0; (node = vis_session_node(s, i, &value, &data)); i++)
        checked += check_node(net, node, value, data);
    if (checked < least)
        fail_msg("%s: only %d nodes have taps", net, checked);
    viseme_session_close(s);
    viseme_model_close(model);
}

static void check_seeded(const char *net, int least)
{
    char name[64];
    snprintf(name, sizeof name, "%s.x.npy", net);
    struct vis_npy x = load(test_data(name));
    check_net(net, x.data, x.shape, least);
    vis_npy_free(&x);
}

static void yunet_nodes_match_their_taps(void **state)
{
    (void)state;
    check_seeded("yunet", 29);
}

static void s3fd_nodes_match_their_taps(void **state)
{
    (void)state;
    check_seeded("s3fd", 34);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    static const float x[3 * 64 * 64];
    const viseme_tensor inputs[2] = {{"x", 4, {1, 3, 64, 48}, x}, {"x", 4, {1, 3, 31, 64}, x}};
    viseme_model *model = open_model("yunet.safetensors");
    viseme_session *s;
    (void)state;
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(viseme_session_run(s, &inputs[i], 1, NULL), VISEME_ERR_ARGUMENT);
    viseme_session_close(s);
    viseme_model_close(model);
}

/* ---- After S3FD ------------------------------------------------------------------------------ */

static struct vis_s3fd_maps load_maps(struct vis_npy arrays[2 * VIS_S3FD_LEVELS])
{
    struct vis_s3fd_maps maps;
    for (int i = 0; i < VIS_S3FD_LEVELS; i++) {
        char path[64];
        snprintf(path, sizeof path, OWN "cls%d.npy", i + 1);
        arrays[2 * i] = load(path);
        snprintf(path, sizeof path, OWN "reg%d.npy", i + 1);
        arrays[2 * i + 1] = load(path);
        maps.height[i] = (int)arrays[2 * i].shape[2];
        maps.width[i] = (int)arrays[2 * i].shape[3];
        maps.cls[i] = arrays[2 * i].data;
        maps.reg[i] = arrays[2 * i + 1].data;
    }
    return maps;
}

/* x0, y0, x1, y1, score of both, within rounding of coordinates of some hundred pixels. */
static int same(const struct vis_detection *d, const float *row)
{
    const float ours[5] = {d->x0, d->y0, d->x1, d->y1, d->score};
    for (int i = 0; i < 5; i++)
        if (!(fabsf(ours[i] - row[i]) <= (i < 4 ? 2e-3f : 1e-5f)))
            return 0;
    return 1;
}

static void s3fd_faces_match_the_golden(void **state)
{
    struct vis_npy arrays[2 * VIS_S3FD_LEVELS];
    struct vis_npy candidates = load(OWN "candidates.npy"), detections = load(OWN "detections.npy");
    struct vis_npy keep = load(OWN "keep.npy");
    const struct vis_s3fd_maps maps = load_maps(arrays);
    struct vis_detection d[ROOM];
    (void)state;
    int count = vis_s3fd_candidates(d, ROOM, &maps, VIS_S3FD_MIN);
    assert_int_equal(count, candidates.shape[0]);
    for (int i = 0; i < count; i++)
        if (!same(&d[i], candidates.data + 5 * i))
            fail_msg("candidate %d is elsewhere", i);
    assert_int_equal(vis_s3fd_candidates(d, 7, &maps, VIS_S3FD_MIN), count);
    count = vis_s3fd_candidates(d, ROOM, &maps, VIS_S3FD_MIN);
    count = vis_detections_best(d, count, VIS_S3FD_IOU, 1);
    assert_int_equal(count, keep.shape[0]);
    for (int i = 0; i < count; i++) {
        int there = 0;
        for (int k = 0; k < keep.shape[0]; k++)
            there += same(&d[i], candidates.data + 5 * (int)keep.data[k]);
        assert_int_equal(there, 1);
    }
    for (int from = 0; from < 2; from++) { /* asked for all of them, or for good ones at once */
        count = vis_s3fd_candidates(d, ROOM, &maps, from ? VIS_S3FD_SCORE : VIS_S3FD_MIN);
        count = vis_detections_best(d, count, VIS_S3FD_IOU, 1);
        while (count > 0 && !(d[count - 1].score > VIS_S3FD_SCORE))
            count--;
        assert_int_equal(count, detections.shape[0]);
        for (int i = 0; i < count; i++)
            assert_true(same(&d[i], detections.data + 5 * i));
    }
    for (int i = 0; i < 2 * VIS_S3FD_LEVELS; i++)
        vis_npy_free(&arrays[i]);
    vis_npy_free(&candidates);
    vis_npy_free(&detections);
    vis_npy_free(&keep);
}

/* ---- Senseless numbers ----------------------------------------------------------------------- */

static void senseless_cells_are_no_faces(void **state)
{
    float cls[2] = {0, 5}, reg[4] = {0, 0, 0, 0}, nothing[2] = {5, 0};
    struct vis_s3fd_maps maps;
    struct vis_detection d[8];
    (void)state;
    for (int i = 0; i < VIS_S3FD_LEVELS; i++) {
        maps.width[i] = maps.height[i] = 1;
        maps.cls[i] = i ? nothing : cls;
        maps.reg[i] = reg;
    }
    assert_int_equal(vis_s3fd_candidates(d, 8, &maps, 0.5f), 1);
    assert_true(fabsf(d[0].x0 + 6) < 1e-5f && fabsf(d[0].x1 - 10) < 1e-5f);
    reg[2] = 1e4f; /* a box without end */
    assert_int_equal(vis_s3fd_candidates(d, 8, &maps, 0.5f), 0);
    reg[2] = 0;
    reg[0] = NAN;
    assert_int_equal(vis_s3fd_candidates(d, 8, &maps, 0.5f), 0);
    reg[0] = 0;
    cls[0] = NAN;
    assert_int_equal(vis_s3fd_candidates(d, 8, &maps, 0.5f), 0);
}

static void the_best_of_overlapping_boxes_stays(void **state)
{
    struct vis_detection d[5] = {{0, 0, 9, 9, 0.6f, {{0}}},
                                 {30, 0, 39, 9, 0.7f, {{0}}},
                                 {1, 0, 10, 9, 0.9f, {{0}}},
                                 {30, 30, 39, 39, 0.7f, {{0}}},
                                 {0, 20, 0, 20, 0.1f, {{0}}}};
    (void)state;
    assert_int_equal(vis_detections_best(d, 5, 0.3f, 0), 4);
    assert_true(d[0].score == 0.9f && d[1].y0 == 0 && d[2].y0 == 30 && d[3].score == 0.1f);
    assert_int_equal(vis_detections_best(d, 0, 0.3f, 1), 0);
    /* boxes of 10 pixels that share a column: apart as continuous boxes, together as pixels */
    struct vis_detection e[2] = {{0, 0, 9, 9, 0.9f, {{0}}}, {9, 0, 18, 9, 0.8f, {{0}}}};
    assert_int_equal(vis_detections_best(e, 2, 0.05f, 0), 2);
    assert_int_equal(vis_detections_best(e, 2, 0.05f, 1), 1);
}

/* ---- Real faces ------------------------------------------------------------------------------ */

enum { FRAMES = 6, WIDTH = 360, HEIGHT = 288 };

static void real_yunet_matches_its_taps(void **state)
{
    (void)state;
    if (access(test_data("real_yunet.x.npy"), R_OK) != 0) {
        print_message("1 skipped: the original YuNet is not here\n");
        skip();
    }
    check_seeded("real_yunet", 29);
}

static viseme_image load_frame(const char *name)
{
    char path[96];
    struct vis_picture picture;
    viseme_error err;
    snprintf(path, sizeof path, FACES "%s.png", name);
    if (vis_png_read(&picture, path, WIDTH * HEIGHT, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_true(picture.width == WIDTH && picture.height == HEIGHT);
    return (viseme_image){picture.bgr, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
}

/* Score and points within `pixels` of a row of the golden, the box within twice as many. */
static void expect_face(const struct vis_detection *d, const float *row, float pixels)
{
    const float box[4] = {d->x0, d->y0, d->x1, d->y1};
    for (int i = 0; i < 4; i++)
        if (!(fabsf(box[i] - row[i]) <= 2 * pixels))
            fail_msg("corner %d is %g, not %g", i, (double)box[i], (double)row[i]);
    for (int i = 0; i < 2 * VIS_DETECTION_KEYS; i++)
        if (!(fabsf(d->key[i / 2][i % 2] - row[5 + i]) <= pixels))
            fail_msg("point %d is %g, not %g", i, (double)d->key[i / 2][i % 2], (double)row[5 + i]);
    assert_true(fabsf(d->score - row[4]) < 0.01f * pixels + 1e-5f);
}

static struct vis_face_detector *open_real(viseme_model **model)
{
    struct vis_face_detector *d;
    if (access(test_data("real_yunet.x.npy"), R_OK) != 0) {
        print_message("1 skipped: the original YuNet is not here\n");
        skip();
    }
    *model = open_model("real_yunet.safetensors");
    assert_int_equal(vis_face_detector_create(&d, *model, NULL), VISEME_OK);
    return d;
}

/* Each alone: in the golden's picture of 320 x 320, as it is, found again nearby, as R G B. */
static void yunet_finds_real_faces(void **state)
{
    viseme_model *model;
    struct vis_face_detector *detector = open_real(&model);
    struct vis_npy want = load(SHARED "detections_320.npy");
    const struct vis_rect all = {0, 0, WIDTH, HEIGHT};
    (void)state;
    for (int i = 0; i < FRAMES; i++) {
        const float *row = want.data + (size_t)i * 15;
        struct vis_detection d[4];
        int count;
        viseme_image frame = load_frame(names[i]);
        assert_int_equal(vis_face_detector_find(detector, &frame, &all, 320, 1, d, 4, &count, NULL),
                         VISEME_OK);
        assert_int_equal(count, 1);
        expect_face(d, row, 0.02f);
        assert_int_equal(vis_face_detector_find(detector, &frame, &all, 640, 0, d, 4, &count, NULL),
                         VISEME_OK);
        assert_int_equal(count, 1);
        expect_face(d, row, 7);
        const struct vis_detection first = d[0];
        assert_int_equal(
            vis_face_detector_near(detector, &frame, 155, 180, 105, 145, 192, d, &count, NULL),
            VISEME_OK);
        assert_int_equal(count, 1);
        expect_face(d, row, 7);
        uint8_t *bytes = (uint8_t *)(uintptr_t)frame.data;
        for (int p = 0; p < WIDTH * HEIGHT; p++) {
            const uint8_t blue = bytes[3 * p];
            bytes[3 * p] = bytes[3 * p + 2];
            bytes[3 * p + 2] = blue;
        }
        frame.format = VISEME_RGB24;
        assert_int_equal(vis_face_detector_find(detector, &frame, &all, 640, 0, d, 4, &count, NULL),
                         VISEME_OK);
        assert_int_equal(count, 1);
        assert_memory_equal(d, &first, sizeof first);
        free(bytes);
    }
    vis_npy_free(&want);
    vis_face_detector_free(detector);
    viseme_model_close(model);
}

/* Four frames as one of 720 x 576, made smaller; a grey one. */
static void yunet_finds_four_faces_and_none(void **state)
{
    static const int mosaic[4] = {0, 5, 3, 4};
    viseme_model *model;
    struct vis_face_detector *detector = open_real(&model);
    struct vis_npy want = load(SHARED "composite_detections_640.npy");
    const struct vis_rect all = {0, 0, 2 * WIDTH, 2 * HEIGHT};
    uint8_t *bytes = malloc(2 * WIDTH * 2 * HEIGHT * 3);
    const viseme_image frame = {bytes, 2 * WIDTH, 2 * HEIGHT, 2 * WIDTH * 3, VISEME_BGR24};
    struct vis_detection d[8];
    int count;
    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < 4; i++) {
        const viseme_image part = load_frame(names[mosaic[i]]);
        for (int y = 0; y < HEIGHT; y++)
            memcpy(bytes + (i / 2 * HEIGHT + y) * frame.stride + (ptrdiff_t)(i % 2) * WIDTH * 3,
                   part.data + y * part.stride, WIDTH * 3);
        free((uint8_t *)(uintptr_t)part.data);
    }
    assert_int_equal(vis_face_detector_find(detector, &frame, &all, 640, 1, d, 8, &count, NULL),
                     VISEME_OK);
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++)
        expect_face(&d[i], want.data + (size_t)i * 15, 0.05f);
    assert_int_equal(vis_face_detector_find(detector, &frame, &all, 640, 0, d, 2, &count, NULL),
                     VISEME_OK);
    assert_int_equal(count, 2);
    memset(bytes, 128, 2 * WIDTH * 2 * HEIGHT * 3);
    assert_int_equal(vis_face_detector_find(detector, &frame, &all, 640, 1, d, 8, &count, NULL),
                     VISEME_OK);
    assert_int_equal(count, 0);
    free(bytes);
    vis_npy_free(&want);
    vis_face_detector_free(detector);
    viseme_model_close(model);
}

/* ---- Odd pictures ---------------------------------------------------------------------------- */

static void search_and_look(struct vis_face_detector *detector, int w, int h, int side)
{
    const struct vis_rect all = {0, 0, w, h};
    struct vis_detection d[8];
    int count;
    uint8_t *bytes = malloc((size_t)w * (size_t)h * 3);
    assert_non_null(bytes);
    for (int p = 0; p < w * h * 3; p++)
        bytes[p] = (uint8_t)(p * 7 + p / w);
    const viseme_image frame = {bytes, w, h, (ptrdiff_t)w * 3, VISEME_BGR24};
    assert_int_equal(vis_face_detector_find(detector, &frame, &all, side, 0, d, 8, &count, NULL),
                     VISEME_OK);
    assert_true(count >= 0 && count <= 8);
    assert_int_equal(
        vis_face_detector_near(detector, &frame, w, h / 2.0, 5, 9, 64, d, &count, NULL), VISEME_OK);
    free(bytes);
}

/* Of any size, by either network: no matter what is found, it is found without a fault. */
static void odd_sizes_are_searched(void **state)
{
    static const int sizes[][2] = {{1, 1}, {1, 700}, {3000, 2}, {31, 33}, {1290, 730}};
    (void)state;
    for (int is_s3fd = 0; is_s3fd < 2; is_s3fd++) {
        viseme_model *model = open_model(is_s3fd ? "s3fd.safetensors" : "yunet.safetensors");
        struct vis_face_detector *detector;
        assert_int_equal(vis_face_detector_create(&detector, model, NULL), VISEME_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            search_and_look(detector, sizes[i][0], sizes[i][1], is_s3fd ? 64 : 640);
        vis_face_detector_free(detector);
        viseme_model_close(model);
    }
}

static void other_networks_are_refused(void **state)
{
    viseme_model *model = open_model("blazeface.safetensors");
    struct vis_face_detector *d;
    (void)state;
    assert_int_equal(vis_face_detector_create(&d, model, NULL), VISEME_ERR_ARGUMENT);
    assert_null(d);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yunet_nodes_match_their_taps),
        cmocka_unit_test(s3fd_nodes_match_their_taps),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(s3fd_faces_match_the_golden),
        cmocka_unit_test(senseless_cells_are_no_faces),
        cmocka_unit_test(the_best_of_overlapping_boxes_stays),
        cmocka_unit_test(odd_sizes_are_searched),
        cmocka_unit_test(other_networks_are_refused),
        cmocka_unit_test(real_yunet_matches_its_taps),
        cmocka_unit_test(yunet_finds_real_faces),
        cmocka_unit_test(yunet_finds_four_faces_and_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
