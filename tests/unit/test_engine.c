/* Operations of the engine against plain loops in double, on small networks built for the test:
 * at every CPU level of this machine, with both gemm providers, on one and two threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "engine/session.h"
#include "tests/support/weights_file.h"

/* A dense tensor [N T H W C] of the plain loops. */
struct dense {
    int dim[5];
    double *data;
};

static struct dense dense_new(int n, int t, int h, int w, int c)
{
    struct dense d = {{n, t, h, w, c}, NULL};
    d.data = calloc((size_t)n * (size_t)t * (size_t)h * (size_t)w * (size_t)c, sizeof *d.data);
    assert_non_null(d.data);
    return d;
}

static double *at(const struct dense *d, int n, int t, int h, int w, int c)
{
    const int *s = d->dim;
    return &d->data[(((n * s[1] + t) * s[2] + h) * s[3] + w) * s[4] + c];
}

static int inside(const struct dense *d, int t, int h, int w)
{
    return t >= 0 && t < d->dim[1] && h >= 0 && h < d->dim[2] && w >= 0 && w < d->dim[3];
}

/* clang-format off: loops over five axes at one depth */
static struct dense plain_conv(const struct dense *x, const float *weight, const float *bias,
                               const struct vis_conv *p, const struct dense *residual)
{
    int out[3];
    for (int i = 0; i < 3; i++)
        out[i] = (x->dim[1 + i] + 2 * p->pad[i] - p->k[i]) / p->stride[i] + 1;
    struct dense y = dense_new(x->dim[0], out[0], out[1], out[2], p->out);
    for (int n = 0; n < y.dim[0]; n++)
        for (int t = 0; t < out[0]; t++)
            for (int h = 0; h < out[1]; h++)
                for (int w = 0; w < out[2]; w++)
                    for (int o = 0; o < p->out; o++) {
                        double sum = bias ? bias[o] : 0;
                        for (int c = 0; c < x->dim[4]; c++)
                            for (int i = 0; i < p->k[0]; i++)
                                for (int j = 0; j < p->k[1]; j++)
                                    for (int k = 0; k < p->k[2]; k++) {
                                        int tt = t * p->stride[0] + i - p->pad[0],
                                            hh = h * p->stride[1] + j - p->pad[1];
                                        int ww = w * p->stride[2] + k - p->pad[2];
                                        if (inside(x, tt, hh, ww))
                                            sum += *at(x, n, tt, hh, ww, c) *
                                                   weight[(((o * x->dim[4] + c) * p->k[0] + i) *
                                                               p->k[1] +
                                                           j) *
                                                              p->k[2] +
                                                          k];
                                    }
                        if (residual)
                            sum += *at(residual, n, t, h, w, o);
                        *at(&y, n, t, h, w, o) = p->act == VIS_ACT_RELU && sum < 0 ? 0 : sum;
                    }
    return y;
}

static struct dense plain_pool(const struct dense *x, const struct vis_pool *p)
{
    int out[3];
    for (int i = 0; i < 3; i++)
        out[i] = (x->dim[1 + i] + 2 * p->pad[i] - p->k[i]) / p->stride[i] + 1;
    struct dense y = dense_new(x->dim[0], out[0], out[1], out[2], x->dim[4]);
    for (int n = 0; n < y.dim[0]; n++)
        for (int t = 0; t < out[0]; t++)
            for (int h = 0; h < out[1]; h++)
                for (int w = 0; w < out[2]; w++)
                    for (int c = 0; c < y.dim[4]; c++) {
                        double best = -INFINITY;
                        for (int i = 0; i < p->k[0]; i++)
                            for (int j = 0; j < p->k[1]; j++)
                                for (int k = 0; k < p->k[2]; k++) {
                                    int tt = t * p->stride[0] + i - p->pad[0],
                                        hh = h * p->stride[1] + j - p->pad[1];
                                    int ww = w * p->stride[2] + k - p->pad[2];
                                    if (inside(x, tt, hh, ww) && *at(x, n, tt, hh, ww, c) > best)
                                        best = *at(x, n, tt, hh, ww, c);
                                }
                        *at(&y, n, t, h, w, c) = best;
                    }
    return y;
}

/* clang-format on */
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One direction of torch.nn.GRU over [N T H W C], features in the order of C, H, W. */
static void plain_gru(struct dense *y, const struct dense *x, const float *w_ih, const float *b_ih,
                      const float *w_hh, const float *b_hh, int units, int backward)
{
    int features = x->dim[2] * x->dim[3] * x->dim[4], steps = x->dim[1];
    for (int n = 0; n < x->dim[0]; n++) {
        double h[64] = {0}, next[64];
        for (int i = 0; i < steps; i++) {
            int t = backward ? steps - 1 - i : i;
            for (int u = 0; u < units; u++) {
                double gi[3], gh[3];
                for (int gate = 0; gate < 3; gate++) {
                    int row = gate * units + u, f = 0;
                    gi[gate] = b_ih[row];
                    gh[gate] = b_hh[row];
                    for (int c = 0; c < x->dim[4]; c++)
                        for (int hh = 0; hh < x->dim[2]; hh++)
                            for (int ww = 0; ww < x->dim[3]; ww++, f++)
                                gi[gate] += w_ih[row * features + f] * *at(x, n, t, hh, ww, c);
                    for (int k = 0; k < units; k++)
                        gh[gate] += w_hh[row * units + k] * h[k];
                }
                double r = sigmoid(gi[0] + gh[0]), z = sigmoid(gi[1] + gh[1]);
                next[u] = (1 - z) * tanh(gi[2] + r * gh[2]) + z * h[u];
            }
            memcpy(h, next, sizeof h);
            for (int u = 0; u < units; u++)
                *at(y, n, t, 0, 0, backward * units + u) = h[u];
        }
    }
}

/* ---- the networks of these tests --------------------------------------------------------------
 */

/* Odd sizes everywhere, a residual, two convolutions of different padding on one value. */
static const struct vis_conv first = {
    .out = 20, .k = {3, 3, 5}, .stride = {1, 2, 1}, .pad = {1, 1, 2}, .act = VIS_ACT_RELU};
static const struct vis_conv second = {
    .out = 37, .k = {1, 3, 3}, .stride = {1, 1, 1}, .pad = {0, 1, 1}, .no_bias = 1};
static const struct vis_conv third = {
    .out = 37, .k = {3, 1, 1}, .stride = {1, 1, 1}, .pad = {1, 0, 0}, .act = VIS_ACT_RELU};
static const struct vis_pool pool = {.k = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}};
enum { UNITS = 19, CLASSES = 11, HEIGHT = 9, WIDTH = 7, CHANNELS = 3 };

static void build_mixed(struct vis_graph *g)
{
    const int fixed[VIS_AXES] = {0, 0, HEIGHT, WIDTH, CHANNELS};
    vis_val x = vis_input(g, "x", "NCTHW", fixed);
    x = vis_conv(g, x, "a", first);
    vis_val b = vis_conv(g, x, "b", second);
    struct vis_conv with_residual = third;
    with_residual.residual = b;
    x = vis_conv(g, x, "c", with_residual);
    vis_output(g, "maps", "NTHWC", x);
    x = vis_maxpool(g, x, pool);
    x = vis_bigru(g, x, "gru", UNITS);
    vis_output(g, "logits", "NTC", vis_linear(g, x, "fc", CLASSES));
}

static const struct vis_net mixed = {"mixed", build_mixed};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, mixed.name) == 0 ? &mixed : NULL;
}

struct parameters {
    const float *a, *a_bias, *b, *c, *c_bias, *w_ih[2], *b_ih[2], *w_hh[2], *b_hh[2], *fc, *fc_bias;
};

static struct weights_file *make_weights(struct parameters *p)
{
    struct weights_file *f = weights_file_new("mixed");
    enum { FEATURES = 37 * 3 * 4 }; /* [5 7] after the stride -> pooled [3 4] */
    p->a = weights_file_add(f, "a.weight", 5, (int[]){20, CHANNELS, 3, 3, 5}, 1);
    p->a_bias = weights_file_add(f, "a.bias", 1, (int[]){20}, 2);
    p->b = weights_file_add(f, "b.weight", 4, (int[]){37, 20, 3, 3}, 3); /* as Conv2d stores it */
    p->c = weights_file_add(f, "c.weight", 3, (int[]){37, 20, 3}, 4);    /* as Conv1d */
    p->c_bias = weights_file_add(f, "c.bias", 1, (int[]){37}, 5);
    for (int d = 0; d < 2; d++) {
        char name[64];
        const char *end = d ? "_reverse" : "";
        uint32_t seed = 10 + 10 * (uint32_t)d;
        snprintf(name, sizeof name, "gru.weight_ih_l0%s", end);
        p->w_ih[d] = weights_file_add(f, name, 2, (int[]){3 * UNITS, FEATURES}, seed);
        snprintf(name, sizeof name, "gru.bias_ih_l0%s", end);
        p->b_ih[d] = weights_file_add(f, name, 1, (int[]){3 * UNITS}, seed + 1);
        snprintf(name, sizeof name, "gru.weight_hh_l0%s", end);
        p->w_hh[d] = weights_file_add(f, name, 2, (int[]){3 * UNITS, UNITS}, seed + 2);
        snprintf(name, sizeof name, "gru.bias_hh_l0%s", end);
        p->b_hh[d] = weights_file_add(f, name, 1, (int[]){3 * UNITS}, seed + 3);
    }
    p->fc = weights_file_add(f, "fc.weight", 2, (int[]){CLASSES, 2 * UNITS}, 40);
    p->fc_bias = weights_file_add(f, "fc.bias", 1, (int[]){CLASSES}, 41);
    return f;
}

static void plain_mixed(const struct parameters *p, const struct dense *x, struct dense *maps,
                        struct dense *logits)
{
    struct vis_conv linear = {.out = CLASSES, .k = {1, 1, 1}, .stride = {1, 1, 1}};
    struct dense a = plain_conv(x, p->a, p->a_bias, &first, NULL);
    struct dense b = plain_conv(&a, p->b, NULL, &second, NULL);
    *maps = plain_conv(&a, p->c, p->c_bias, &third, &b);
    struct dense pooled = plain_pool(maps, &pool);
    struct dense hidden = dense_new(x->dim[0], x->dim[1], 1, 1, 2 * UNITS);
    for (int d = 0; d < 2; d++)
        plain_gru(&hidden, &pooled, p->w_ih[d], p->b_ih[d], p->w_hh[d], p->b_hh[d], UNITS, d);
    *logits = plain_conv(&hidden, p->fc, p->fc_bias, &linear, NULL);
    free(a.data);
    free(b.data);
    free(pooled.data);
    free(hidden.data);
}

/* The caller's tensor [N C T H W], and the same values as [N T H W C]. */
static float *make_input(struct dense *x, int batch, int frames, uint32_t seed)
{
    *x = dense_new(batch, frames, HEIGHT, WIDTH, CHANNELS);
    float *data = malloc((size_t)(batch * frames * HEIGHT * WIDTH * CHANNELS) * sizeof *data),
          *q = data;
    assert_non_null(data);
    for (int n = 0; n < batch; n++)
        for (int c = 0; c < CHANNELS; c++)
            for (int t = 0; t < frames; t++)
                for (int h = 0; h < HEIGHT; h++)
                    for (int w = 0; w < WIDTH; w++)
                        *at(x, n, t, h, w, c) = *q++ = test_random(&seed);
    return data;
}

static void run_once(viseme_session *s, const float *data, int batch, int frames)
{
    viseme_error err;
    viseme_tensor x = {"x", 5, {batch, CHANNELS, frames, HEIGHT, WIDTH}, data};
    if (viseme_session_run(s, &x, 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
}

static void expect_near(const viseme_session *s, const char *name, const struct dense *want)
{
    viseme_tensor got;
    assert_int_equal(viseme_session_output(s, name, &got, NULL), VISEME_OK);
    size_t count = 1;
    for (int i = 0; i < got.rank; i++)
        count *= (size_t)got.shape[i];
    size_t expected = 1;
    for (int i = 0; i < 5; i++)
        expected *= (size_t)want->dim[i];
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got.data[i] - want->data[i]) <= 2e-6 * fmax(1, fabs(want->data[i]))))
            fail_msg("%s[%zu] is %.9g, want %.9g", name, i, (double)got.data[i], want->data[i]);
}

static void each_way(void (*check)(viseme_model *model, const struct parameters *p))
{
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    const char *path = weights_file_write(f);
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_model *model;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            check(model, &p);
            viseme_model_close(model);
        }
    weights_file_free(f);
}

static viseme_session *open_session(const viseme_model *model, int threads)
{
    viseme_session_options opts = {threads};
    viseme_session *s;
    assert_int_equal(viseme_session_open(&s, model, &opts, NULL), VISEME_OK);
    return s;
}

/* Batches of 1 and 2, clips of 1 and 13 frames, one session that is planned anew for each. */
static void check_against_plain(viseme_model *model, const struct parameters *p)
{
    viseme_session *s = open_session(model, 2);
    for (int batch = 1; batch <= 2; batch++)
        for (int frames = 1; frames <= 13; frames += 12) {
            struct dense x, maps, logits;
            float *data = make_input(&x, batch, frames, 7);
            plain_mixed(p, &x, &maps, &logits);
            run_once(s, data, batch, frames);
            expect_near(s, "maps", &maps);
            expect_near(s, "logits", &logits);
            free(data);
            free(x.data);
            free(maps.data);
            free(logits.data);
        }
    viseme_session_close(s);
}

static void matches_plain_loops(void **state)
{
    (void)state;
    each_way(check_against_plain);
}

static void expect_same_bits(const viseme_session *a, const viseme_session *b)
{
    static const char *const names[] = {"maps", "logits"};
    for (int i = 0; i < 2; i++) {
        viseme_tensor x, y;
        assert_int_equal(viseme_session_output(a, names[i], &x, NULL), VISEME_OK);
        assert_int_equal(viseme_session_output(b, names[i], &y, NULL), VISEME_OK);
        size_t count = 1;
        for (int k = 0; k < x.rank; k++)
            count *= (size_t)x.shape[k];
        assert_memory_equal(x.data, y.data, count * sizeof(float));
    }
}

/* 1, 2, 3 and 7 threads, a second run, and a plan that shares no memory and starts from NaN. */
static void check_same_bits(viseme_model *model, const struct parameters *p)
{
    (void)p;
    struct dense x;
    float *data = make_input(&x, 2, 29, 9);
    viseme_session *one = open_session(model, 1);
    run_once(one, data, 2, 29);
    static const int threads[] = {1, 2, 3, 7};
    for (int i = 0; i < 4; i++)
        for (int keep = 0; keep < 2; keep++) {
            viseme_session *other = open_session(model, threads[i]);
            if (keep)
                vis_session_keep_all(other);
            run_once(other, data, 2, 29);
            run_once(other, data, 2, 29);
            expect_same_bits(one, other);
            viseme_session_close(other);
        }
    viseme_session_close(one);
    free(data);
    free(x.data);
}

static void same_bits_for_any_threads_and_plan(void **state)
{
    (void)state;
    each_way(check_same_bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(same_bits_for_any_threads_and_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
