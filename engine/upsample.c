/* A small map laid over a larger one. */
#include <stdio.h>

#include "engine/graph.h"

struct upsample_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

/* One row [W C] of a frame. */
static void row_task(void *context, int task, int thread)
{
    const struct upsample_run *r = context;
    const struct vis_graph *g = r->run->graph;
    const struct vis_value *x = vis_graph_value(g, r->node->in[0]);
    const struct vis_value *half = vis_graph_value(g, r->node->in[1]);
    const struct vis_value *y = vis_graph_value(g, r->node->out);
    (void)thread;
    const int h = task % y->dim[VIS_H], t = task / y->dim[VIS_H] % y->dim[VIS_T];
    const int n = task / y->dim[VIS_H] / y->dim[VIS_T];
    const float *a = vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] +
                     t * x->stride[VIS_T] + h * x->stride[VIS_H];
    const float *b = vis_run_data(r->run, r->node->in[1]) + n * half->stride[VIS_N] +
                     t * half->stride[VIS_T] + h / 2 * half->stride[VIS_H];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T] +
                 h * y->stride[VIS_H];
    for (int w = 0; w < y->dim[VIS_W]; w++)
        for (int c = 0; c < y->dim[VIS_C]; c++)
            dst[w * y->stride[VIS_W] + c] =
                a[w * x->stride[VIS_W] + c] + b[w / 2 * half->stride[VIS_W] + c];
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct upsample_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T] * dim[VIS_H], row_task, &r);
}

static const struct vis_op upsample_op = {.kind = "upsample", .prepare = prepare, .run = run};

vis_val vis_upsample_add(struct vis_graph *g, vis_val x, vis_val half)
{
    void *state;
    if (g->status != VISEME_OK)
        return 0;
    const int *a = vis_graph_value(g, x)->dim, *b = vis_graph_value(g, half)->dim;
    const int dim[VIS_AXES] = {a[0], a[1], a[2], a[3], a[4]};
    if (a[VIS_N] != b[VIS_N] || a[VIS_T] != b[VIS_T] || a[VIS_H] != 2 * b[VIS_H] ||
        a[VIS_W] != 2 * b[VIS_W] || a[VIS_C] != b[VIS_C]) {
        vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                       "upsample: a map of %d x %d does not cover one of %d x %d twofold", b[VIS_H],
                       b[VIS_W], a[VIS_H], a[VIS_W]);
        return 0;
    }
    return vis_graph_add(g, &upsample_op, "upsample", x, half, dim, 0, &state);
}
