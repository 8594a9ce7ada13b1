/* A depthwise convolution and the 1x1 convolution after it as one node.
 *
 * Small maps of few channels are bound by memory, not by arithmetic: a block of rows goes through
 * the depthwise part into scratch memory of its thread, which stays in L1, and from there through
 * the matrix multiplication. */
#include <stdio.h>

#include "engine/conv.h"
#include "engine/depthwise.h"

enum { BLOCK_PIXELS = 112 }; /* 8 row tiles of AVX-512 */

struct separable_state {
    struct vis_depthwise depthwise;
    struct vis_conv point;
    struct vis_conv_tensors tensors;
    const struct vis_gemm_weights *packed;
    int block_rows;              /* of the map, at most */
    int blocks;                  /* in a frame */
    ptrdiff_t *a, *c, *residual; /* [pixels of a block]: where they begin, see vis_gemm_rows */
    ptrdiff_t offsets[];         /* their storage */
};

static int rows_of_block(int width)
{
    return BLOCK_PIXELS / width > 1 ? BLOCK_PIXELS / width : 1;
}

static int part(int total, int parts, int i) /* where part i of an even split begins */
{
    return (int)((int64_t)total * i / parts);
}

static size_t block_floats(const struct separable_state *s, const struct vis_value *y)
{
    size_t floats = (size_t)(s->block_rows * y->dim[VIS_W] * s->depthwise.channels);
    return (floats + 15) / 16 * 16;
}

/* The matrix multiplication of a block of h rows, without its pointers. */
static struct vis_gemm_job block_job(const struct separable_state *s, const struct vis_graph *g,
                                     const struct vis_value *y, int h)
{
    static const ptrdiff_t no_offset = 0;
    const int channels = s->depthwise.channels, w = y->dim[VIS_W];
    struct vis_gemm_job job = {
        .weights = s->packed,
        .dim = {1, 1, h, w},
        .a_step = {0, 0, w * channels, channels},
        .c_step = {0, 0, y->stride[VIS_H], y->stride[VIS_W]},
        .taps = 1,
        .kc = channels,
        .tap_offset = &no_offset,
        .act = s->point.act,
    };
    if (s->point.residual) {
        const struct vis_value *v = vis_graph_value(g, s->point.residual);
        job.residual_n = v->dim[VIS_C];
        job.residual_step[VIS_H] = v->stride[VIS_H];
        job.residual_step[VIS_W] = v->stride[VIS_W];
    }
    return job;
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct separable_state *s = node->state;
    const struct vis_value *y = vis_graph_value(g, node->out);
    viseme_status status = vis_depthwise_prepare(g, &s->depthwise, node->in[0], err);
    if (status == VISEME_OK)
        status = vis_conv_pack(g, &s->tensors, &s->packed, err);
    s->block_rows = rows_of_block(y->dim[VIS_W]);
    s->blocks = (y->dim[VIS_H] + s->block_rows - 1) / s->block_rows;
    int pixels = s->block_rows * y->dim[VIS_W];
    s->a = s->offsets;
    s->c = s->offsets + pixels;
    s->residual = s->offsets + 2 * pixels;
    struct vis_gemm_job job = block_job(s, g, y, s->block_rows);
    vis_gemm_row_offsets(&job, 0, pixels, s->a, s->c, s->residual);
    node->scratch_floats = block_floats(s, y) * (size_t)threads;
    node->flop = 2.0 * y->dim[VIS_N] * y->dim[VIS_T] * y->dim[VIS_H] * y->dim[VIS_W] *
                 s->depthwise.channels * (s->depthwise.taps + s->point.out);
    snprintf(node->algorithm, sizeof node->algorithm, "rows + gemm %s",
             vis_model_kernels(g->model)->gemm_f32.name);
    return status;
}

struct separable_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static void block_task(void *context, int task, int thread)
{
    const struct separable_run *r = context;
    const struct separable_state *s = r->node->state;
    const struct vis_graph *g = r->run->graph;
    const struct vis_value *y = vis_graph_value(g, r->node->out);
    int channels = s->depthwise.channels, w = y->dim[VIS_W];
    int block = task % s->blocks, t = task / s->blocks % y->dim[VIS_T];
    int n = task / s->blocks / y->dim[VIS_T];
    int h0 = part(y->dim[VIS_H], s->blocks, block), h1 = part(y->dim[VIS_H], s->blocks, block + 1);
    float *between = r->run->scratch + (size_t)thread * block_floats(s, y);
    for (int h = h0; h < h1; h++)
        vis_depthwise_row(&s->depthwise, r->run, r->node->in[0], n, t, h, w,
                          between + (h - h0) * w * channels, channels);
    struct vis_gemm_job job = block_job(s, g, y, h1 - h0);
    job.a = between;
    job.c = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T] +
            h0 * y->stride[VIS_H];
    if (s->point.residual) {
        const struct vis_value *v = vis_graph_value(g, s->point.residual);
        job.residual = vis_run_data(r->run, s->point.residual) + n * v->stride[VIS_N] +
                       t * v->stride[VIS_T] + h0 * v->stride[VIS_H];
    }
    const struct vis_gemm_rows rows = {s->a, s->c, s->residual};
    vis_gemm_run_rows(r->run->kernels, &job, &rows, (h1 - h0) * w);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const struct separable_state *s = node->state;
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct separable_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T] * s->blocks, block_task, &r);
}

static const struct vis_op separable_op = {
    .kind = "separable", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_separable(struct vis_graph *g, vis_val x, const char *depthwise, const char *pointwise,
                      struct vis_conv conv)
{
    struct vis_conv point = {.out = conv.out,
                             .act = conv.act,
                             .slope = conv.slope,
                             .leak = conv.leak,
                             .no_bias = conv.no_bias,
                             .residual = conv.residual};
    conv.act = VIS_ACT_NONE;                          /* that of the pointwise part */
    if (vis_model_gemm(g->model) == VISEME_GEMM_BLAS) /* which wants one large product */
        return vis_conv(g, vis_depthwise(g, x, depthwise, conv), pointwise, point);
    int dim[VIS_AXES];
    if (!vis_conv_settle(g, x, pointwise, &conv, dim))
        return 0;
    struct separable_state params = {.point = point}, *s;
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%s.weight", pointwise);
    snprintf(bias, sizeof bias, "%s.bias", pointwise);
    struct vis_conv_weights names = {.weight = {weight}, .bias = {conv.no_bias ? NULL : bias}};
    vis_depthwise_find(g, &params.depthwise, x, depthwise, &conv);
    params.tensors = (struct vis_conv_tensors){
        .k = {1, 1, 1}, .channels = params.depthwise.channels, .out = conv.out};
    vis_conv_find(g, &params.tensors, &names, &point);
    size_t offsets = 3 * (size_t)(rows_of_block(dim[VIS_W]) * dim[VIS_W]);
    vis_val y = vis_graph_add(g, &separable_op, pointwise, x, conv.residual, dim,
                              sizeof *s + offsets * sizeof *s->offsets, (void **)&s);
    if (s)
        *s = params;
    return y;
}
