/* Maps as rows of numbers, one map behind another. */
#include <stdio.h>
#include <string.h>

#include "engine/graph.h"

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "copy");
    return VISEME_OK;
}

struct rows_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

/* One frame. Pixels of a row lie side by side, and so do all numbers of the output. */
static void frame_task(void *context, int task, int thread)
{
    const struct rows_run *r = context;
    const struct vis_graph *g = r->run->graph;
    const struct vis_value *y = vis_graph_value(g, r->node->out);
    (void)thread;
    int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int i = 0; i < VIS_NODE_INPUTS && r->node->in[i]; i++) {
        const struct vis_value *x = vis_graph_value(g, r->node->in[i]);
        const float *src =
            vis_run_data(r->run, r->node->in[i]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
        const size_t row = (size_t)x->dim[VIS_W] * (size_t)x->dim[VIS_C];
        for (int h = 0; h < x->dim[VIS_H]; h++, dst += row)
            memcpy(dst, src + h * x->stride[VIS_H], row * sizeof *dst);
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct rows_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op rows_op = {.kind = "rows", .prepare = prepare, .run = run};

vis_val vis_rows(struct vis_graph *g, vis_val a, vis_val b, int c)
{
    if (g->status != VISEME_OK)
        return 0;
    int floats = 0;
    const int *dim_a = vis_graph_value(g, a)->dim;
    for (int i = 0; i < 2; i++) {
        const int *dim = vis_graph_value(g, i ? b : a)->dim;
        if (i == 0 || b)
            floats += dim[VIS_H] * dim[VIS_W] * dim[VIS_C];
    }
    const int dim[VIS_AXES] = {dim_a[VIS_N], dim_a[VIS_T], 1, floats / c, c};
    void *state;
    return vis_graph_add(g, &rows_op, "rows", a, b, dim, 0, &state);
}
