/* Every position's channels brought to one length. */
#include <math.h>
#include <stdio.h>

#include "engine/floats.h"

struct l2_scale_state {
    const struct vis_weights_tensor *tensor;
    float eps;
    const float *weight; /* [C] */
};

struct l2_scale_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct l2_scale_state *s = node->state;
    (void)threads;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return vis_floats(g, "l2_scale", (const struct vis_weights_tensor *const[2]){s->tensor, NULL},
                      &s->weight, err);
}

static void pixel(float *dst, const float *src, const float *weight, float eps, int channels)
{
    double squares = 0;
    for (int i = 0; i < channels; i++)
        squares += (double)src[i] * (double)src[i];
    const float norm = (float)sqrt(squares) + eps;
    for (int i = 0; i < channels; i++)
        dst[i] = src[i] / norm * weight[i];
}

/* One row [W C] of a frame. */
static void row_task(void *context, int task, int thread)
{
    const struct l2_scale_run *r = context;
    const struct l2_scale_state *s = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    const int at[3] = {task / y->dim[VIS_H] / y->dim[VIS_T], task / y->dim[VIS_H] % y->dim[VIS_T],
                       task % y->dim[VIS_H]};
    float *dst = vis_run_data(r->run, r->node->out);
    const float *src = vis_run_data(r->run, r->node->in[0]);
    for (int i = 0; i < 3; i++) { /* N T H */
        dst += at[i] * y->stride[i];
        src += at[i] * x->stride[i];
    }
    for (int w = 0; w < y->dim[VIS_W]; w++)
        pixel(dst + w * y->stride[VIS_W], src + w * x->stride[VIS_W], s->weight, s->eps,
              y->dim[VIS_C]);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct l2_scale_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T] * dim[VIS_H], row_task, &r);
}

static const struct vis_op l2_scale_op = {.kind = "l2_scale", .prepare = prepare, .run = run};

vis_val vis_l2_scale(struct vis_graph *g, vis_val x, const char *name, float eps)
{
    char weight[256];
    struct l2_scale_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *dim = vis_graph_value(g, x)->dim;
    const int same[VIS_AXES] = {dim[0], dim[1], dim[2], dim[3], dim[4]};
    snprintf(weight, sizeof weight, "%s.weight", name);
    const struct vis_weights_tensor *t = vis_graph_weight(g, weight, &same[VIS_C], 1);
    vis_val y = vis_graph_add(g, &l2_scale_op, name, x, 0, same, sizeof *s, (void **)&s);
    if (s)
        *s = (struct l2_scale_state){.tensor = t, .eps = eps};
    return y;
}
