/* Some rows of every frame, or some frames, copied: a convolution behind it needs zeros around
 * them. */
#include <stdio.h>
#include <string.h>

#include "engine/graph.h"

struct crop_state {
    int frame, row; /* the first */
};

struct crop_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "copy");
    return VISEME_OK;
}

static void frame_task(void *context, int task, int thread)
{
    const struct crop_run *r = context;
    const struct crop_state *s = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    const float *src = vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] +
                       (s->frame + t) * x->stride[VIS_T] + s->row * x->stride[VIS_H];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int h = 0; h < y->dim[VIS_H]; h++)
        memcpy(dst + h * y->stride[VIS_H], src + h * x->stride[VIS_H],
               (size_t)y->dim[VIS_W] * (size_t)y->dim[VIS_C] * sizeof *dst);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct crop_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op crop_op = {.kind = "crop", .prepare = prepare, .run = run};

/* `count` of the rows (VIS_H) or frames (VIS_T) from `first` on. */
static vis_val crop(struct vis_graph *g, vis_val x, enum vis_axis axis, int first, int count)
{
    struct crop_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim;
    int dim[VIS_AXES] = {in[VIS_N], in[VIS_T], in[VIS_H], in[VIS_W], in[VIS_C]};
    if (first < 0 || count < 1 || first > in[axis] - count) {
        vis_graph_fail(g, VISEME_ERR_ARGUMENT, "crop: %d %s from %d on are not in %d", count,
                       axis == VIS_H ? "rows" : "frames", first, in[axis]);
        return 0;
    }
    dim[axis] = count;
    vis_val y = vis_graph_add(g, &crop_op, "crop", x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        *(axis == VIS_H ? &s->row : &s->frame) = first;
    return y;
}

vis_val vis_crop_rows(struct vis_graph *g, vis_val x, int first, int count)
{
    return crop(g, x, VIS_H, first, count);
}

vis_val vis_crop_frames(struct vis_graph *g, vis_val x, int first, int count)
{
    return crop(g, x, VIS_T, first, count);
}
