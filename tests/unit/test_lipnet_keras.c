/* The Keras LipNet against its golden, node by node: the first node that diverges is named. */
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
    viseme_model *model;
    viseme_session *s;
    viseme_error err;
    struct vis_npy x = load("x", "");
    viseme_tensor in = {.name = "x", .rank = x.rank, .data = x.data};
    memcpy(in.shape, x.shape, sizeof in.shape);
    if (viseme_model_open(&model, test_data("lipnet_keras.safetensors"), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_node_matches_its_tap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
