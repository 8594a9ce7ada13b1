/* LipNet against the golden, node by node: the first node that diverges is named. Then many
 * sessions of one model at the same time. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "tests/support/data.h"

static struct vis_npy load(const char *name)
{
    struct vis_npy array;
    viseme_error err;
    if (vis_npy_read(&array, test_data(name), &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    return array;
}

static viseme_model *open_model(void)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data("lipnet.safetensors"), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

static viseme_tensor tensor_of(const struct vis_npy *x, int frames)
{
    viseme_tensor t = {.name = "x", .rank = x->rank, .data = x->data};
    memcpy(t.shape, x->shape, sizeof t.shape);
    t.shape[2] = frames;
    return t;
}

/* A tap: mean and standard deviation over the whole value and the first 64 elements in PyTorch's
 * order [C T H W] ([T C] behind the recurrent layers). */
static void check_tap(const char *node_name, const char *tap, const struct vis_value *v,
                      const float *data, int relu)
{
    char name[64];
    snprintf(name, sizeof name, "lipnet.%s.first64.npy", tap);
    struct vis_npy first = load(name);
    snprintf(name, sizeof name, "lipnet.%s.mean.npy", tap);
    struct vis_npy mean = load(name);
    int rows = v->dim[VIS_H] * v->dim[VIS_W] > 1;
    int dims[4] = {rows ? v->dim[VIS_C] : v->dim[VIS_T], rows ? v->dim[VIS_T] : v->dim[VIS_C],
                   v->dim[VIS_H], v->dim[VIS_W]};
    double sum = 0;
    size_t at = 0;
    for (int a = 0; a < dims[0]; a++)
        for (int b = 0; b < dims[1]; b++)
            for (int h = 0; h < dims[2]; h++)
                for (int w = 0; w < dims[3]; w++, at++) {
                    int t = rows ? b : a, c = rows ? a : b;
                    float got = data[t * v->stride[VIS_T] + h * v->stride[VIS_H] +
                                     w * v->stride[VIS_W] + c];
                    sum += (double)got;
                    if (at < 64) {
                        float want = relu && first.data[at] < 0 ? 0 : first.data[at];
                        if (!(fabsf(got - want) <= 2e-5f))
                            fail_msg(
                                "first diverging node: %s (tap %s), element %zu is %.8g, want %.8g",
                                node_name, tap, at, (double)got, (double)want);
                    }
                }
    if (!relu && fabs(sum / (double)at - (double)mean.data[0]) > 1e-5)
        fail_msg("first diverging node: %s (tap %s), mean is %.8g, want %.8g", node_name, tap,
                 sum / (double)at, (double)mean.data[0]);
    vis_npy_free(&first);
    vis_npy_free(&mean);
}

static void every_node_matches_its_tap(void **state)
{
    /* The nodes in order; NULL: the input's share of the gates, which PyTorch does not show. */
    static const struct {
        const char *tap;
        int relu; /* the tap is before ReLU, our node after it */
    } taps[] = {{"conv1", 1}, {"pool1", 0}, {"conv2", 1}, {"pool2", 0}, {"conv3", 1}, {"pool3", 0},
                {NULL, 0},    {"gru1", 0},  {NULL, 0},    {"gru2", 0},  {"FC", 0}};
    (void)state;
    viseme_model *model = open_model();
    viseme_session *s;
    viseme_error err;
    struct vis_npy x = load("lipnet.x.npy");
    viseme_tensor in = tensor_of(&x, (int)x.shape[2]);
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

struct user {
    const viseme_model *model;
    const struct vis_npy *x;
    float logits[8 * 28];
    pthread_t thread;
};

static void *run_sessions(void *arg)
{
    struct user *u = arg;
    for (int i = 0; i < 2; i++) {
        viseme_session *s;
        viseme_tensor in = tensor_of(u->x, 8), out;
        viseme_session_options opts = {1 + i};
        if (viseme_session_open(&s, u->model, &opts, NULL) != VISEME_OK)
            return u;
        if (viseme_session_run(s, &in, 1, NULL) != VISEME_OK ||
            viseme_session_output(s, "logits", &out, NULL) != VISEME_OK ||
            (i && memcmp(u->logits, out.data, sizeof u->logits) != 0))
            return u;
        memcpy(u->logits, out.data, sizeof u->logits);
        viseme_session_close(s);
    }
    return NULL;
}

/* Sessions of one model on several threads; the data are cut to 8 frames by striding the clip as
 * [1 3 8 64 128], which reads other pixels but the same ones in every session. */
static void sessions_share_a_model(void **state)
{
    enum { USERS = 3 };
    struct user users[USERS];
    (void)state;
    viseme_model *model = open_model();
    struct vis_npy x = load("lipnet.x.npy");
    for (int i = 0; i < USERS; i++) {
        users[i].model = model;
        users[i].x = &x;
        assert_int_equal(pthread_create(&users[i].thread, NULL, run_sessions, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++) {
        void *failed;
        pthread_join(users[i].thread, &failed);
        assert_null(failed);
    }
    for (int i = 1; i < USERS; i++)
        assert_memory_equal(users[0].logits, users[i].logits, sizeof users[0].logits);
    vis_npy_free(&x);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_matches_its_tap),
        cmocka_unit_test(sessions_share_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
