/* Vectors of length 1 along the channels. */
#include <math.h>
#include <stdio.h>

#include "engine/graph.h"

#define LEAST_LENGTH 1e-12 /* PyTorch's */

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

static void normalize(float *dst, const float *src, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)src[i] * (double)src[i];
    double length = sqrt(sum);
    double scale = 1 / (length < LEAST_LENGTH ? LEAST_LENGTH : length);
    for (int i = 0; i < n; i++)
        dst[i] = (float)((double)src[i] * scale);
}

struct normalize_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static void frame_task(void *context, int task, int thread)
{
    const struct normalize_run *r = context;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    const float *src =
        vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int h = 0; h < y->dim[VIS_H]; h++)
        for (int w = 0; w < y->dim[VIS_W]; w++)
            normalize(dst + h * y->stride[VIS_H] + w * y->stride[VIS_W],
                      src + h * x->stride[VIS_H] + w * x->stride[VIS_W], y->dim[VIS_C]);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct normalize_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op normalize_op = {
    .kind = "l2_normalize", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_l2_normalize(struct vis_graph *g, vis_val x)
{
    int dim[VIS_AXES];
    void *state;
    if (g->status != VISEME_OK)
        return 0;
    for (int i = 0; i < VIS_AXES; i++)
        dim[i] = vis_graph_value(g, x)->dim[i];
    return vis_graph_add(g, &normalize_op, "l2_normalize", x, 0, dim, 0, &state);
}
