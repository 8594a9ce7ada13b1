/* What detectors need of the engine besides other networks' operations: depthwise convolutions with
 * batch norm and ReLU, L2 norm with weights, a small map laid over a larger one, maximum of
 * channels; against plain loops, at every CPU level, with both gemm providers, on several threads.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "engine/session.h"
#include "tests/support/plain.h"
#include "tests/support/weights_file.h"

enum { BATCH = 2, HEIGHT = 6, WIDTH = 10, C = 19, FIRST = 3 };

#define EPS 1e-3

static const struct vis_conv deep = {
    .k = {1, 3, 3}, .pad = {0, 1, 1}, .act = VIS_ACT_RELU, .norm = "deep.bn"};
static const struct vis_pool pool = {.k = {1, 2, 2}};

static void build(struct vis_graph *g)
{
    const int fixed[VIS_AXES] = {[VIS_H] = -2, [VIS_W] = WIDTH, [VIS_C] = C}; /* rows: 2 or more */
    const vis_val x = vis_input(g, "x", "NHWC", fixed);
    const vis_val y = vis_depthwise(g, x, "deep", deep);
    vis_output(g, "deep", "NHWC", y);
    vis_output(g, "scaled", "NHWC", vis_l2_scale(g, x, "norm", (float)EPS));
    vis_output(g, "over", "NHWC", vis_upsample_add(g, y, vis_maxpool(g, x, pool)));
    vis_output(g, "most", "NHWC", vis_maxout(g, x, FIRST));
}

static const struct vis_net net = {"detector_ops", build};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

struct parameters {
    const float *deep, *deep_bias, *gamma, *beta, *mean, *norm;
    float variance[C];
};

static struct weights_file *make_weights(struct parameters *p)
{
    struct weights_file *f = weights_file_new(net.name);
    p->deep = weights_file_add(f, "deep.weight", 4, (int[]){C, 1, 3, 3}, 1);
    p->deep_bias = weights_file_add(f, "deep.bias", 1, (int[]){C}, 2);
    p->gamma = weights_file_add(f, "deep.bn.weight", 1, (int[]){C}, 3);
    p->beta = weights_file_add(f, "deep.bn.bias", 1, (int[]){C}, 4);
    p->mean = weights_file_add(f, "deep.bn.running_mean", 1, (int[]){C}, 5);
    float *variance =
        (float *)(uintptr_t)weights_file_add(f, "deep.bn.running_var", 1, (int[]){C}, 6);
    for (int i = 0; i < C; i++)
        p->variance[i] = variance[i] = fabsf(variance[i]) + 0.1f;
    p->norm = weights_file_add(f, "norm.weight", 1, (int[]){C}, 7);
    return f;
}

/* Where element (n, y, x, c) of a plain tensor with this many rows, columns and channels is. */
static double *element(const struct plain *p, int n, int y, int x, int c)
{
    return plain_place(p, n, (int[]){0, y, x}) + c;
}

static void expect(const viseme_session *s, const char *name, const struct plain *want)
{
    viseme_tensor got;
    assert_int_equal(viseme_session_output(s, name, &got, NULL), VISEME_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(got.shape[i], want->dim[i ? i + 1 : 0]);
    for (size_t i = 0; i < plain_count(want); i++)
        if (!(fabs((double)got.data[i] - want->data[i]) <= 2e-6 * fmax(1, fabs(want->data[i]))))
            fail_msg("%s[%zu] is %.9g, want %.9g", name, i, (double)got.data[i], want->data[i]);
}

struct expected {
    struct plain deep, scaled, over, most;
};

static struct expected compute(const struct parameters *p, const struct plain *x)
{
    struct expected e = {.deep = plain_conv(x, &deep, 1, p->deep, p->deep_bias),
                         .scaled = plain_new(BATCH, 1, HEIGHT, WIDTH, C),
                         .over = plain_new(BATCH, 1, HEIGHT, WIDTH, C),
                         .most = plain_new(BATCH, 1, HEIGHT, WIDTH, C - FIRST + 1)};
    plain_norm(&e.deep, p->gamma, p->beta, p->mean, p->variance);
    plain_end(&e.deep, NULL, VIS_ACT_RELU, NULL);
    for (int i = 0; i < BATCH * HEIGHT * WIDTH; i++) {
        const int n = i / HEIGHT / WIDTH, v = i / WIDTH % HEIGHT, u = i % WIDTH;
        double squares = 0, most = -HUGE_VAL;
        for (int c = 0; c < C; c++)
            squares += pow(*element(x, n, v, u, c), 2);
        for (int c = 0; c < C; c++) {
            double best = -HUGE_VAL;
            for (int k = 0; k < 4; k++)
                best = fmax(best, *element(x, n, v / 2 * 2 + k / 2, u / 2 * 2 + k % 2, c));
            *element(&e.over, n, v, u, c) = *element(&e.deep, n, v, u, c) + best;
            *element(&e.scaled, n, v, u, c) =
                *element(x, n, v, u, c) / (sqrt(squares) + EPS) * (double)p->norm[c];
            if (c < FIRST)
                most = fmax(most, *element(x, n, v, u, c));
            else
                *element(&e.most, n, v, u, c - FIRST + 1) = *element(x, n, v, u, c);
        }
        *element(&e.most, n, v, u, 0) = most;
    }
    return e;
}

static void check_model(const viseme_model *model, const struct expected *e, const float *data)
{
    const viseme_tensor x = {"x", 4, {BATCH, HEIGHT, WIDTH, C}, data};
    for (int threads = 1; threads <= 5; threads += 2) {
        const viseme_session_options opts = {threads};
        viseme_session *s;
        viseme_error err;
        assert_int_equal(viseme_session_open(&s, model, &opts, NULL), VISEME_OK);
        if (viseme_session_run(s, &x, 1, &err) != VISEME_OK)
            fail_msg("%s", err.message);
        expect(s, "deep", &e->deep);
        expect(s, "scaled", &e->scaled);
        expect(s, "over", &e->over);
        expect(s, "most", &e->most);
        viseme_session_close(s);
    }
}

static void matches_plain_loops(void **state)
{
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    const char *path = weights_file_write(f);
    struct plain x = plain_new(BATCH, 1, HEIGHT, WIDTH, C);
    float *data = malloc(plain_count(&x) * sizeof *data);
    uint32_t seed = 5;
    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < plain_count(&x); i++)
        x.data[i] = (double)(data[i] = test_random(&seed));
    struct expected e = compute(&p, &x);
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            const viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_model *model;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            check_model(model, &e, data);
            viseme_model_close(model);
        }
    free(e.deep.data);
    free(e.scaled.data);
    free(e.over.data);
    free(e.most.data);
    free(x.data);
    free(data);
    weights_file_free(f);
}

/* Seven rows are not twice three. */
static void maps_that_do_not_cover_are_refused(void **state)
{
    static const float data[7 * WIDTH * C];
    const viseme_tensor x = {"x", 4, {1, 7, WIDTH, C}, data};
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    viseme_model *model;
    viseme_session *s;
    viseme_error err;
    (void)state;
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find, NULL), VISEME_OK);
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_session_run(s, &x, 1, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "upsample"));
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(maps_that_do_not_cover_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
