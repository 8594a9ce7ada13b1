/* The Keras LipNet against its golden, node by node: the first node that diverges is named. Then
 * its crops through the reader. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "tests/support/data.h"

static struct vis_npy load(const char *tap, const char *what)
{
    struct vis_npy array;
    viseme_error err;
    char name[64];
    snprintf(name, sizeof name, "lipnet_keras.%s%s.npy", tap, what);
    if (vis_npy_read(&array, test_data(name), &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    return array;
}

/* A tap: mean over the whole value and the first 64 elements in the order [T W H C]. */
static void check_tap(const char *node, const char *tap, const struct vis_value *v,
                      const float *data, int relu)
{
    struct vis_npy first = load(tap, ".first64"), mean = load(tap, ".mean");
    double sum = 0;
    size_t at = 0;
    for (int t = 0; t < v->dim[VIS_T]; t++)
        for (int h = 0; h < v->dim[VIS_H]; h++)
            for (int w = 0; w < v->dim[VIS_W]; w++)
                for (int c = 0; c < v->dim[VIS_C]; c++, at++) {
                    float got = data[t * v->stride[VIS_T] + h * v->stride[VIS_H] +
                                     w * v->stride[VIS_W] + c];
                    sum += (double)got;
                    if (at >= 64)
                        continue;
                    float want = relu && first.data[at] < 0 ? 0 : first.data[at];
                    if (!(fabsf(got - want) <= 4e-5f))
                        fail_msg("first diverging node: %s (tap %s), element %zu is %.8g, want "
                                 "%.8g",
                                 node, tap, at, (double)got, (double)want);
                }
    if (!relu && !(fabs(sum / (double)at - (double)mean.data[0]) <= 1e-5))
        fail_msg("first diverging node: %s (tap %s), mean is %.8g, want %.8g", node, tap,
                 sum / (double)at, (double)mean.data[0]);
    vis_npy_free(&first);
    vis_npy_free(&mean);
}

static viseme_model *open_model(void)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data("lipnet_keras.safetensors"), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    return model;
}

static void every_node_matches_its_tap(void **state)
{
    /* The nodes in order; NULL: the input's share of the gates, which no tap shows. */
    static const struct {
        const char *tap;
        int relu; /* the tap is before ReLU, our node after it */
    } taps[] = {{"batc1", 1}, {"max1", 0},           {"batc2", 1}, {"max2", 0},
                {"batc3", 1}, {"max3", 0},           {NULL, 0},    {"bidirectional_1", 0},
                {NULL, 0},    {"bidirectional_2", 0}};
    (void)state;
    viseme_session *s;
    viseme_error err;
    struct vis_npy x = load("x", "");
    viseme_tensor in = {.name = "x", .rank = x.rank, .data = x.data};
    memcpy(in.shape, x.shape, sizeof in.shape);
    viseme_model *model = open_model();
    assert_int_equal(viseme_session_open(&s, model, NULL, &err), VISEME_OK);
    vis_session_keep_all(s);
    assert_int_equal(viseme_session_run(s, &in, 1, &err), VISEME_OK);
    for (int i = 0; i < (int)(sizeof taps / sizeof *taps); i++) {
        const struct vis_value *value;
        const float *data;
        const struct vis_node *node = vis_session_node(s, i, &value, &data);
        assert_non_null(node);
        if (taps[i].tap)
            check_tap(node->name, taps[i].tap, value, data, taps[i].relu);
    }
    viseme_session_close(s);
    viseme_model_close(model);
    vis_npy_free(&x);
}

/* Crops in both pixel orders give what the network gives for [1 T W H 3], R G B. */
static void reader_takes_crops(void **state)
{
    enum { FRAMES = 9, WIDTH = 100, HEIGHT = 50, CLASSES = 28 };
    static uint8_t pixels[HEIGHT][WIDTH][3], swapped[HEIGHT][WIDTH][3];
    static float x[FRAMES][WIDTH][HEIGHT][3];
    (void)state;
    viseme_model *model = open_model();
    viseme_reader *reader[2];
    viseme_error err;
    for (int i = 0; i < 2; i++)
        assert_int_equal(viseme_reader_open(&reader[i], model, NULL, &err), VISEME_OK);
    for (int t = 0; t < FRAMES; t++) {
        for (int at = 0; at < WIDTH * HEIGHT * 3; at++) {
            int h = at / 3 / WIDTH, w = at / 3 % WIDTH, c = at % 3;
            pixels[h][w][c] = (uint8_t)((h * 5 + w * 3 + c * 61 + t * 17) % 256);
            swapped[h][w][2 - c] = pixels[h][w][c];
            x[t][w][h][c] = (float)pixels[h][w][c] / 255.0f;
        }
        viseme_image rgb = {&pixels[0][0][0], WIDTH, HEIGHT, 3 * WIDTH, VISEME_RGB24};
        viseme_image bgr = {&swapped[0][0][0], WIDTH, HEIGHT, 3 * WIDTH, VISEME_BGR24};
        assert_int_equal(viseme_reader_push_crop(reader[0], &rgb, &err), VISEME_OK);
        assert_int_equal(viseme_reader_push_crop(reader[1], &bgr, &err), VISEME_OK);
    }
    viseme_tensor in = {"x", 5, {1, FRAMES, WIDTH, HEIGHT, 3}, &x[0][0][0][0]}, out;
    viseme_session *s;
    assert_int_equal(viseme_session_open(&s, model, NULL, &err), VISEME_OK);
    assert_int_equal(viseme_session_run(s, &in, 1, &err), VISEME_OK);
    assert_int_equal(viseme_session_output(s, "logits", &out, &err), VISEME_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(viseme_reader_finish(reader[i], &err), VISEME_OK);
        assert_memory_equal(viseme_reader_logits(reader[i], NULL, NULL), out.data,
                            sizeof(float) * FRAMES * CLASSES);
        assert_non_null(viseme_reader_hypothesis(reader[i], 0));
        viseme_reader_close(reader[i]);
    }
    viseme_session_close(s);
    viseme_model_close(model);
}

static void reader_refuses_frames_and_other_crops(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 128 * 3];
    viseme_image crop = {pixels, 128, 64, 3 * 128, VISEME_RGB24};
    viseme_reader_options opts = {.crop = {.cascade_xml = "<x/>", .cascade_bytes = 4}};
    viseme_model *model = open_model();
    viseme_reader *reader;
    viseme_error err;
    assert_int_equal(viseme_reader_open(&reader, model, &opts, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "50 x 100"));
    assert_null(reader);
    opts.crop = (viseme_crop_options){.face_detector = model, .face_landmarks = model};
    assert_int_equal(viseme_reader_open(&reader, model, &opts, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "50 x 100"));
    assert_int_equal(viseme_reader_open(&reader, model, NULL, &err), VISEME_OK);
    assert_int_equal(viseme_reader_push_crop(reader, &crop, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "50 x 100"));
    viseme_reader_close(reader);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_matches_its_tap),
        cmocka_unit_test(reader_takes_crops),
        cmocka_unit_test(reader_refuses_frames_and_other_crops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
