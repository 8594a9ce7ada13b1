/* Gated linear units. */
#include <stdio.h>

#include "engine/graph.h"

struct glu_state {
    enum vis_gate gate;
};

struct glu_run {
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

/* One frame. The gate is computed where the product goes. */
static void frame_task(void *context, int task, int thread)
{
    const struct glu_run *r = context;
    const struct glu_state *s = r->node->state;
    const struct vis_kernels *k = r->run->kernels;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    const int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T], channels = y->dim[VIS_C];
    const float *from =
        vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *to = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int h = 0; h < y->dim[VIS_H]; h++)
        for (int w = 0; w < y->dim[VIS_W]; w++) {
            const float *src = from + h * x->stride[VIS_H] + w * x->stride[VIS_W];
            float *dst = to + h * y->stride[VIS_H] + w * y->stride[VIS_W];
            (s->gate == VIS_GATE_GELU ? k->gelu_f32 : k->sigmoid_f32)(dst, src + channels,
                                                                      (size_t)channels);
            for (int c = 0; c < channels; c++)
                dst[c] *= src[c];
        }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct glu_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op glu_op = {.kind = "glu", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_glu(struct vis_graph *g, vis_val x, enum vis_gate gate)
{
    struct glu_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim;
    const int dim[VIS_AXES] = {in[VIS_N], in[VIS_T], in[VIS_H], in[VIS_W], in[VIS_C] / 2};
    if (in[VIS_C] % 2) {
        vis_graph_fail(g, VISEME_ERR_INTERNAL, "glu: an odd number of channels");
        return 0;
    }
    vis_val y = vis_graph_add(g, &glu_op, "glu", x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        s->gate = gate;
    return y;
}
