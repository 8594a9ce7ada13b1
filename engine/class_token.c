/* A learned vector in front of the frames, and features of the frames behind their channels. */
#include <stdio.h>
#include <string.h>

#include "engine/floats.h"

struct token_state {
    int zero_last;
    const struct vis_weights_tensor *tensor;
    const float *token;
};

struct token_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct token_state *s = node->state;
    (void)threads;
    snprintf(node->algorithm, sizeof node->algorithm, "copy");
    return vis_floats(g, "token", (const struct vis_weights_tensor *const[2]){s->tensor, NULL},
                      &s->token, err);
}

static void frame_task(void *context, int task, int thread)
{
    const struct token_run *r = context;
    const struct token_state *s = r->node->state;
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    const int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    if (t == 0) {
        memcpy(dst, s->token, (size_t)y->dim[VIS_C] * sizeof *dst);
        if (s->zero_last)
            dst[y->dim[VIS_C] - 1] = 0;
        return;
    }
    for (int i = 0; i < VIS_NODE_INPUTS && r->node->in[i]; i++) {
        const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[i]);
        memcpy(dst,
               vis_run_data(r->run, r->node->in[i]) + n * x->stride[VIS_N] +
                   (t - 1) * x->stride[VIS_T],
               (size_t)x->dim[VIS_C] * sizeof *dst);
        dst += x->dim[VIS_C];
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct token_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op token_op = {.kind = "class_token", .prepare = prepare, .run = run};

vis_val vis_class_token(struct vis_graph *g, vis_val x, vis_val features, const char *name,
                        int zero_last)
{
    struct token_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim, *more = vis_graph_value(g, features)->dim;
    const int dim[VIS_AXES] = {in[VIS_N], in[VIS_T] + 1, 1, 1,
                               in[VIS_C] + (features ? more[VIS_C] : 0)};
    if (features && (more[VIS_N] != in[VIS_N] || more[VIS_T] != in[VIS_T])) {
        vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                       "the inputs do not belong together: one has %d x %d frames, another "
                       "features of %d x %d",
                       in[VIS_N], in[VIS_T], more[VIS_N], more[VIS_T]);
        return 0;
    }
    const struct vis_weights_tensor *t = vis_graph_weight(g, name, &dim[VIS_C], 1);
    vis_val y = vis_graph_add(g, &token_op, name, x, features, dim, sizeof *s, (void **)&s);
    if (s)
        *s = (struct token_state){.zero_last = zero_last, .tensor = t};
    return y;
}
