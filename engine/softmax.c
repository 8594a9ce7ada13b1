/* Softmax over the channels of every position, and its logarithm. */
#include <stdio.h>

#include "engine/graph.h"

struct softmax_run {
    vis_row_fn *row;
    const struct vis_value *x, *y;
    const float *src;
    float *dst;
};

static void frame_task(void *context, int task, int thread)
{
    const struct softmax_run *r = context;
    const struct vis_value *x = r->x, *y = r->y;
    (void)thread;
    int n = task / x->dim[VIS_T], t = task % x->dim[VIS_T];
    const float *src = r->src + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *dst = r->dst + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int h = 0; h < x->dim[VIS_H]; h++)
        for (int w = 0; w < x->dim[VIS_W]; w++)
            r->row(dst + h * y->stride[VIS_H] + w * y->stride[VIS_W],
                   src + h * x->stride[VIS_H] + w * x->stride[VIS_W], x->dim[VIS_C]);
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

static void run_rows(const struct vis_node *node, const struct vis_run *run, vis_row_fn *row)
{
    struct softmax_run r = {
        .row = row,
        .x = vis_graph_value(run->graph, node->in[0]),
        .y = vis_graph_value(run->graph, node->out),
        .src = vis_run_data(run, node->in[0]),
        .dst = vis_run_data(run, node->out),
    };
    vis_threads_run(run->threads, r.x->dim[VIS_N] * r.x->dim[VIS_T], frame_task, &r);
}

static void run_softmax(const struct vis_node *node, const struct vis_run *run)
{
    run_rows(node, run, run->kernels->softmax_f32);
}

static void run_log_softmax(const struct vis_node *node, const struct vis_run *run)
{
    run_rows(node, run, run->kernels->log_softmax_f32);
}

static const struct vis_op softmax_op = {
    .kind = "softmax", .prepare = prepare, .run = run_softmax, .parts = 1};
static const struct vis_op log_softmax_op = {
    .kind = "log_softmax", .prepare = prepare, .run = run_log_softmax, .parts = 1};

static vis_val add_softmax(struct vis_graph *g, vis_val x, const struct vis_op *op)
{
    if (g->status != VISEME_OK)
        return 0;
    int dim[VIS_AXES];
    for (int i = 0; i < VIS_AXES; i++)
        dim[i] = vis_graph_value(g, x)->dim[i];
    void *state;
    return vis_graph_add(g, op, op->kind, x, 0, dim, 0, &state);
}

vis_val vis_softmax(struct vis_graph *g, vis_val x)
{
    return add_softmax(g, x, &softmax_op);
}

vis_val vis_log_softmax(struct vis_graph *g, vis_val x)
{
    return add_softmax(g, x, &log_softmax_op);
}
