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
    struct vis_conv conv;
    struct vis_conv_tensors tensors;
    const struct vis_gemm_weights *packed;
    int taps, kc; /* K = taps * kc: a tap is a row of the kernel, or a point of it on parts */
    ptrdiff_t tap_offset[]; /* [taps] */
};

/* What packing needs; see pack(). */
struct pack_context {
    const viseme_model *model;
    const struct vis_conv_tensors *tensors;
};

static int kernel_size(const struct vis_conv_tensors *t)
{
    return t->k[0] * t->k[1] * t->k[2] * t->channels;
}

/* Copies stacked tensors into one float32 block. */
static float *stacked(const struct vis_weights_tensor *const t[VIS_CONV_STACK])
{
    size_t count = 0, at = 0;
    for (int part = 0; part < VIS_CONV_STACK && t[part]; part++)
        count += t[part]->count;
    float *f = malloc(count * sizeof *f);
    for (int part = 0; f && part < VIS_CONV_STACK && t[part]; at += t[part++]->count)
        vis_weights_to_f32(f + at, t[part]);
    return f;
}

/* Where element i of a row of B, in the order of the taps, channels last, is in a row of the
 * weights. */
static void fill_index(int32_t *index, const struct vis_conv_tensors *t)
{
    int at = 0;
    for (int kt = 0; kt < t->k[0]; kt++)
        for (int y = 0; y < t->k[1]; y++)
            for (int x = 0; x < t->k[2]; x++)
                for (int ch = 0; ch < t->channels; ch++, at++)
                    index[at] =
                        t->channels_last ? at : ((ch * t->k[0] + kt) * t->k[1] + y) * t->k[2] + x;
}

/* Bias and slope. */
static viseme_status find_ends(struct vis_conv_floats *f, const struct vis_conv_tensors *t,
                               viseme_error *err)
{
    const struct vis_weights_tensor *const slopes[VIS_CONV_STACK] = {t->slope};
    size_t out = (size_t)t->out;
    int biased = t->bias[0] || t->norm.gamma;
    if (biased)
        f->bias = t->bias[0] ? stacked(t->bias) : calloc(out, sizeof *f->bias);
    if (t->prelu)
        f->slope = t->slope ? stacked(slopes) : malloc(out * sizeof *f->slope);
    if ((biased && !f->bias) || (t->prelu && !f->slope)) {
        vis_conv_floats_free(f);
        return vis_fail_nomem(err, out * sizeof *f->bias);
    }
    for (size_t i = 0; t->prelu && !t->slope && i < out; i++)
        f->slope[i] = t->leak;
    return VISEME_OK;
}

viseme_status vis_conv_floats(struct vis_conv_floats *f, const struct vis_conv_tensors *t,
                              viseme_error *err)
{
    *f = (struct vis_conv_floats){.weight = stacked(t->weight)};
    if (!f->weight)
        return vis_fail_nomem(err, (size_t)t->out * (size_t)kernel_size(t) * sizeof *f->weight);
    return find_ends(f, t, err);
}

void vis_conv_floats_free(struct vis_conv_floats *f)
{
    free(f->weight);
    free(f->bias);
    free(f->slope);
    *f = (struct vis_conv_floats){0};
}

/* ---- Packing ------------------------------------------------------------------------------- */

/* Columns first .. first + count - 1 of weights [K out] as rows. */
static void read_columns(const struct vis_weights_tensor *t, int k, int out, int first, int count,
                         float *rows)
{
    float some[VIS_GEMM_MAX_NR];
    for (int i = 0; i < k; i++)
        for (int at = 0; at < count;) {
            const int n = count - at < VIS_GEMM_MAX_NR ? count - at : VIS_GEMM_MAX_NR;
            vis_weights_part_to_f32(some, t, (size_t)i * (size_t)out + (size_t)(first + at),
                                    (size_t)n);
            for (int j = 0; j < n; j++, at++)
                rows[(size_t)at * (size_t)k + (size_t)i] = some[j];
        }
}

/* What reading of weights needs. */
struct weight_rows {
    const struct vis_conv_tensors *tensors;
    const double *norm; /* [out] factors of a norm; NULL: none */
};

/* Rows first .. first + count - 1 of the stacked weights [out K], the norm and the scale in them.
 */
static void read_rows(const void *context, int first, int count, float *rows)
{
    const struct weight_rows *w = context;
    const struct vis_conv_tensors *t = w->tensors;
    const int k = kernel_size(t);
    for (int at = 0, part = 0, begin = 0; at < count; part++) {
        const int out = (int)(t->weight[part]->count / (size_t)k);
        const int from = first + at - begin;
        const int n = count - at < out - from ? count - at : out - from;
        float *to = rows + (size_t)at * (size_t)k;
        if (n > 0 && t->channels_last)
            read_columns(t->weight[part], k, out, from, n, to);
        else if (n > 0)
            vis_weights_part_to_f32(to, t->weight[part], (size_t)from * (size_t)k,
                                    (size_t)n * (size_t)k);
        at += n > 0 ? n : 0;
        begin += out;
    }
    for (int j = 0; j < count && w->norm; j++)
        for (int i = 0; i < k; i++) {
            float *x = &rows[(size_t)j * (size_t)k + (size_t)i];
            *x = (float)((double)*x * w->norm[first + j]);
        }
    for (size_t i = 0; i < (size_t)count * (size_t)k && t->scale != 1; i++)
        rows[i] *= t->scale;
}

static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct pack_context *c = context;
    const struct vis_conv_tensors *t = c->tensors;
    struct vis_gemm_weights *packed = data;
    struct vis_conv_floats ends = {0};
    struct weight_rows rows = {.tensors = t};
    const int k = kernel_size(t);
    double *norm = NULL;
    int32_t *index = malloc((size_t)k * sizeof *index);
    viseme_status status = index ? find_ends(&ends, t, err) : vis_fail_nomem(err, (size_t)k * 4);
    if (status == VISEME_OK && t->norm.gamma) {
        norm = malloc((size_t)t->out * sizeof *norm);
        status = norm ? vis_norm_scales(&t->norm, norm, ends.bias, t->out, err)
                      : vis_fail_nomem(err, (size_t)t->out * sizeof *norm);
    }
    if (status != VISEME_OK)
        goto done;
    rows.norm = norm;
    fill_index(index, t);
    for (int i = 0; t->scale != 1 && ends.bias && i < t->out; i++)
        ends.bias[i] *= t->scale;
    const struct vis_gemm_source source = {.read = read_rows,
                                           .context = &rows,
                                           .bias = ends.bias,
                                           .slope = ends.slope,
                                           .k_index = index,
                                           .k = k,
                                           .n = t->out};
    status = vis_gemm_pack_rows(packed, vis_model_kernels(c->model), vis_model_gemm(c->model),
                                &source, vis_model_packers(c->model), err);
    *bytes = packed->bytes;
    for (int part = 0; part < VIS_CONV_STACK && t->weight[part]; part++)
        vis_weights_release(vis_model_weights(c->model), t->weight[part]);
done:
    free(norm);
    free(index);
    vis_conv_floats_free(&ends);
    return status;
}

static void unpack(void *data)
{
    vis_gemm_weights_free(data);
}

viseme_status vis_conv_pack(const struct vis_graph *g, const struct vis_conv_tensors *t,
                            const struct vis_gemm_weights **packed, viseme_error *err)
{
    struct pack_context context = {g->model, t};
    char key[256];
    const void *data;
    snprintf(key, sizeof key, "gemm %dx%dx%dx%d %g %s", t->k[0], t->k[1], t->k[2], t->channels,
             (double)t->scale, t->weight[0]->info.name);
    viseme_status status = vis_model_packed(g->model, key, sizeof(struct vis_gemm_weights), pack,
                                            unpack, &context, &data, err);
    if (status == VISEME_OK)
        *packed = data;
    return status;
}

void vis_conv_taps(ptrdiff_t *offset, const struct vis_value *x, const int k[3], int taps)
{
    int along_w = taps / (k[0] * k[1]);
    for (int tap = 0; tap < taps; tap++)
        offset[tap] = tap / (k[1] * along_w) * x->stride[VIS_T] +
                      tap / along_w % k[1] * x->stride[VIS_H] + tap % along_w * x->stride[VIS_W];
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct conv_state *s = node->state;
    const struct vis_value *x = vis_graph_value(g, node->in[0]);
    const struct vis_value *y = vis_graph_value(g, node->out);
    const struct vis_kernels *kernels = vis_model_kernels(g->model);
    viseme_gemm gemm = vis_model_gemm(g->model);
    viseme_status status = vis_conv_pack(g, &s->tensors, &s->packed, err);
    if (status != VISEME_OK)
        return status;
    s->kc = s->tensors.channels;
    if (x->stride[VIS_W] == x->dim[VIS_C])
        s->kc *= s->conv.k[2];
    s->taps = kernel_size(&s->tensors) / s->kc;
    vis_conv_taps(s->tap_offset, x, s->conv.k, s->taps);
    double rows = (double)y->dim[VIS_N] * y->dim[VIS_T] * y->dim[VIS_H] * y->dim[VIS_W];
    if (rows > INT_MAX)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s would compute %.0f positions; give the network "
                        "fewer frames at a time",
                        node->name, rows);
    int k = kernel_size(&s->tensors);
    node->flop = 2 * rows * k * s->conv.out;
    node->scratch_floats = vis_gemm_scratch_floats(gemm, (int)rows, k, s->conv.out, threads);
    snprintf(node->algorithm, sizeof node->algorithm, "gemm %s",
             gemm == VISEME_GEMM_BLAS ? "blas" : kernels->gemm_f32.name);
    return VISEME_OK;
}

void vis_conv_residual(struct vis_gemm_job *job, const struct vis_run *run, vis_val residual)
{
    const struct vis_value *r = vis_graph_value(run->graph, residual);
    job->residual = vis_run_data(run, residual);
    job->residual_n = r->dim[VIS_C];
    for (int i = 0; i < VIS_GEMM_AXES; i++)
        job->residual_step[i] = r->stride[i];
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
        .taps = s->taps,
        .kc = s->kc,
        .tap_offset = s->tap_offset,
        .a_floats = x->floats,
        .act = s->conv.act,
    };
    for (int i = 0; i < 4; i++) { /* N T H W */
        job.dim[i] = y->dim[i];
        job.c_step[i] = y->stride[i];
        job.a_step[i] = x->stride[i] * (i == VIS_N ? 1 : s->conv.stride[i - 1]);
        if (i != VIS_N)
            job.a -= s->conv.pad[i - 1] * x->stride[i];
    }
    if (s->conv.residual)
        vis_conv_residual(&job, run, s->conv.residual);
    vis_gemm_run(run->kernels, &job, run->threads, run->scratch);
}

static const struct vis_op conv_op = {.kind = "conv", .prepare = prepare, .run = run, .parts = 1};

void vis_conv_find(struct vis_graph *g, struct vis_conv_tensors *t,
                   const struct vis_conv_weights *weights, const struct vis_conv *conv)
{
    int parts = 1;
    while (parts < VIS_CONV_STACK && weights->weight[parts])
        parts++;
    int out = t->out / parts, last = weights->channels_last;
    int first[5] = {out, t->channels, t->k[0], t->k[1], t->k[2]};
    int keras[5] = {t->k[0], t->k[1], t->k[2], t->channels, out};
    int transposed[5] = {t->channels, out, t->k[0], t->k[1], t->k[2]};
    const int *shape = last ? keras : weights->channels_first ? transposed : first;
    int flat[2] = {last ? kernel_size(t) : out, last ? out : kernel_size(t)};
    for (int i = 0; i < parts; i++) {
        t->weight[i] = weights->flat ? vis_graph_matrix(g, weights->weight[i], flat[0], flat[1])
                                     : vis_graph_weight(g, weights->weight[i], shape, 5);
        if (weights->bias[i])
            t->bias[i] = vis_graph_matrix(g, weights->bias[i], out, 1);
    }
    t->channels_last = last;
    t->scale = conv->scale != 0 ? conv->scale : 1;
    vis_norm_find(g, &t->norm, &weights->norm, t->out);
    t->prelu = conv->act == VIS_ACT_PRELU;
    t->leak = conv->leak;
    if (t->prelu && conv->slope)
        t->slope = vis_graph_weight(g, conv->slope, &t->out, 1);
}

int vis_conv_settle(struct vis_graph *g, vis_val x, const char *name, struct vis_conv *conv,
                    int dim[VIS_AXES])
{
    const struct vis_value *in = vis_graph_value(g, x);
    int halo[3];
    if (g->status != VISEME_OK)
        return 0;
    dim[VIS_N] = in->dim[VIS_N];
    dim[VIS_C] = conv->out;
    for (int i = 0; i < 3; i++) {
        conv->k[i] = conv->k[i] ? conv->k[i] : 1;
        conv->stride[i] = conv->stride[i] ? conv->stride[i] : 1;
        halo[i] = conv->pad[i] + conv->pad_end[i];
        int room = in->dim[VIS_T + i] + conv->pad[i] + halo[i] - conv->k[i];
        if (room < 0) {
            vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                           "%s: the input is too small along %c: %d with "
                           "padding %d, the kernel is %d",
                           name, "THW"[i], in -> dim[VIS_T + i], conv -> pad[i], conv -> k[i]);
            return 0;
        }
        dim[VIS_T + i] = room / conv->stride[i] + 1;
    }
    vis_graph_halo(g, x, halo);
    return 1;
}

vis_val vis_conv_named(struct vis_graph *g, vis_val x, const char *name,
                       const struct vis_conv_weights *weights, struct vis_conv conv)
{
    int dim[VIS_AXES];
    if (!vis_conv_settle(g, x, name, &conv, dim))
        return 0;
    struct vis_conv_tensors tensors = {.k = {conv.k[0], conv.k[1], conv.k[2]},
                                       .channels = vis_graph_value(g, x)->dim[VIS_C],
                                       .out = conv.out};
    vis_conv_find(g, &tensors, weights, &conv);
    struct conv_state *s;
    size_t taps = (size_t)(conv.k[0] * conv.k[1] * conv.k[2]);
    vis_val y = vis_graph_add(g, &conv_op, name, x, conv.residual, dim,
                              sizeof *s + taps * sizeof *s->tap_offset, (void **)&s);
    if (s) {
        s->conv = conv;
        s->tensors = tensors;
    }
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
