/* A bidirectional GRU layer: one matrix multiplication gives the input's share of all gates of
 * both directions, then each direction walks through time with its recurrent weights in L2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gru.h"
#include "engine/memory.h"

struct gru_weights { /* packed */
    float *w, *bias;
};

struct gru_state {
    int units;
    enum vis_gru_reset reset;
    const struct vis_weights_tensor *weight[2]; /* recurrent ones, forward and backward */
    const struct vis_weights_tensor *bias[2];   /* likewise; NULL where the reset is before */
    const struct gru_weights *packed[2];
};

struct pack_context {
    const struct vis_kernels *kernels;
    const struct gru_state *gru;
    int direction;
};

static void unpack(void *data)
{
    struct gru_weights *g = data;
    vis_memory_free(g->w);
    vis_memory_free(g->bias);
}

static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct pack_context *c = context;
    struct gru_weights *g = data;
    int units = c->gru->units;
    size_t floats = vis_gru_packed_floats(units), raw = 3 * (size_t)units * (size_t)units;
    float *weight = malloc(raw * sizeof *weight);
    g->w = vis_memory_alloc(floats * sizeof *g->w);
    g->bias = vis_memory_alloc(3 * (size_t)units * sizeof *g->bias);
    *bytes = (floats + 3 * (size_t)units) * sizeof *g->w;
    if (!weight || !g->w || !g->bias) {
        free(weight);
        unpack(g);
        return vis_fail_nomem(err, *bytes);
    }
    vis_weights_to_f32(weight, c->gru->weight[c->direction]);
    if (c->gru->reset == VIS_GRU_RESET_BEFORE) {
        c->kernels->gru_before_pack_f32(g->w, weight, units);
    } else {
        vis_weights_to_f32(g->bias, c->gru->bias[c->direction]);
        c->kernels->gru_pack_f32(g->w, weight, units);
    }
    free(weight);
    return VISEME_OK;
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct gru_state *s = node->state;
    const struct vis_value *y = vis_graph_value(g, node->out);
    for (int d = 0; d < 2; d++) {
        struct pack_context context = {vis_model_kernels(g->model), s, d};
        char key[256];
        const void *packed;
        snprintf(key, sizeof key, "gru %s", s->weight[d]->info.name);
        viseme_status status = vis_model_packed(g->model, key, sizeof(struct gru_weights), pack,
                                                unpack, &context, &packed, err);
        if (status != VISEME_OK)
            return status;
        s->packed[d] = packed;
    }
    /* the zero state before the first step; where each thread resets a state */
    node->scratch_floats = (size_t)s->units * (size_t)(1 + threads);
    node->flop = 2.0 * 2 * 3 * s->units * s->units * y->dim[VIS_T] * y->dim[VIS_N];
    snprintf(node->algorithm, sizeof node->algorithm, "step by step");
    return VISEME_OK;
}

struct gru_run {
    const struct gru_state *gru;
    const struct vis_kernels *kernels;
    const struct vis_value *x, *y;
    const float *src, *zero;
    float *dst, *reset; /* [threads][units] */
};

static void direction_task(void *context, int task, int thread)
{
    const struct gru_run *r = context;
    const struct gru_state *s = r->gru;
    float *reset = r->reset + (ptrdiff_t)thread * s->units;
    int d = task % 2, n = task / 2, steps = r->x->dim[VIS_T];
    const float *x = r->src + n * r->x->stride[VIS_N] + d * 3 * s->units;
    float *y = r->dst + n * r->y->stride[VIS_N] + d * s->units;
    const float *h = r->zero;
    for (int i = 0; i < steps; i++) {
        int t = d ? steps - 1 - i : i;
        float *out = y + t * r->y->stride[VIS_T];
        const float *gates = x + t * r->x->stride[VIS_T];
        if (s->reset == VIS_GRU_RESET_BEFORE)
            r->kernels->gru_before_step_f32(out, h, gates, s->packed[d]->w, reset, s->units);
        else
            r->kernels->gru_step_f32(out, h, gates, s->packed[d]->w, s->packed[d]->bias, s->units);
        h = out;
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const struct gru_state *s = node->state;
    struct gru_run r = {
        .gru = s,
        .kernels = run->kernels,
        .x = vis_graph_value(run->graph, node->in[0]),
        .y = vis_graph_value(run->graph, node->out),
        .src = vis_run_data(run, node->in[0]),
        .zero = run->scratch,
        .reset = run->scratch + s->units,
        .dst = vis_run_data(run, node->out),
    };
    memset(run->scratch, 0, (size_t)s->units * sizeof *run->scratch);
    vis_threads_run(run->threads, 2 * r.y->dim[VIS_N], direction_task, &r);
}

static const struct vis_op gru_op = {.kind = "gru", .prepare = prepare, .run = run};

vis_val vis_bigru_named(struct vis_graph *g, vis_val x, const char *name,
                        const struct vis_gru_weights *weights, int units)
{
    vis_val gates =
        vis_conv_named(g, x, name, &weights->input, vis_conv_whole_map(g, x, 6 * units));
    if (!gates)
        return 0;
    int before = weights->reset == VIS_GRU_RESET_BEFORE;
    struct gru_state params = {.units = units, .reset = weights->reset}, *s;
    for (int d = 0; d < 2; d++) {
        const int after_shape[2] = {3 * units, units}, before_shape[2] = {units, 3 * units};
        params.weight[d] =
            vis_graph_weight(g, weights->recurrent[d], before ? before_shape : after_shape, 2);
        if (!before)
            params.bias[d] = vis_graph_weight(g, weights->recurrent_bias[d], after_shape, 1);
    }
    const struct vis_value *in = vis_graph_value(g, gates);
    const int dim[VIS_AXES] = {in->dim[VIS_N], in->dim[VIS_T], 1, 1, 2 * units};
    vis_val y = vis_graph_add(g, &gru_op, name, gates, 0, dim, sizeof *s, (void **)&s);
    if (s)
        *s = params;
    return y;
}

vis_val vis_bigru(struct vis_graph *g, vis_val x, const char *name, int units)
{
    static const char *const suffix[2] = {"", "_reverse"};
    enum { WEIGHT_IH, BIAS_IH, WEIGHT_HH, BIAS_HH, KINDS };
    static const char *const kind[KINDS] = {"weight_ih", "bias_ih", "weight_hh", "bias_hh"};
    char names[KINDS][2][256];
    for (int k = 0; k < KINDS; k++)
        for (int d = 0; d < 2; d++)
            snprintf(names[k][d], sizeof names[k][d], "%s.%s_l0%s", name, kind[k], suffix[d]);
    struct vis_gru_weights weights = {
        .reset = VIS_GRU_RESET_AFTER,
        .input = {.weight = {names[WEIGHT_IH][0], names[WEIGHT_IH][1]},
                  .bias = {names[BIAS_IH][0], names[BIAS_IH][1]},
                  .flat = 1},
        .recurrent = {names[WEIGHT_HH][0], names[WEIGHT_HH][1]},
        .recurrent_bias = {names[BIAS_HH][0], names[BIAS_HH][1]},
    };
    return vis_bigru_named(g, x, name, &weights, units);
}
