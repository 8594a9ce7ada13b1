/* Convolutions and fully connected layers: both are one matrix multiplication over row pointers.
 *
 * A fully connected layer over a flattened [C H W] map is the convolution whose kernel covers the
 * map: PyTorch's weight [out C*H*W] is then [out C 1 H W], and no transposition is needed. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conv.h"

struct conv_state {
    int k[3], stride[3], pad[3]; /* T H W */
    int out, channels;
    enum vis_act act;
    vis_val residual;
    const struct vis_weights_tensor *weight[2], *bias[2]; /* [1]: stacked below [0], or NULL */
    struct vis_norm_tensors norm;
    int channels_last; /* see struct vis_conv_weights */
    const struct vis_gemm_weights *packed;
    ptrdiff_t *tap_offset; /* [kt kh] */
    ptrdiff_t taps[];      /* its storage */
};

/* What packing needs; see pack(). */
struct pack_context {
    const viseme_model *model;
    const struct conv_state *conv;
};

static int kernel_size(const struct conv_state *s)
{
    return s->k[0] * s->k[1] * s->k[2] * s->channels;
}

/* Copies two stacked tensors into one float32 block. */
static float *stacked(const struct vis_weights_tensor *const t[2])
{
    size_t first = t[0]->count, count = first + (t[1] ? t[1]->count : 0);
    float *f = malloc(count * sizeof *f);
    if (f)
        vis_weights_to_f32(f, t[0]);
    if (f && t[1])
        vis_weights_to_f32(f + first, t[1]);
    return f;
}

/* The same of weights [K out], turned to [out K]. */
static float *stacked_channels_last(const struct conv_state *s)
{
    size_t k = (size_t)kernel_size(s), at = 0;
    float *f = malloc((size_t)s->out * k * sizeof *f);
    for (int part = 0; f && part < 2 && s->weight[part]; part++) {
        size_t out = s->weight[part]->count / k;
        float *stored = malloc(out * k * sizeof *stored);
        if (!stored) {
            free(f);
            return NULL;
        }
        vis_weights_to_f32(stored, s->weight[part]);
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < k; i++)
                f[at++] = stored[i * out + o];
        free(stored);
    }
    return f;
}

/* Where element i of a row of B, in the order of the taps, channels last, is in a row of the
 * weights. */
static void fill_index(int32_t *index, const struct conv_state *s)
{
    int at = 0;
    for (int t = 0; t < s->k[0]; t++)
        for (int y = 0; y < s->k[1]; y++)
            for (int x = 0; x < s->k[2]; x++)
                for (int ch = 0; ch < s->channels; ch++, at++)
                    index[at] =
                        s->channels_last ? at : ((ch * s->k[0] + t) * s->k[1] + y) * s->k[2] + x;
}

static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct pack_context *c = context;
    const struct conv_state *s = c->conv;
    struct vis_gemm_weights *packed = data;
    int k = kernel_size(s);
    viseme_status status = VISEME_OK;
    int32_t *index = malloc((size_t)k * sizeof *index);
    float *weight = s->channels_last ? stacked_channels_last(s) : stacked(s->weight);
    float *bias = s->bias[0]      ? stacked(s->bias)
                  : s->norm.gamma ? calloc((size_t)s->out, sizeof *bias)
                                  : NULL;
    if (!index || !weight || ((s->bias[0] || s->norm.gamma) && !bias)) {
        status = vis_fail_nomem(err, (size_t)s->out * (size_t)k * sizeof *weight);
        goto done;
    }
    fill_index(index, s);
    status = vis_norm_fold(&s->norm, weight, bias, s->out, k, err);
    if (status != VISEME_OK)
        goto done;
    status = vis_gemm_pack(packed, vis_model_kernels(c->model), vis_model_gemm(c->model), weight,
                           bias, index, k, s->out, err);
    *bytes = packed->bytes;
done:
    free(index);
    free(weight);
    free(bias);
    return status;
}

static void unpack(void *data)
{
    vis_gemm_weights_free(data);
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct conv_state *s = node->state;
    const struct vis_value *x = vis_graph_value(g, node->in[0]);
    const struct vis_value *y = vis_graph_value(g, node->out);
    const struct vis_kernels *kernels = vis_model_kernels(g->model);
    viseme_gemm gemm = vis_model_gemm(g->model);
    struct pack_context context = {g->model, s};
    char key[256];
    snprintf(key, sizeof key, "gemm %dx%dx%dx%d %s", s->k[0], s->k[1], s->k[2], s->channels,
             s->weight[0]->info.name);
    const void *packed;
    viseme_status status = vis_model_packed(g->model, key, sizeof(struct vis_gemm_weights), pack,
                                            unpack, &context, &packed, err);
    if (status != VISEME_OK)
        return status;
    s->packed = packed;
    s->tap_offset = s->taps;
    for (int t = 0; t < s->k[0]; t++)
        for (int h = 0; h < s->k[1]; h++)
            s->tap_offset[t * s->k[1] + h] = t * x->stride[VIS_T] + h * x->stride[VIS_H];
    double rows = (double)y->dim[VIS_N] * y->dim[VIS_T] * y->dim[VIS_H] * y->dim[VIS_W];
    if (rows > INT_MAX)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s would compute %.0f positions; give the network "
                        "fewer frames at a time",
                        node->name, rows);
    node->flop = 2 * rows * kernel_size(s) * s->out;
    node->scratch_floats =
        vis_gemm_scratch_floats(gemm, (int)rows, kernel_size(s), s->out, threads);
    snprintf(node->algorithm, sizeof node->algorithm, "gemm %s",
             gemm == VISEME_GEMM_BLAS ? "blas" : kernels->gemm_f32.name);
    return VISEME_OK;
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const struct conv_state *s = node->state;
    const struct vis_value *x = vis_graph_value(run->graph, node->in[0]);
    const struct vis_value *y = vis_graph_value(run->graph, node->out);
    struct vis_gemm_job job = {
        .weights = s->packed,
        .a = vis_run_data(run, node->in[0]),
        .c = vis_run_data(run, node->out),
        .taps = s->k[0] * s->k[1],
        .kc = s->k[2] * s->channels,
        .tap_offset = s->tap_offset,
        .a_floats = x->floats,
        .act = s->act,
    };
    for (int i = 0; i < 4; i++) { /* N T H W */
        job.dim[i] = y->dim[i];
        job.c_step[i] = y->stride[i];
        job.a_step[i] = x->stride[i] * (i == VIS_N ? 1 : s->stride[i - 1]);
        if (i != VIS_N)
            job.a -= s->pad[i - 1] * x->stride[i];
    }
    if (s->residual) {
        const struct vis_value *r = vis_graph_value(run->graph, s->residual);
        job.residual = vis_run_data(run, s->residual);
        for (int i = 0; i < 4; i++)
            job.residual_step[i] = r->stride[i];
    }
    vis_gemm_run(run->kernels, &job, run->threads, run->scratch);
}

static const struct vis_op conv_op = {"conv", prepare, run};

/* Shapes of the weights: [out C kt kh kw], or [out C*kt*kh*kw] for a fully connected layer. */
static void find_weights(struct vis_graph *g, struct conv_state *s,
                         const struct vis_conv_weights *weights)
{
    int parts = weights->weight[1] ? 2 : 1;
    int out = s->out / parts, last = weights->channels_last;
    int first[5] = {out, s->channels, s->k[0], s->k[1], s->k[2]};
    int keras[5] = {s->k[0], s->k[1], s->k[2], s->channels, out};
    int flat[2] = {last ? kernel_size(s) : out, last ? out : kernel_size(s)};
    for (int i = 0; i < parts; i++) {
        s->weight[i] = weights->flat
                           ? vis_graph_weight(g, weights->weight[i], flat, 2)
                           : vis_graph_weight(g, weights->weight[i], last ? keras : first, 5);
        if (weights->bias[i])
            s->bias[i] = vis_graph_weight(g, weights->bias[i], &out, 1);
    }
    s->channels_last = last;
    vis_norm_find(g, &s->norm, &weights->norm, s->out);
}

vis_val vis_conv_named(struct vis_graph *g, vis_val x, const char *name,
                       const struct vis_conv_weights *weights, struct vis_conv conv)
{
    if (g->status != VISEME_OK)
        return 0;
    const struct vis_value *in = vis_graph_value(g, x);
    struct conv_state params = {
        .out = conv.out, .channels = in->dim[VIS_C], .act = conv.act, .residual = conv.residual};
    int dim[VIS_AXES] = {in->dim[VIS_N], 0, 0, 0, conv.out};
    for (int i = 0; i < 3; i++) {
        params.k[i] = conv.k[i] ? conv.k[i] : 1;
        params.stride[i] = conv.stride[i] ? conv.stride[i] : 1;
        params.pad[i] = conv.pad[i];
        int room = in->dim[VIS_T + i] + 2 * params.pad[i] - params.k[i];
        if (room < 0) {
            vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                           "%s: the input is too small along %c: %d with "
                           "padding %d, the kernel is %d",
                           name, "THW"[i], in -> dim[VIS_T + i], params.pad[i], params.k[i]);
            return 0;
        }
        dim[VIS_T + i] = room / params.stride[i] + 1;
    }
    find_weights(g, &params, weights);
    struct conv_state *s;
    vis_val y = vis_graph_add(g, &conv_op, name, x, conv.residual, dim,
                              sizeof *s + sizeof(ptrdiff_t) * (size_t)(params.k[0] * params.k[1]),
                              (void **)&s);
    if (s)
        memcpy(s, &params, sizeof params);
    vis_graph_halo(g, x, params.pad);
    return y;
}

vis_val vis_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv)
{
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    struct vis_conv_weights weights = {.weight = {weight}, .bias = {conv.no_bias ? NULL : bias}};
    if (conv.norm)
        vis_norm_name(&weights.norm, conv.norm, vis_norm_torch, conv.norm_eps);
    return vis_conv_named(g, x, name, &weights, conv);
}

vis_val vis_linear(struct vis_graph *g, vis_val x, const char *name, int out)
{
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    struct vis_conv_weights weights = {.weight = {weight}, .bias = {bias}, .flat = 1};
    return vis_conv_named(g, x, name, &weights, vis_conv_whole_map(g, x, out));
}

struct vis_conv vis_conv_whole_map(const struct vis_graph *g, vis_val x, int out)
{
    const struct vis_value *in = vis_graph_value(g, x);
    struct vis_conv conv = {.out = out};
    if (g->status == VISEME_OK) {
        conv.k[1] = in->dim[VIS_H];
        conv.k[2] = in->dim[VIS_W];
    }
    return conv;
}
