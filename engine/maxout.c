/* Several channels as one, by their maximum. */
#include <stdio.h>

#include "engine/graph.h"

struct maxout_state {
    int first; /* so many channels become the first one */
};

struct maxout_run {
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

static float maximum(const float *x, int n) /* NaN if one is, as IEEE 754-2019's maximum */
{
    float best = x[0];
    for (int i = 1; i < n; i++)
        best = x[i] > best || x[i] != x[i] ? x[i] : best;
    return best;
}

/* One row [W C] of a frame. */
static void row_task(void *context, int task, int thread)
{
    const struct maxout_run *r = context;
    const struct maxout_state *s = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    const int h = task % y->dim[VIS_H], t = task / y->dim[VIS_H] % y->dim[VIS_T];
    const int n = task / y->dim[VIS_H] / y->dim[VIS_T];
    const float *src = vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] +
                       t * x->stride[VIS_T] + h * x->stride[VIS_H];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T] +
                 h * y->stride[VIS_H];
    for (int w = 0; w < y->dim[VIS_W]; w++, src += x->stride[VIS_W], dst += y->stride[VIS_W]) {
        dst[0] = maximum(src, s->first);
        for (int c = 1; c < y->dim[VIS_C]; c++)
            dst[c] = src[s->first - 1 + c];
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct maxout_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T] * dim[VIS_H], row_task, &r);
}

static const struct vis_op maxout_op = {.kind = "maxout", .prepare = prepare, .run = run};

vis_val vis_maxout(struct vis_graph *g, vis_val x, int first)
{
    struct maxout_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim;
    const int dim[VIS_AXES] = {in[0], in[1], in[2], in[3], in[4] - first + 1};
    vis_val y = vis_graph_add(g, &maxout_op, "maxout", x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        s->first = first;
    return y;
}
