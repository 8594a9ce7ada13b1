/* Rotary positions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/attention.h"
#include "engine/floats.h"

struct rotary_state {
    struct vis_rotary rotary;
    const struct vis_weights_tensor *tensor; /* of the frequencies; NULL: none */
    const float *frequencies;
};

struct rotary_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct rotary_state *s = node->state;
    (void)threads;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return s->tensor ? vis_floats(g, "rotary",
                                  (const struct vis_weights_tensor *const[2]){s->tensor, NULL},
                                  &s->frequencies, err)
                     : VISEME_OK;
}

static void frame_task(void *context, int task, int thread)
{
    const struct rotary_run *r = context;
    const struct rotary_state *s = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    const int width = s->rotary.width, half = s->rotary.rotated / 2;
    (void)thread;
    const int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    const float *src =
        vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    memcpy(dst, src, (size_t)y->dim[VIS_C] * sizeof *dst);
    for (int c = 0; c < half; c++) {
        const float frequency =
            s->frequencies ? s->frequencies[c] : (float)pow(10000, -(double)c / half);
        const double angle = (double)((float)t * frequency);
        const float cosine = (float)cos(angle), sine = (float)sin(angle);
        for (int at = c; at < s->rotary.channels; at += width) {
            const float a = src[at], b = src[at + half];
            dst[at] = a * cosine - b * sine;
            dst[at + half] = b * cosine + a * sine;
        }
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct rotary_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op rotary_op = {.kind = "rotary", .prepare = prepare, .run = run};

vis_val vis_rotary(struct vis_graph *g, vis_val x, struct vis_rotary rotary)
{
    struct rotary_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim, half = rotary.rotated / 2;
    const int dim[VIS_AXES] = {in[VIS_N], in[VIS_T], 1, 1, in[VIS_C]};
    if (in[VIS_H] != 1 || in[VIS_W] != 1 || rotary.rotated % 2 || rotary.rotated > rotary.width ||
        rotary.channels % rotary.width || rotary.channels > in[VIS_C]) {
        vis_graph_fail(g, VISEME_ERR_INTERNAL, "rotary: a value of another shape than its own");
        return 0;
    }
    const struct vis_weights_tensor *t =
        rotary.frequencies ? vis_graph_weight(g, rotary.frequencies, &half, 1) : NULL;
    vis_val y = vis_graph_add(g, &rotary_op, "rotary", x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        *s = (struct rotary_state){.rotary = rotary, .tensor = t};
    return y;
}
