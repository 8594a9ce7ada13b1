/* Transposed convolutions, concatenations, operations on their parts, crops and vectors of length 1
 * against plain loops in double, on a small network built for the test: at every CPU level of this
 * machine, with both gemm providers, on several numbers of threads, with and without shared memory.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "engine/session.h"
#include "tests/support/plain.h"
#include "tests/support/weights_file.h"

enum { BATCH = 2, FRAMES = 3, HEIGHT = 5, WIDTH = 4, CHANNELS = 3, PARTS = 4 };
enum { A = 20, B = 35, D = 8, E = 9, K = 5, G = 6 };

/* Overlaps, gaps in the last row, every pad: [3 5 4] -> [6 11 13]. */
static const struct vis_conv conv_a = {.out = A,
                                       .k = {3, 3, 4},
                                       .stride = {2, 2, 3},
                                       .pad = {1, 0, 1},
                                       .output_pad = {1, 0, 2},
                                       .act = VIS_ACT_PRELU,
                                       .leak = 0.125F,
                                       .norm = "a.norm"};
static const struct vis_conv conv_b = {.out = B,
                                       .k = {3, 3, 4},
                                       .stride = {2, 2, 3},
                                       .pad = {1, 0, 1},
                                       .output_pad = {1, 0, 2},
                                       .act = VIS_ACT_RELU,
                                       .no_bias = 1};
static const struct vis_conv conv_d = {
    .out = D, .k = {3, 3, 3}, .stride = {1, 1, 2}, .pad = {1, 1, 1}, .act = VIS_ACT_RELU};
static const struct vis_conv conv_e = {
    .out = E, .k = {1, 3, 5}, .stride = {1, 2, 2}, .pad = {0, 1, 2}};
static const struct vis_conv conv_f = {.k = {1, 3, 3}, .pad = {0, 1, 1}};
static const struct vis_conv conv_g = {.out = G, .k = {FRAMES, HEIGHT, WIDTH}};
static const struct vis_conv conv_h = {.out = K, .k = {1, 3, 3}, .act = VIS_ACT_RELU};
static const struct vis_conv conv_i = {
    .out = K, .k = {3, 3, 3}, .stride = {2, 2, 2}, .pad = {1, 1, 1}, .output_pad = {1, 1, 1}};
static const struct vis_conv conv_k = {.out = K};
static const struct vis_conv conv_l = {.out = D, .k = {2, 3, 3}, .pad = {1, 1, 1}};

static struct vis_conv with_residual(struct vis_conv conv, vis_val residual)
{
    conv.residual = residual;
    return conv;
}

static void build(struct vis_graph *g)
{
    const int size[VIS_AXES] = {0, FRAMES, HEIGHT, WIDTH, CHANNELS};
    const int other[VIS_AXES] = {0, 2, 3, 3, PARTS};
    vis_val x = vis_input(g, "x", "NTHWC", size), y = vis_input(g, "y", "NCTHW", other);
    vis_val a = vis_conv_transposed(g, x, "a", conv_a);
    vis_val b = vis_conv_transposed(g, x, "b", with_residual(conv_b, a));
    vis_val c = vis_concat(g, b, a);
    vis_output(g, "a", "NTHWC", a);
    vis_output(g, "b", "NTHWC", b);
    vis_output(g, "c", "NCTHW", c);
    vis_output(g, "d", "NTHWC", vis_conv(g, c, "d", conv_d));
    vis_output(g, "e", "NTHWC", vis_conv(g, a, "e", conv_e));
    vis_output(g, "f", "NTHWC", vis_depthwise(g, a, "f", conv_f));
    vis_val whole = vis_conv(g, x, "g", conv_g);
    vis_output(g, "h", "NTHWC", vis_conv_transposed(g, whole, "h", conv_h));
    vis_output(g, "i", "NTHWC", vis_conv_transposed(g, whole, "i", conv_i));
    vis_val k = vis_conv(g, y, "k", conv_k), yk = vis_concat(g, y, k); /* an input as a part */
    vis_output(g, "k", "NTHWC", k);
    vis_output(g, "l", "NTHWC", vis_conv_transposed(g, k, "l", conv_l));
    vis_output(g, "unit", "NTHWC", vis_l2_normalize(g, yk));
    vis_output(g, "rows", "NTHWC", vis_crop_rows(g, x, 2, 2));
}

static const struct vis_net net = {"transposed", build};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

struct parameters {
    const float *a, *a_bias, *norm[4], *b, *d, *d_bias, *e, *e_bias, *f, *f_bias, *g, *g_bias;
    const float *h, *h_bias, *i, *i_bias, *k, *k_bias, *l, *l_bias;
};

static struct weights_file *make_weights(struct parameters *p)
{
    struct weights_file *f = weights_file_new("transposed");
    p->a = weights_file_add(f, "a.weight", 5, (int[]){CHANNELS, A, 3, 3, 4}, 1);
    p->a_bias = weights_file_add(f, "a.bias", 1, (int[]){A}, 2);
    p->norm[0] = weights_file_add(f, "a.norm.weight", 1, (int[]){A}, 3);
    p->norm[1] = weights_file_add(f, "a.norm.bias", 1, (int[]){A}, 4);
    p->norm[2] = weights_file_add(f, "a.norm.running_mean", 1, (int[]){A}, 5);
    float *variance = (float *)(void *)weights_file_add(f, "a.norm.running_var", 1, (int[]){A}, 6);
    for (int i = 0; i < A; i++)
        variance[i] = 0.5F + variance[i] * variance[i];
    p->norm[3] = variance;
    p->b = weights_file_add(f, "b.weight", 5, (int[]){CHANNELS, B, 3, 3, 4}, 7);
    p->d = weights_file_add(f, "d.weight", 5, (int[]){D, A + B, 3, 3, 3}, 8);
    p->d_bias = weights_file_add(f, "d.bias", 1, (int[]){D}, 9);
    p->e = weights_file_add(f, "e.weight", 4, (int[]){E, A, 3, 5}, 10);
    p->e_bias = weights_file_add(f, "e.bias", 1, (int[]){E}, 11);
    p->f = weights_file_add(f, "f.weight", 4, (int[]){A, 1, 3, 3}, 12);
    p->f_bias = weights_file_add(f, "f.bias", 1, (int[]){A}, 13);
    p->g = weights_file_add(f, "g.weight", 5, (int[]){G, CHANNELS, FRAMES, HEIGHT, WIDTH}, 14);
    p->g_bias = weights_file_add(f, "g.bias", 1, (int[]){G}, 15);
    p->h = weights_file_add(f, "h.weight", 4, (int[]){G, K, 3, 3}, 16);
    p->h_bias = weights_file_add(f, "h.bias", 1, (int[]){K}, 17);
    p->i = weights_file_add(f, "i.weight", 5, (int[]){G, K, 3, 3, 3}, 18);
    p->i_bias = weights_file_add(f, "i.bias", 1, (int[]){K}, 19);
    p->k = weights_file_add(f, "k.weight", 2, (int[]){K, PARTS}, 20);
    p->k_bias = weights_file_add(f, "k.bias", 1, (int[]){K}, 21);
    p->l = weights_file_add(f, "l.weight", 5, (int[]){K, D, 2, 3, 3}, 22);
    p->l_bias = weights_file_add(f, "l.bias", 1, (int[]){D}, 23);
    return f;
}

/* ---- what is expected ------------------------------------------------------------------------ */

enum { OUTPUTS = 12 };
static const char *const names[OUTPUTS] = {"a", "b", "c", "d", "e",    "f",
                                           "h", "i", "k", "l", "unit", "rows"};

static struct plain channels_first(const struct plain *x)
{
    struct plain y = plain_new(x->dim[0], x->dim[4], x->dim[1], x->dim[2], x->dim[3]);
    const size_t pixels = plain_count(x) / (size_t)(x->dim[0] * x->dim[4]), c = (size_t)x->dim[4];
    for (size_t i = 0; i < plain_count(x); i++)
        y.data[(i / (pixels * c) * c + i % c) * pixels + i / c % pixels] = x->data[i];
    return y;
}

static struct plain unit_vectors(const struct plain *x)
{
    struct plain y = plain_new(x->dim[0], x->dim[1], x->dim[2], x->dim[3], x->dim[4]);
    const size_t c = (size_t)x->dim[4];
    for (size_t p = 0; p < plain_count(x); p += c) {
        double sum = 0;
        for (size_t i = 0; i < c; i++)
            sum += x->data[p + i] * x->data[p + i];
        for (size_t i = 0; i < c; i++)
            y.data[p + i] = x->data[p + i] / sqrt(sum);
    }
    return y;
}

static struct plain two_rows(const struct plain *x)
{
    struct plain y = plain_new(x->dim[0], x->dim[1], 2, x->dim[3], x->dim[4]);
    for (size_t p = 0; p < plain_count(&y); p++) {
        int n, at[3], c;
        plain_locate(&y, p, &n, at, &c);
        y.data[p] = plain_at(x, n, (int[]){at[0], at[1] + 2, at[2]}, c);
    }
    return y;
}

static void compute(struct plain e[OUTPUTS], const struct parameters *p, const struct plain *x,
                    const struct plain *y)
{
    float leak[A];
    for (int i = 0; i < A; i++)
        leak[i] = conv_a.leak;
    struct plain a = plain_transposed(x, &conv_a, p->a, p->a_bias);
    plain_norm(&a, p->norm[0], p->norm[1], p->norm[2], p->norm[3]);
    plain_end(&a, NULL, VIS_ACT_PRELU, leak);
    struct plain b = plain_transposed(x, &conv_b, p->b, NULL);
    plain_end(&b, &a, VIS_ACT_RELU, NULL);
    struct plain c = plain_concat(&b, &a), g = plain_conv(x, &conv_g, 0, p->g, p->g_bias);
    struct plain k = plain_conv(y, &conv_k, 0, p->k, p->k_bias), yk = plain_concat(y, &k);
    e[0] = a;
    e[1] = b;
    e[2] = channels_first(&c);
    e[3] = plain_conv(&c, &conv_d, 0, p->d, p->d_bias);
    plain_end(&e[3], NULL, VIS_ACT_RELU, NULL);
    e[4] = plain_conv(&a, &conv_e, 0, p->e, p->e_bias);
    e[5] = plain_conv(&a, &conv_f, 1, p->f, p->f_bias);
    e[6] = plain_transposed(&g, &conv_h, p->h, p->h_bias);
    plain_end(&e[6], NULL, VIS_ACT_RELU, NULL);
    e[7] = plain_transposed(&g, &conv_i, p->i, p->i_bias);
    e[8] = k;
    e[9] = plain_transposed(&k, &conv_l, p->l, p->l_bias);
    e[10] = unit_vectors(&yk);
    e[11] = two_rows(x);
    free(c.data);
    free(g.data);
    free(yk.data);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static viseme_session *open_and_run(viseme_model *model, int threads, int keep,
                                    const viseme_tensor inputs[2])
{
    viseme_session_options opts = {threads};
    viseme_session *s;
    viseme_error err;
    assert_int_equal(viseme_session_open(&s, model, &opts, NULL), VISEME_OK);
    if (keep)
        vis_session_keep_all(s);
    for (int i = 0; i < 2; i++)
        if (viseme_session_run(s, inputs, 2, &err) != VISEME_OK)
            fail_msg("%s", err.message);
    return s;
}

static viseme_tensor output(const viseme_session *s, int i, const struct plain *want)
{
    viseme_tensor t;
    size_t count = 1;
    assert_int_equal(viseme_session_output(s, names[i], &t, NULL), VISEME_OK);
    for (int k = 0; k < t.rank; k++)
        count *= (size_t)t.shape[k];
    assert_int_equal(t.rank, 5);
    assert_int_equal(count, plain_count(want));
    return t;
}

static void check_model(viseme_model *model, const struct plain want[OUTPUTS],
                        const viseme_tensor inputs[2])
{
    static const int threads[] = {1, 2, 5};
    viseme_session *one = open_and_run(model, 1, 0, inputs);
    for (int i = 0; i < OUTPUTS; i++) {
        viseme_tensor got = output(one, i, &want[i]);
        for (size_t k = 0; k < plain_count(&want[i]); k++)
            if (!(fabs((double)got.data[k] - want[i].data[k]) <=
                  2e-6 * fmax(1, fabs(want[i].data[k]))))
                fail_msg("%s[%zu] is %.9g, want %.9g", names[i], k, (double)got.data[k],
                         want[i].data[k]);
    }
    for (int t = 0; t < 3; t++)
        for (int keep = 0; keep < 2; keep++) {
            viseme_session *other = open_and_run(model, threads[t], keep, inputs);
            for (int i = 0; i < OUTPUTS; i++)
                assert_memory_equal(output(one, i, &want[i]).data, output(other, i, &want[i]).data,
                                    plain_count(&want[i]) * sizeof(float));
            viseme_session_close(other);
        }
    viseme_session_close(one);
}

static float *draw(struct plain *x, uint32_t seed)
{
    float *data = malloc(plain_count(x) * sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < plain_count(x); i++)
        x->data[i] = (double)(data[i] = test_random(&seed));
    return data;
}

static void matches_plain_loops(void **state)
{
    (void)state;
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    const char *path = weights_file_write(f);
    struct plain x = plain_new(BATCH, FRAMES, HEIGHT, WIDTH, CHANNELS), want[OUTPUTS];
    struct plain y = plain_new(1, 2, 3, 3, PARTS), y_first;
    float *x_data = draw(&x, 5), *y_data = draw(&y, 6);
    y_first = channels_first(&y);
    for (size_t i = 0; i < plain_count(&y); i++)
        y_data[i] = (float)y_first.data[i];
    const viseme_tensor inputs[2] = {
        {"y", 5, {1, PARTS, 2, 3, 3}, y_data},
        {"x", 5, {BATCH, FRAMES, HEIGHT, WIDTH, CHANNELS}, x_data},
    };
    compute(want, &p, &x, &y);
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_model *model;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            check_model(model, want, inputs);
            viseme_model_close(model);
        }
    for (int i = 0; i < OUTPUTS; i++)
        free(want[i].data);
    free(x.data);
    free(y.data);
    free(y_first.data);
    free(x_data);
    free(y_data);
    weights_file_free(f);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void build_joined(struct vis_graph *g)
{
    const int any[VIS_AXES] = {0};
    vis_val x = vis_input(g, "x", "NHW", any), y = vis_input(g, "y", "NHW", any);
    vis_output(g, "both", "NHWC", vis_concat(g, x, y));
}

static void build_impossible(struct vis_graph *g)
{
    const int any[VIS_AXES] = {0};
    vis_val x = vis_input(g, "x", "NHW", any);
    vis_output(g, "y", "NHWC",
               vis_conv_transposed(
                   g, x, "a",
                   (struct vis_conv){.out = 1, .k = {1, 2, 2}, .stride = {1, 3, 3}, .no_bias = 1}));
}

static const struct vis_net joined = {"joined", build_joined};
static const struct vis_net impossible = {"impossible", build_impossible};

static const struct vis_net *find_others(const char *name)
{
    return strcmp(name, joined.name) == 0 ? &joined : &impossible;
}

static void parts_of_different_sizes_are_refused(void **state)
{
    (void)state;
    static const float data[12];
    struct weights_file *f = weights_file_new("joined");
    viseme_model *model;
    viseme_session *s;
    viseme_error err;
    weights_file_add(f, "unused", 1, (int[]){1}, 1);
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find_others, &err),
                     VISEME_ERR_MODEL);
    weights_file_free(f);
    f = weights_file_new("joined");
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find_others, &err),
                     VISEME_OK);
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    const viseme_tensor inputs[2] = {{"x", 3, {2, 2, 3}, data}, {"y", 3, {1, 2, 3}, data}};
    assert_int_equal(viseme_session_run(s, inputs, 2, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "along N one leads to 2, another to 1"));
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct weights_file *f = weights_file_new("impossible");
    viseme_model *model;
    viseme_error err;
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find_others, &err),
                     VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "kernel 2, stride 3"));
    weights_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(parts_of_different_sizes_are_refused),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
