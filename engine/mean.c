/* The mean of every frame's positions. */
#include <stdio.h>

#include "engine/graph.h"

enum { BLOCK = 16 }; /* channels at a time */

struct mean_run {
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

static void frame_task(void *context, int task, int thread)
{
    const struct mean_run *r = context;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    const int height = x->dim[VIS_H], width = x->dim[VIS_W], channels = x->dim[VIS_C];
    (void)thread;
    const int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    const float *src =
        vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int c = 0; c < channels; c += BLOCK) {
        double sum[BLOCK] = {0};
        const int count = channels - c < BLOCK ? channels - c : BLOCK;
        for (int h = 0; h < height; h++)
            for (int w = 0; w < width; w++) {
                const float *p = src + h * x->stride[VIS_H] + w * x->stride[VIS_W] + c;
                for (int i = 0; i < count; i++)
                    sum[i] += (double)p[i];
            }
        for (int i = 0; i < count; i++)
            dst[c + i] = (float)(sum[i] / (height * width));
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct mean_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op mean_op = {.kind = "mean", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_mean(struct vis_graph *g, vis_val x)
{
    void *state;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim;
    const int dim[VIS_AXES] = {in[VIS_N], in[VIS_T], 1, 1, in[VIS_C]};
    return vis_graph_add(g, &mean_op, "mean", x, 0, dim, 0, &state);
}
