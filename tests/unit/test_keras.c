/* Batch norm folded into convolutions, layers in Keras's layout and softmax against plain loops in
 * double, at every CPU level of this machine, with both gemm providers; and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/keras.h"
#include "engine/model.h"
#include "engine/session.h"
#include "tests/support/weights_file.h"

enum { HEIGHT = 5, WIDTH = 6, CHANNELS = 3, MAPS = 20, UNITS = 19, CLASSES = 11, FRAMES = 7 };
enum { FEATURES = HEIGHT * WIDTH * MAPS, MOST = 1 << 16 };

static const struct vis_conv torch_conv = {
    .out = MAPS, .k = {1, 3, 3}, .pad = {0, 1, 1}, .no_bias = 1, .norm = "bn"};
static const struct vis_conv keras_conv = {.out = MAPS,
                                           .k = {3, 3, 1},
                                           .pad = {1, 1, 0},
                                           .act = VIS_ACT_RELU,
                                           .norm = "kn",
                                           .norm_eps = 1e-3f};

static void build(struct vis_graph *g)
{
    const int fixed[VIS_AXES] = {0, 0, HEIGHT, WIDTH, CHANNELS};
    vis_val x = vis_conv(g, vis_input(g, "x", "NTHWC", fixed), "tc", torch_conv);
    struct vis_conv with_residual = keras_conv;
    with_residual.residual = x;
    x = vis_keras_conv(g, x, "kc", with_residual);
    vis_output(g, "maps", "NTHWC", x);
    x = vis_keras_bigru(g, x, "bi", "cell", UNITS);
    x = vis_keras_dense(g, x, "d", CLASSES);
    vis_output(g, "logits", "NTC", x);
    vis_output(g, "probs", "NTC", vis_softmax(g, x));
}

static const struct vis_net net = {"small_keras", build};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

struct norm {
    const float *gamma, *beta, *mean, *variance;
    double eps;
};

struct parameters {
    const float *tc, *kc, *kc_bias, *kernel[2], *recurrent[2], *bias[2], *d, *d_bias;
    struct norm bn, kn;
};

static struct norm add_norm(struct weights_file *f, const char *const names[4], double eps,
                            float variance, uint32_t seed)
{
    const int shape[1] = {MAPS};
    struct norm n = {weights_file_add(f, names[0], 1, shape, seed),
                     weights_file_add(f, names[1], 1, shape, seed + 1),
                     weights_file_add(f, names[2], 1, shape, seed + 2),
                     weights_file_add(f, names[3], 1, shape, seed + 3), eps};
    for (int i = 0; i < MAPS; i++) {
        ((float *)n.gamma)[i] += 1;
        ((float *)n.variance)[i] += variance;
    }
    return n;
}

static struct weights_file *make_weights(struct parameters *p, float variance)
{
    static const char *const bn[4] = {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"};
    static const char *const kn[4] = {"kn/gamma", "kn/beta", "kn/moving_mean",
                                      "kn/moving_variance"};
    struct weights_file *f = weights_file_new("small_keras");
    p->tc = weights_file_add(f, "tc.weight", 4, (int[]){MAPS, CHANNELS, 3, 3}, 1);
    p->kc = weights_file_add(f, "kc/kernel", 5, (int[]){3, 3, 1, MAPS, MAPS}, 2);
    p->kc_bias = weights_file_add(f, "kc/bias", 1, (int[]){MAPS}, 3);
    p->bn = add_norm(f, bn, 1e-5, 0.5f, 4);
    p->kn = add_norm(f, kn, 1e-3, variance, 8);
    for (int d = 0; d < 2; d++) {
        const char *way = d ? "backward" : "forward";
        char name[64];
        uint32_t seed = 20 + 10 * (uint32_t)d;
        snprintf(name, sizeof name, "bi/%s_cell/kernel", way);
        p->kernel[d] = weights_file_add(f, name, 2, (int[]){FEATURES, 3 * UNITS}, seed);
        snprintf(name, sizeof name, "bi/%s_cell/recurrent_kernel", way);
        p->recurrent[d] = weights_file_add(f, name, 2, (int[]){UNITS, 3 * UNITS}, seed + 1);
        snprintf(name, sizeof name, "bi/%s_cell/bias", way);
        p->bias[d] = weights_file_add(f, name, 1, (int[]){3 * UNITS}, seed + 2);
    }
    p->d = weights_file_add(f, "d/kernel", 2, (int[]){2 * UNITS, CLASSES}, 40);
    p->d_bias = weights_file_add(f, "d/bias", 1, (int[]){CLASSES}, 41);
    return f;
}

static double normed(const struct norm *n, int c, double x)
{
    return (x - n->mean[c]) / sqrt(n->variance[c] + n->eps) * n->gamma[c] + n->beta[c];
}

/* [FRAMES HEIGHT WIDTH channels], padded by one half of the kernel. */
static double tap(const double *x, int channels, int t, int h, int w, int c)
{
    int inside = t >= 0 && t < FRAMES && h >= 0 && h < HEIGHT && w >= 0 && w < WIDTH;
    return inside ? x[((t * HEIGHT + h) * WIDTH + w) * channels + c] : 0;
}

static void plain_maps(const struct parameters *p, const double *x, double *first, double *maps)
{
    double *to = first;
    for (int at = 0; at < FRAMES * HEIGHT * WIDTH; at++)
        for (int o = 0; o < MAPS; o++) {
            int t = at / WIDTH / HEIGHT, h = at / WIDTH % HEIGHT, w = at % WIDTH;
            double sum = 0;
            for (int c = 0; c < CHANNELS; c++)
                for (int k = 0; k < 9; k++)
                    sum += tap(x, CHANNELS, t, h + k / 3 - 1, w + k % 3 - 1, c) *
                           p->tc[(o * CHANNELS + c) * 9 + k];
            *to++ = normed(&p->bn, o, sum);
        }
    for (int at = 0; at < FRAMES * HEIGHT * WIDTH; at++)
        for (int o = 0; o < MAPS; o++) {
            int t = at / WIDTH / HEIGHT, h = at / WIDTH % HEIGHT, w = at % WIDTH;
            double sum = p->kc_bias[o];
            for (int k = 0; k < 9; k++)
                for (int c = 0; c < MAPS; c++)
                    sum += tap(first, MAPS, t + k / 3 - 1, h + k % 3 - 1, w, c) *
                           p->kc[(k * MAPS + c) * MAPS + o];
            *maps++ = fmax(0, normed(&p->kn, o, sum) + tap(first, MAPS, t, h, w, o));
        }
}

static double hard_sigmoid(double x)
{
    return fmin(1, fmax(0, 0.2 * x + 0.5));
}

/* One gate of one unit: x W + h U + b, columns z r n of `UNITS` each. */
static double gate(const struct parameters *p, int d, const double *x, const double *h, int column)
{
    double sum = p->bias[d][column];
    for (int i = 0; i < FEATURES; i++)
        sum += x[i] * p->kernel[d][i * 3 * UNITS + column];
    for (int i = 0; i < UNITS; i++)
        sum += h[i] * p->recurrent[d][i * 3 * UNITS + column];
    return sum;
}

static void plain_gru(const struct parameters *p, int d, const double *maps, double *hidden)
{
    double h[UNITS] = {0}, reset[UNITS], next[UNITS];
    for (int i = 0; i < FRAMES; i++) {
        int t = d ? FRAMES - 1 - i : i;
        const double *x = maps + t * FEATURES;
        for (int u = 0; u < UNITS; u++)
            reset[u] = hard_sigmoid(gate(p, d, x, h, UNITS + u)) * h[u];
        for (int u = 0; u < UNITS; u++) {
            double z = hard_sigmoid(gate(p, d, x, h, u));
            next[u] = z * h[u] + (1 - z) * tanh(gate(p, d, x, reset, 2 * UNITS + u));
        }
        memcpy(h, next, sizeof h);
        memcpy(hidden + (t * 2 + d) * UNITS, h, sizeof h);
    }
}

static void plain_dense(const struct parameters *p, const double *hidden, double *logits,
                        double *probs)
{
    for (int t = 0; t < FRAMES; t++) {
        double total = 0;
        for (int o = 0; o < CLASSES; o++) {
            double sum = p->d_bias[o];
            for (int i = 0; i < 2 * UNITS; i++)
                sum += hidden[t * 2 * UNITS + i] * p->d[i * CLASSES + o];
            logits[t * CLASSES + o] = sum;
            total += exp(sum);
        }
        for (int o = 0; o < CLASSES; o++)
            probs[t * CLASSES + o] = exp(logits[t * CLASSES + o]) / total;
    }
}

static void expect_near(const viseme_session *s, const char *name, const double *want)
{
    viseme_tensor got;
    assert_int_equal(viseme_session_output(s, name, &got, NULL), VISEME_OK);
    size_t count = 1;
    for (int i = 0; i < got.rank; i++)
        count *= (size_t)got.shape[i];
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got.data[i] - want[i]) <= 3e-6 * fmax(1, fabs(want[i]))))
            fail_msg("%s[%zu] is %.9g, want %.9g", name, i, (double)got.data[i], want[i]);
}

static void matches_plain_loops(void **state)
{
    (void)state;
    static double x[MOST], first[MOST], maps[MOST], hidden[MOST], logits[MOST], probs[MOST];
    static float data[FRAMES * HEIGHT * WIDTH * CHANNELS];
    struct parameters p;
    struct weights_file *f = make_weights(&p, 0.2f);
    const char *path = weights_file_write(f);
    uint32_t seed = 77;
    for (size_t i = 0; i < sizeof data / sizeof *data; i++)
        x[i] = data[i] = test_random(&seed);
    plain_maps(&p, x, first, maps);
    plain_gru(&p, 0, maps, hidden);
    plain_gru(&p, 1, maps, hidden);
    plain_dense(&p, hidden, logits, probs);
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_session_options threads = {1 + gemm};
            viseme_tensor in = {"x", 5, {1, FRAMES, HEIGHT, WIDTH, CHANNELS}, data};
            viseme_model *model;
            viseme_session *s;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            assert_int_equal(viseme_session_open(&s, model, &threads, NULL), VISEME_OK);
            vis_session_keep_all(s);
            assert_int_equal(viseme_session_run(s, &in, 1, NULL), VISEME_OK);
            expect_near(s, "maps", maps);
            expect_near(s, "logits", logits);
            expect_near(s, "probs", probs);
            viseme_session_close(s);
            viseme_model_close(model);
        }
    weights_file_free(f);
}

/* A variance below -eps has no square root; its tensor is named. */
static void refuses_a_negative_variance(void **state)
{
    (void)state;
    struct parameters p;
    struct weights_file *f = make_weights(&p, -1.0f);
    viseme_model *model;
    viseme_error err;
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find, &err),
                     VISEME_ERR_MODEL);
    assert_null(model);
    assert_non_null(strstr(err.message, "kn/moving_variance"));
    weights_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(refuses_a_negative_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
