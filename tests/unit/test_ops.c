/* Depthwise and separable convolutions, PReLU, padding at one end, residuals of fewer channels,
 * rows and elementwise functions against plain loops in double, on a small network built for the
 * test: at every CPU level of this machine, with both gemm providers, on one and two threads. */
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

enum { BATCH = 2, FRAMES = 3, HEIGHT = 11, WIDTH = 14, CHANNELS = 3 };
enum { A = 20, C = 37, D = 70, ROW = 10 };

static const struct vis_conv conv_a = {.out = A,
                                       .k = {1, 3, 5},
                                       .stride = {1, 1, 1},
                                       .pad = {0, 0, 2},
                                       .pad_end = {0, 2, 1},
                                       .act = VIS_ACT_PRELU,
                                       .slope = "a.slope"};
static const struct vis_conv conv_b = {
    .out = A, .k = {3, 3, 1}, .stride = {1, 1, 1}, .pad = {1, 1, 0}};
static const struct vis_conv conv_c = {.out = C,
                                       .k = {1, 3, 3},
                                       .stride = {1, 1, 1},
                                       .pad = {0, 1, 1},
                                       .act = VIS_ACT_PRELU,
                                       .slope = "c.slope"};
static const struct vis_conv conv_d = {.out = D,
                                       .k = {1, 3, 3},
                                       .stride = {1, 2, 2},
                                       .pad_end = {0, 1, 1},
                                       .act = VIS_ACT_RELU,
                                       .no_bias = 1};
static const struct vis_pool pool = {.k = {1, 2, 2}};

static struct vis_conv with_residual(struct vis_conv conv, vis_val residual)
{
    conv.residual = residual;
    return conv;
}

static void build(struct vis_graph *g)
{
    const int fixed[VIS_AXES] = {0, 0, HEIGHT, WIDTH, CHANNELS};
    vis_val a = vis_conv(g, vis_input(g, "x", "NTHWC", fixed), "a", conv_a);
    vis_val b = vis_depthwise(g, a, "b", conv_b);
    vis_val c = vis_separable(g, b, "c.deep", "c.point", with_residual(conv_c, b));
    struct vis_conv point = {.out = C, .act = VIS_ACT_PRELU, .slope = "c.slope", .residual = b};
    vis_val apart = vis_conv(g, vis_depthwise(g, b, "c.deep", conv_c), "c.point", point);
    vis_val d =
        vis_separable(g, c, "d.deep", "d.point", with_residual(conv_d, vis_maxpool(g, c, pool)));
    vis_output(g, "b", "NTHWC", b);
    vis_output(g, "c", "NTHWC", c);
    vis_output(g, "apart", "NTHWC", apart);
    vis_output(g, "d", "NTHWC", d);
    vis_output(g, "rows", "NTWC", vis_rows(g, d, 0, ROW));
    vis_output(g, "both", "NTW", vis_rows(g, d, b, 1));
    vis_output(g, "sigmoid", "NTHWC", vis_sigmoid(g, d));
    vis_output(g, "third", "NTHWC", vis_divide(g, d, 3));
}

static const struct vis_net net = {"ops", build};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

struct parameters {
    const float *a, *a_bias, *a_slope, *b, *b_bias, *c_deep, *c_deep_bias, *c, *c_bias, *c_slope;
    const float *d_deep, *d_deep_bias, *d;
};

static struct weights_file *make_weights(struct parameters *p)
{
    struct weights_file *f = weights_file_new("ops");
    p->a = weights_file_add(f, "a.weight", 4, (int[]){A, CHANNELS, 3, 5}, 1);
    p->a_bias = weights_file_add(f, "a.bias", 1, (int[]){A}, 2);
    p->a_slope = weights_file_add(f, "a.slope", 1, (int[]){A}, 3);
    p->b = weights_file_add(f, "b.weight", 4, (int[]){A, 1, 3, 3}, 4);
    p->b_bias = weights_file_add(f, "b.bias", 1, (int[]){A}, 5);
    p->c_deep = weights_file_add(f, "c.deep.weight", 4, (int[]){A, 1, 3, 3}, 6);
    p->c_deep_bias = weights_file_add(f, "c.deep.bias", 1, (int[]){A}, 7);
    p->c = weights_file_add(f, "c.point.weight", 4, (int[]){C, A, 1, 1}, 8);
    p->c_bias = weights_file_add(f, "c.point.bias", 1, (int[]){C}, 9);
    p->c_slope = weights_file_add(f, "c.slope", 1, (int[]){C}, 10);
    p->d_deep = weights_file_add(f, "d.deep.weight", 4, (int[]){C, 1, 3, 3}, 11);
    p->d_deep_bias = weights_file_add(f, "d.deep.bias", 1, (int[]){C}, 12);
    p->d = weights_file_add(f, "d.point.weight", 2, (int[]){D, C}, 13);
    return f;
}

/* ---- the plain loops ------------------------------------------------------------------------- */

static struct plain plain_halves(const struct plain *x) /* 2 x 2 maximum */
{
    struct plain y = plain_new(x->dim[0], x->dim[1], x->dim[2] / 2, x->dim[3] / 2, x->dim[4]);
    for (size_t p = 0; p < plain_count(&y); p++) {
        int n, at[3], c;
        plain_locate(&y, p, &n, at, &c);
        double best = -INFINITY;
        for (int i = 0; i < 4; i++)
            best =
                fmax(best, plain_at(x, n, (int[]){at[0], 2 * at[1] + i / 2, 2 * at[2] + i % 2}, c));
        y.data[p] = best;
    }
    return y;
}

struct expected {
    struct plain b, c, d;
};

static struct expected compute(const struct parameters *p, const struct plain *x)
{
    const struct vis_conv point = {.out = C}, last = {.out = D};
    struct expected e;
    struct plain a = plain_conv(x, &conv_a, 0, p->a, p->a_bias);
    plain_end(&a, NULL, VIS_ACT_PRELU, p->a_slope);
    e.b = plain_conv(&a, &conv_b, 1, p->b, p->b_bias);
    struct plain deep = plain_conv(&e.b, &conv_c, 1, p->c_deep, p->c_deep_bias);
    e.c = plain_conv(&deep, &point, 0, p->c, p->c_bias);
    plain_end(&e.c, &e.b, VIS_ACT_PRELU, p->c_slope);
    struct plain down = plain_conv(&e.c, &conv_d, 1, p->d_deep, p->d_deep_bias);
    struct plain halves = plain_halves(&e.c);
    e.d = plain_conv(&down, &last, 0, p->d, NULL);
    plain_end(&e.d, &halves, VIS_ACT_RELU, NULL);
    free(a.data);
    free(deep.data);
    free(down.data);
    free(halves.data);
    return e;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static viseme_tensor output(const viseme_session *s, const char *name, size_t *count)
{
    viseme_tensor t;
    assert_int_equal(viseme_session_output(s, name, &t, NULL), VISEME_OK);
    *count = 1;
    for (int i = 0; i < t.rank; i++)
        *count *= (size_t)t.shape[i];
    return t;
}

static void expect_near(const viseme_session *s, const char *name, const double *want, size_t n)
{
    size_t count;
    viseme_tensor got = output(s, name, &count);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got.data[i] - want[i]) <= 2e-6 * fmax(1, fabs(want[i]))))
            fail_msg("%s[%zu] is %.9g, want %.9g", name, i, (double)got.data[i], want[i]);
}

static void expect_rows(const viseme_session *s, const struct expected *e)
{
    size_t rows, both, n = plain_count(&e->d), n_b = plain_count(&e->b), frames = BATCH * FRAMES;
    viseme_tensor got = output(s, "rows", &rows);
    assert_int_equal(got.rank, 4);
    assert_int_equal(got.shape[3], ROW);
    expect_near(s, "rows", e->d.data, n);
    got = output(s, "both", &both);
    assert_int_equal(both, n + n_b);
    size_t d_frame = n / frames, b_frame = n_b / frames;
    viseme_tensor b = output(s, "b", &rows), d = output(s, "d", &rows);
    for (size_t f = 0; f < frames; f++) {
        const float *row = got.data + f * (d_frame + b_frame);
        assert_memory_equal(row, d.data + f * d_frame, d_frame * sizeof(float));
        assert_memory_equal(row + d_frame, b.data + f * b_frame, b_frame * sizeof(float));
    }
}

static viseme_session *open_and_run(viseme_model *model, int threads, int keep, const float *data)
{
    viseme_session_options opts = {threads};
    viseme_session *s;
    viseme_error err;
    viseme_tensor x = {"x", 5, {BATCH, FRAMES, HEIGHT, WIDTH, CHANNELS}, data};
    assert_int_equal(viseme_session_open(&s, model, &opts, NULL), VISEME_OK);
    if (keep)
        vis_session_keep_all(s);
    if (viseme_session_run(s, &x, 1, &err) != VISEME_OK ||
        viseme_session_run(s, &x, 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return s;
}

static void expect_same_bits(const viseme_session *a, const viseme_session *b, const char *name_a,
                             const char *name_b)
{
    size_t count_a, count_b;
    viseme_tensor x = output(a, name_a, &count_a), y = output(b, name_b, &count_b);
    assert_int_equal(count_a, count_b);
    assert_memory_equal(x.data, y.data, count_a * sizeof(float));
}

static void check_model(viseme_model *model, const struct expected *e, const float *data)
{
    static const char *const names[] = {"b", "c", "d", "rows", "both", "sigmoid", "third"};
    viseme_session *one = open_and_run(model, 1, 0, data);
    size_t n = plain_count(&e->d);
    double *want = malloc(n * sizeof *want);
    assert_non_null(want);
    expect_near(one, "b", e->b.data, plain_count(&e->b));
    expect_near(one, "c", e->c.data, plain_count(&e->c));
    expect_near(one, "d", e->d.data, n);
    expect_rows(one, e);
    for (size_t i = 0; i < n; i++)
        want[i] = 1 / (1 + exp(-e->d.data[i]));
    expect_near(one, "sigmoid", want, n);
    for (size_t i = 0; i < n; i++)
        want[i] = e->d.data[i] / 3;
    expect_near(one, "third", want, n);
    expect_same_bits(one, one, "c", "apart"); /* one node or two: the same numbers */
    static const int threads[] = {1, 2, 3, 7};
    for (int i = 0; i < 4; i++)
        for (int keep = 0; keep < 2; keep++) {
            viseme_session *other = open_and_run(model, threads[i], keep, data);
            for (size_t k = 0; k < sizeof names / sizeof *names; k++)
                expect_same_bits(one, other, names[k], names[k]);
            viseme_session_close(other);
        }
    viseme_session_close(one);
    free(want);
}

static void matches_plain_loops(void **state)
{
    (void)state;
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    const char *path = weights_file_write(f);
    struct plain x = plain_new(BATCH, FRAMES, HEIGHT, WIDTH, CHANNELS);
    float *data = malloc(plain_count(&x) * sizeof *data);
    uint32_t seed = 5;
    assert_non_null(data);
    for (size_t i = 0; i < plain_count(&x); i++)
        x.data[i] = (double)(data[i] = test_random(&seed));
    struct expected e = compute(&p, &x);
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_model *model;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            check_model(model, &e, data);
            viseme_model_close(model);
        }
    free(e.b.data);
    free(e.c.data);
    free(e.d.data);
    free(x.data);
    free(data);
    weights_file_free(f);
}

/* Slopes of the wrong length are refused like any tensor. */
static void refuses_misshapen_slopes(void **state)
{
    (void)state;
    struct weights_file *f = weights_file_new("ops");
    weights_file_add(f, "a.weight", 4, (int[]){A, CHANNELS, 3, 5}, 1);
    weights_file_add(f, "a.bias", 1, (int[]){A}, 2);
    weights_file_add(f, "a.slope", 1, (int[]){A + 1}, 3);
    viseme_model *model;
    viseme_error err;
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find, &err),
                     VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "a.slope"));
    weights_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(refuses_misshapen_slopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
