/* Depthwise convolution over T, H and W, a row of output pixels at a time. */
#include "engine/depthwise.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/conv.h"
#include "engine/memory.h"

struct vis_depthwise_weights { /* packed, see vis_depthwise_fn */
    float *weight, *bias;
};

void vis_depthwise_find(struct vis_graph *g, struct vis_depthwise *d, vis_val x, const char *name,
                        const struct vis_conv *conv)
{
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    *d = (struct vis_depthwise){.conv = *conv, .channels = vis_graph_value(g, x)->dim[VIS_C]};
    d->taps = conv->k[0] * conv->k[1] * conv->k[2];
    if (d->taps > VIS_DEPTHWISE_TAPS)
        vis_graph_fail(g, VISEME_ERR_LIMIT, "%s: a depthwise kernel of %d taps; up to %d work",
                       name, d->taps, VIS_DEPTHWISE_TAPS);
    const int shape[4] = {d->channels, conv->k[0], conv->k[1], conv->k[2]};
    d->weight = vis_graph_weight(g, weight, shape, 4);
    d->bias = vis_graph_weight(g, bias, shape, 1);
    if (conv->norm) {
        struct vis_norm norm;
        vis_norm_name(&norm, conv->norm, vis_norm_torch, conv->norm_eps);
        vis_norm_find(g, &d->norm, &norm, d->channels);
    }
}

static void unpack(void *data)
{
    struct vis_depthwise_weights *w = data;
    vis_memory_free(w->weight);
    vis_memory_free(w->bias);
}

/* [C taps] -> [taps][C rounded up] */
static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct vis_depthwise *d = context;
    struct vis_depthwise_weights *w = data;
    size_t channels = (size_t)d->channels, taps = (size_t)d->taps;
    size_t step = (channels + VIS_DEPTHWISE_BLOCK - 1) / VIS_DEPTHWISE_BLOCK * VIS_DEPTHWISE_BLOCK;
    float *raw = malloc(channels * taps * sizeof *raw);
    *bytes = (taps + 1) * step * sizeof(float);
    w->weight = vis_memory_alloc(taps * step * sizeof *w->weight);
    w->bias = vis_memory_alloc(step * sizeof *w->bias);
    if (!raw || !w->weight || !w->bias) {
        free(raw);
        unpack(w);
        return vis_fail_nomem(err, *bytes);
    }
    vis_weights_to_f32(raw, d->weight);
    vis_weights_to_f32(w->bias, d->bias);
    viseme_status status = vis_norm_fold(&d->norm, raw, w->bias, 1, d->channels, d->taps, err);
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t ch = 0; ch < channels; ch++)
            w->weight[tap * step + ch] = raw[ch * taps + tap];
    free(raw);
    if (status != VISEME_OK)
        unpack(w);
    return status;
}

viseme_status vis_depthwise_prepare(const struct vis_graph *g, struct vis_depthwise *d, vis_val x,
                                    viseme_error *err)
{
    const struct vis_value *in = vis_graph_value(g, x);
    const int *k = d->conv.k;
    char key[256];
    const void *packed;
    snprintf(key, sizeof key, "depthwise %s", d->weight->info.name);
    viseme_status status =
        vis_model_packed(g->model, key, sizeof *d->packed, pack, unpack, d, &packed, err);
    if (status != VISEME_OK)
        return status;
    d->packed = packed;
    for (int tap = 0; tap < d->taps; tap++)
        d->tap_offset[tap] = tap / (k[1] * k[2]) * in->stride[VIS_T] +
                             tap / k[2] % k[1] * in->stride[VIS_H] + tap % k[2] * in->stride[VIS_W];
    return VISEME_OK;
}

/* `count` outputs at a distance of dst_step, which belong to inputs at a distance of src_step. */
static void convolve(const struct vis_depthwise *d, const struct vis_kernels *kernels,
                     const float *src, ptrdiff_t src_step, int count, float *dst,
                     ptrdiff_t dst_step)
{
    kernels->depthwise_f32(dst, dst_step, src, src_step, d->tap_offset, d->taps, d->packed->weight,
                           d->packed->bias, count, d->channels);
    vis_map_fn *act = vis_act_map(kernels, d->conv.act);
    if (!act)
        return;
    const int together = dst_step == d->channels; /* they lie side by side */
    for (int i = 0; i < (together ? 1 : count); i++)
        act(dst + i * dst_step, dst + i * dst_step,
            (size_t)(together ? count * d->channels : d->channels));
}

/* What the output at the beginning of row h of frame t reads first. */
static const float *source(const struct vis_depthwise *d, const struct vis_run *run, vis_val x,
                           int n, int t, int h)
{
    const struct vis_value *in = vis_graph_value(run->graph, x);
    const struct vis_conv *c = &d->conv;
    return vis_run_data(run, x) + n * in->stride[VIS_N] +
           (t * c->stride[0] - c->pad[0]) * in->stride[VIS_T] +
           (h * c->stride[1] - c->pad[1]) * in->stride[VIS_H] - c->pad[2] * in->stride[VIS_W];
}

void vis_depthwise_row(const struct vis_depthwise *d, const struct vis_run *run, vis_val x, int n,
                       int t, int h, int w, float *dst, ptrdiff_t dst_step)
{
    const struct vis_value *in = vis_graph_value(run->graph, x);
    convolve(d, run->kernels, source(d, run, x, n, t, h), d->conv.stride[2] * in->stride[VIS_W], w,
             dst, dst_step);
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct vis_depthwise *d = node->state;
    const int *dim = vis_graph_value(g, node->out)->dim;
    (void)threads;
    node->flop = 2.0 * d->taps * dim[VIS_N] * dim[VIS_T] * dim[VIS_H] * dim[VIS_W] * dim[VIS_C];
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return vis_depthwise_prepare(g, d, node->in[0], err);
}

struct depthwise_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static void row_task(void *context, int task, int thread)
{
    const struct depthwise_run *r = context;
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    int h = task % y->dim[VIS_H], t = task / y->dim[VIS_H] % y->dim[VIS_T];
    int n = task / y->dim[VIS_H] / y->dim[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T] +
                 h * y->stride[VIS_H];
    vis_depthwise_row(r->node->state, r->run, r->node->in[0], n, t, h, y->dim[VIS_W], dst,
                      y->stride[VIS_W]);
}

/* Of a sequence frames are the row, some of them: the weights of a block of channels stay in L1
 * over all of them. */
enum { FRAMES = 25 };

static void frames_task(void *context, int task, int thread)
{
    const struct depthwise_run *r = context;
    const struct vis_depthwise *d = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    const int tasks = (y->dim[VIS_T] + FRAMES - 1) / FRAMES, n = task / tasks;
    const int t = task % tasks * FRAMES, rest = y->dim[VIS_T] - t;
    (void)thread;
    convolve(d, r->run->kernels, source(d, r->run, r->node->in[0], n, t, 0),
             d->conv.stride[0] * x->stride[VIS_T], rest < FRAMES ? rest : FRAMES,
             vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T],
             y->stride[VIS_T]);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct depthwise_run r = {node, run};
    if (dim[VIS_H] == 1 && dim[VIS_W] == 1) {
        vis_threads_run(run->threads, dim[VIS_N] * ((dim[VIS_T] + FRAMES - 1) / FRAMES),
                        frames_task, &r);
        return;
    }
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T] * dim[VIS_H], row_task, &r);
}

static const struct vis_op depthwise_op = {
    .kind = "depthwise", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_depthwise(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv)
{
    int dim[VIS_AXES];
    struct vis_depthwise params, *d;
    if (g->status != VISEME_OK)
        return 0;
    conv.out = vis_graph_value(g, x)->dim[VIS_C];
    if (!vis_conv_settle(g, x, name, &conv, dim))
        return 0;
    vis_depthwise_find(g, &params, x, name, &conv);
    vis_val y = vis_graph_add(g, &depthwise_op, name, x, 0, dim, sizeof *d, (void **)&d);
    if (d)
        *d = params;
    return y;
}
