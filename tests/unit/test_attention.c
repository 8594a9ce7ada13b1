/* What transformers are made of - attention, positions, norms, gates, tokens - against plain loops
 * in double, on a small network built for the test: at every CPU level of this machine, with both
 * gemm providers, on any number of threads. The truth of each operation starts from what the
 * network itself gives as its input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/attention.h"
#include "engine/conv.h"
#include "engine/layer_norm.h"
#include "engine/session.h"
#include "tests/support/weights_file.h"

/* More frames than a tile has rows or columns, and not a multiple of either. */
enum { BATCH = 2, FRAMES = 37, HEADS = 3, WIDTH = 10, C = HEADS * WIDTH, QKV = 3 * C };
enum { ROTATED = 6, TURNED = 2 * C, KERNEL = 31, MAP_H = 3, MAP_W = 2, MAP_C = 21, MORE = 2 };
enum { DISTANCES = 2 * FRAMES - 1, CROPPED = 8 /* frames that remain, and 3 */ };
#define EPS 0.5 /* large, so that it shows */

static void build(struct vis_graph *g)
{
    const int rows[VIS_AXES] = {[VIS_T] = -CROPPED, [VIS_C] = C},
              more[VIS_AXES] = {[VIS_T] = -CROPPED, [VIS_C] = MORE};
    const int map[VIS_AXES] = {
        [VIS_T] = -CROPPED, [VIS_H] = MAP_H, [VIS_W] = MAP_W, [VIS_C] = MAP_C};
    vis_val x = vis_input(g, "x", "NTC", rows);
    vis_val features = vis_input(g, "features", "NTC", more);
    vis_val picture = vis_input(g, "map", "NTHWC", map);
    const struct vis_conv_weights three = {.weight = {"q", "k", "v"},
                                           .bias = {"q.bias", "k.bias", "v.bias"}};
    vis_val qkv = vis_conv_named(g, x, "qkv", &three, (struct vis_conv){.out = QKV});
    vis_val distances = vis_distances(g, x);
    vis_val p = vis_conv(g, distances, "pos", (struct vis_conv){.out = C, .no_bias = 1});
    const struct vis_attention heads = {.heads = HEADS, .width = WIDTH, .u = "u", .v = "w"};
    const struct vis_rotary rotary = {.width = WIDTH, .rotated = ROTATED, .channels = TURNED};
    struct vis_rotary stored = rotary;
    stored.frequencies = "frequencies";
    vis_output(g, "qkv", "NTC", qkv);
    vis_output(g, "distances", "TC", distances);
    vis_output(g, "shifted", "NTC", vis_attention(g, qkv, p, heads));
    vis_output(g, "plain", "NTC", vis_attention(g, qkv, 0, heads));
    vis_output(g, "rotary", "NTC", vis_rotary(g, qkv, rotary));
    vis_output(g, "stored", "NTC", vis_rotary(g, qkv, stored));
    vis_output(g, "glu", "NTC", vis_glu(g, x, VIS_GATE_SIGMOID));
    vis_output(g, "geglu", "NTC", vis_glu(g, x, VIS_GATE_GELU));
    vis_output(g, "mean", "NTC", vis_mean(g, picture));
    vis_output(g, "token", "NTC", vis_class_token(g, x, features, "token", 1));
    vis_output(g, "cropped", "NTC", vis_crop_frames(g, x, 3, CROPPED - 3));
    vis_output(g, "logp", "NTC", vis_log_softmax(g, x));
    vis_output(g, "norm", "NTC", vis_layer_norm(g, x, "gain", "shift", VIS_LAYER_NORM, EPS));
    vis_output(g, "rms", "NTHWC", vis_layer_norm(g, picture, "map.gain", NULL, VIS_RMS_NORM, EPS));
    vis_output(g, "deep", "NTC",
               vis_depthwise(g, x, "deep",
                             (struct vis_conv){.k = {KERNEL, 1, 1},
                                               .pad = {KERNEL / 2, 0, 0},
                                               .act = VIS_ACT_SWISH}));
    vis_output(
        g, "half", "NTC",
        vis_conv(g, x, "half",
                 (struct vis_conv){.out = C, .scale = 0.5f, .residual = x, .act = VIS_ACT_GELU}));
}

static const struct vis_net net = {"attention", build};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

struct parameters {
    const float *qkv[3], *bias[3], *pos, *u, *v, *frequencies, *token, *gain, *shift, *map_gain;
    const float *deep, *deep_bias, *half, *half_bias;
};

static struct weights_file *make_weights(struct parameters *p)
{
    static const char *const names[3][2] = {{"q", "q.bias"}, {"k", "k.bias"}, {"v", "v.bias"}};
    struct weights_file *f = weights_file_new("attention");
    for (int i = 0; i < 3; i++) {
        p->qkv[i] = weights_file_add(f, names[i][0], 2, (int[]){C, C}, (uint32_t)(1 + i));
        p->bias[i] = weights_file_add(f, names[i][1], 1, (int[]){C}, (uint32_t)(4 + i));
    }
    p->pos = weights_file_add(f, "pos.weight", 2, (int[]){C, C}, 7);
    p->u = weights_file_add(f, "u", 2, (int[]){HEADS, WIDTH}, 8);
    p->v = weights_file_add(f, "w", 2, (int[]){HEADS, WIDTH}, 9);
    p->frequencies = weights_file_add(f, "frequencies", 1, (int[]){ROTATED / 2}, 10);
    p->token = weights_file_add(f, "token", 3, (int[]){1, 1, C + MORE}, 11);
    p->gain = weights_file_add(f, "gain", 1, (int[]){C}, 12);
    p->shift = weights_file_add(f, "shift", 1, (int[]){C}, 13);
    p->map_gain = weights_file_add(f, "map.gain", 1, (int[]){MAP_C}, 14);
    p->deep = weights_file_add(f, "deep.weight", 3, (int[]){C, 1, KERNEL}, 15);
    p->deep_bias = weights_file_add(f, "deep.bias", 1, (int[]){C}, 16);
    p->half = weights_file_add(f, "half.weight", 2, (int[]){C, C}, 17);
    p->half_bias = weights_file_add(f, "half.bias", 1, (int[]){C}, 18);
    return f;
}

/* ---- the plain loops: element (n, t, c) of every output -------------------------------------- */

static float x[BATCH][FRAMES][C], features[BATCH][FRAMES][MORE];
static float map[BATCH][FRAMES][MAP_H][MAP_W][MAP_C];

struct truth {
    const struct parameters *p;
    const float *qkv; /* [BATCH FRAMES QKV], the network's own */
    double distances[DISTANCES][C], pos[DISTANCES][C];
};

static double sigmoid(double v)
{
    return 1 / (1 + exp(-v));
}

static double gelu(double v)
{
    return v * 0.5 * erfc(-v / sqrt(2));
}

static double dot(const float *row, const float *weight)
{
    double sum = 0;
    for (int i = 0; i < C; i++)
        sum += (double)row[i] * (double)weight[i];
    return sum;
}

static void fill_distances(struct truth *t)
{
    for (int i = 0; i < DISTANCES; i++)
        for (int c = 0; c < C; c++) {
            const double angle = (FRAMES - 1 - i) * pow(10000, -(double)(c - c % 2) / C);
            t->distances[i][c] = c % 2 ? cos(angle) : sin(angle);
        }
    for (int i = 0; i < DISTANCES; i++)
        for (int c = 0; c < C; c++) {
            t->pos[i][c] = 0;
            for (int k = 0; k < C; k++)
                t->pos[i][c] += t->distances[i][k] * (double)t->p->pos[c * C + k];
        }
}

static const float *qkv_row(const struct truth *t, int n, int frame)
{
    return t->qkv + (ptrdiff_t)(n * FRAMES + frame) * QKV;
}

static double attention(const struct truth *t, int n, int i, int c, int shifted)
{
    const int head = c / WIDTH * WIDTH;
    double score[FRAMES], most = -INFINITY, sum = 0, value = 0;
    for (int j = 0; j < FRAMES; j++) {
        score[j] = 0;
        for (int k = head; k < head + WIDTH; k++) {
            const double q = (double)qkv_row(t, n, i)[k], key = (double)qkv_row(t, n, j)[C + k];
            score[j] += shifted ? (q + (double)t->p->u[k]) * key +
                                      (q + (double)t->p->v[k]) * t->pos[FRAMES - 1 - i + j][k]
                                : q * key;
        }
        score[j] /= sqrt(WIDTH);
        most = fmax(most, score[j]);
    }
    for (int j = 0; j < FRAMES; j++)
        sum += exp(score[j] - most);
    for (int j = 0; j < FRAMES; j++)
        value += exp(score[j] - most) / sum * (double)qkv_row(t, n, j)[2 * C + c];
    return value;
}

static double turned(const struct truth *t, int n, int frame, int c, int stored)
{
    const float *row = qkv_row(t, n, frame);
    const int half = ROTATED / 2, at = c % WIDTH, i = at % half;
    if (c >= TURNED || at >= ROTATED)
        return (double)row[c];
    const double frequency = stored ? (double)t->p->frequencies[i] : pow(10000, -2.0 * i / ROTATED);
    const double angle = frame * frequency;
    return at < half ? (double)row[c] * cos(angle) - (double)row[c + half] * sin(angle)
                     : (double)row[c] * cos(angle) + (double)row[c - half] * sin(angle);
}

static double normalized(const struct truth *t, const float *row, int c)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < C; i++)
        mean += (double)row[i] / C;
    for (int i = 0; i < C; i++)
        variance += ((double)row[i] - mean) * ((double)row[i] - mean) / C;
    return ((double)row[c] - mean) / sqrt(variance + EPS) * (double)t->p->gain[c] +
           (double)t->p->shift[c];
}

static double root_normalized(const struct truth *t, const float *row, int c)
{
    double squares = 0;
    for (int i = 0; i < MAP_C; i++)
        squares += (double)row[i] * (double)row[i] / MAP_C;
    return (double)row[c] / fmax(sqrt(squares), EPS) * (double)t->p->map_gain[c];
}

static double mean_of(int n, int frame, int c)
{
    double sum = 0;
    for (int h = 0; h < MAP_H; h++)
        for (int w = 0; w < MAP_W; w++)
            sum += (double)map[n][frame][h][w][c];
    return sum / (MAP_H * MAP_W);
}

static double deep(const struct truth *t, int n, int frame, int c)
{
    double sum = (double)t->p->deep_bias[c];
    for (int k = 0; k < KERNEL; k++) {
        const int from = frame + k - KERNEL / 2;
        if (from >= 0 && from < FRAMES)
            sum += (double)x[n][from][c] * (double)t->p->deep[c * KERNEL + k];
    }
    return sum * sigmoid(sum);
}

static double log_softmax(const float *row, int c)
{
    double sum = 0;
    for (int i = 0; i < C; i++)
        sum += exp((double)row[i]);
    return (double)row[c] - log(sum);
}

static double token(const struct truth *t, int n, int frame, int c)
{
    if (frame == 0)
        return c == C + MORE - 1 ? 0 : (double)t->p->token[c];
    return (double)(c < C ? x[n][frame - 1][c] : features[n][frame - 1][c - C]);
}

static double want(const struct truth *t, const char *name, int n, int frame, int c)
{
    const float *row = x[n][frame % FRAMES];
    if (strcmp(name, "qkv") == 0)
        return dot(row, t->p->qkv[c / C] + (ptrdiff_t)(c % C) * C) +
               (double)t->p->bias[c / C][c % C];
    if (strcmp(name, "shifted") == 0 || strcmp(name, "plain") == 0)
        return attention(t, n, frame, c, *name == 's');
    if (strcmp(name, "rotary") == 0 || strcmp(name, "stored") == 0)
        return turned(t, n, frame, c, *name == 's');
    if (strcmp(name, "glu") == 0)
        return (double)row[c] * sigmoid((double)row[c + C / 2]);
    if (strcmp(name, "geglu") == 0)
        return (double)row[c] * gelu((double)row[c + C / 2]);
    if (strcmp(name, "mean") == 0)
        return mean_of(n, frame, c);
    if (strcmp(name, "token") == 0)
        return token(t, n, frame, c);
    if (strcmp(name, "cropped") == 0)
        return (double)x[n][frame + 3][c];
    if (strcmp(name, "logp") == 0)
        return log_softmax(row, c);
    if (strcmp(name, "norm") == 0)
        return normalized(t, row, c);
    if (strcmp(name, "rms") == 0)
        return root_normalized(t, &map[n][frame][0][0][0] + c / MAP_C * MAP_C, c % MAP_C);
    if (strcmp(name, "deep") == 0)
        return deep(t, n, frame, c);
    return gelu((double)row[c] +
                0.5 * (dot(row, t->p->half + (ptrdiff_t)c * C) + (double)t->p->half_bias[c]));
}

/* ---- checks ---------------------------------------------------------------------------------- */

static const char *const names[] = {"qkv",  "shifted", "plain", "rotary", "stored",
                                    "glu",  "geglu",   "mean",  "token",  "cropped",
                                    "logp", "norm",    "rms",   "deep",   "half"};
enum { NAMES = sizeof names / sizeof *names };

static viseme_tensor output(const viseme_session *s, const char *name, int *count, int *channels)
{
    viseme_tensor t;
    assert_int_equal(viseme_session_output(s, name, &t, NULL), VISEME_OK);
    *count = *channels = 1;
    for (int i = 0; i < t.rank; i++) {
        *count *= (int)t.shape[i];
        *channels *= i >= 2 ? (int)t.shape[i] : 1;
    }
    return t;
}

static void check_output(const viseme_session *s, const struct truth *t, const char *name)
{
    int count, channels;
    viseme_tensor got = output(s, name, &count, &channels);
    const int frames = (int)got.shape[1];
    for (int i = 0; i < count; i++) {
        const double right =
            want(t, name, i / channels / frames, i / channels % frames, i % channels);
        if (!(fabs((double)got.data[i] - right) <= 3e-6 * fmax(1, fabs(right))))
            fail_msg("%s[%d] is %.9g, want %.9g", name, i, (double)got.data[i], right);
    }
}

static void check_distances(const viseme_session *s, const struct truth *t)
{
    int count, channels;
    viseme_tensor got = output(s, "distances", &count, &channels);
    assert_int_equal(count, DISTANCES * C);
    for (int i = 0; i < count; i++)
        if (!(fabs((double)got.data[i] - t->distances[i / C][i % C]) <= 4e-6))
            fail_msg("distances[%d] is %.9g, want %.9g", i, (double)got.data[i],
                     t->distances[i / C][i % C]);
}

/* Two runs: what is computed once must last. */
static viseme_session *open_and_run(viseme_model *model, int threads, int keep)
{
    const viseme_tensor inputs[3] = {
        {"x", 3, {BATCH, FRAMES, C}, &x[0][0][0]},
        {"features", 3, {BATCH, FRAMES, MORE}, &features[0][0][0]},
        {"map", 5, {BATCH, FRAMES, MAP_H, MAP_W, MAP_C}, &map[0][0][0][0][0]}};
    viseme_session_options opts = {threads};
    viseme_session *s;
    viseme_error err;
    assert_int_equal(viseme_session_open(&s, model, &opts, NULL), VISEME_OK);
    if (keep)
        vis_session_keep_all(s);
    for (int i = 0; i < 2; i++)
        if (viseme_session_run(s, inputs, 3, &err) != VISEME_OK)
            fail_msg("%s", err.message);
    return s;
}

static void check_model(viseme_model *model, const struct parameters *p)
{
    static const int threads[] = {1, 2, 3, 7};
    struct truth t = {.p = p};
    int count, channels;
    viseme_session *one = open_and_run(model, 1, 0);
    t.qkv = output(one, "qkv", &count, &channels).data;
    fill_distances(&t);
    check_distances(one, &t);
    for (int i = 0; i < NAMES; i++)
        check_output(one, &t, names[i]);
    for (int i = 0; i < 4; i++)
        for (int keep = 0; keep < 2; keep++) {
            viseme_session *other = open_and_run(model, threads[i], keep);
            for (int k = 0; k < NAMES; k++) {
                const float *data = output(one, names[k], &count, &channels).data;
                assert_memory_equal(output(other, names[k], &count, &channels).data, data,
                                    (size_t)count * sizeof *data);
            }
            viseme_session_close(other);
        }
    viseme_session_close(one);
}

static void fill(float *data, size_t bytes, uint32_t seed)
{
    for (size_t i = 0; i < bytes / sizeof *data; i++)
        data[i] = 2 * test_random(&seed);
}

static void matches_plain_loops(void **state)
{
    (void)state;
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    const char *path = weights_file_write(f);
    fill(&x[0][0][0], sizeof x, 21);
    fill(&features[0][0][0], sizeof features, 22);
    fill(&map[0][0][0][0][0], sizeof map, 23);
    memset(&map[1][2][0][0][0], 0, sizeof map[1][2]); /* where the floor of RMS norm shows */
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        for (int gemm = 0; gemm <= vis_gemm_has_blas(); gemm++) {
            viseme_model_options opts = {.cpu = (viseme_cpu)cpu, .gemm = (viseme_gemm)gemm};
            viseme_model *model;
            viseme_error err;
            if (vis_model_open(&model, path, &opts, find, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            check_model(model, &p);
            viseme_model_close(model);
        }
    weights_file_free(f);
}

/* Another length in the same session: what was computed for the first must not be used. */
static void lengths_may_change(void **state)
{
    (void)state;
    struct parameters p;
    struct weights_file *f = make_weights(&p);
    viseme_model *model;
    viseme_error err;
    if (vis_model_open(&model, weights_file_write(f), NULL, find, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    viseme_session *s = open_and_run(model, 1, 0);
    static const int lengths[2] = {FRAMES - 9, FRAMES - 9};
    for (int i = 0; i < 2; i++) {
        viseme_session *other;
        const viseme_tensor inputs[3] = {
            {"x", 3, {1, lengths[i], C}, &x[0][0][0]},
            {"features", 3, {1, lengths[i], MORE}, &features[0][0][0]},
            {"map", 5, {1, lengths[i], MAP_H, MAP_W, MAP_C}, &map[0][0][0][0][0]}};
        int count, channels;
        assert_int_equal(viseme_session_open(&other, model, NULL, NULL), VISEME_OK);
        assert_int_equal(viseme_session_run(s, inputs, 3, &err), VISEME_OK);
        assert_int_equal(viseme_session_run(other, inputs, 3, &err), VISEME_OK);
        const float *fresh = output(other, "shifted", &count, &channels).data;
        assert_memory_equal(output(s, "shifted", &count, &channels).data, fresh,
                            (size_t)count * sizeof *fresh);
        viseme_session_close(other);
    }
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_plain_loops),
        cmocka_unit_test(lengths_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
