/* Elementwise functions. */
#include <stdio.h>

#include "engine/model.h"

struct map_state {
    float number; /* the divisor of vis_divide(), what vis_clear() clears */
};

struct map_run {
    const struct vis_node *node;
    const struct vis_run *run;
    void (*row)(const struct map_run *r, float *dst, const float *src, size_t n);
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

/* One row [W C] of a frame. */
static void row_task(void *context, int task, int thread)
{
    const struct map_run *r = context;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    int at[3] = {task / y->dim[VIS_H] / y->dim[VIS_T], task / y->dim[VIS_H] % y->dim[VIS_T],
                 task % y->dim[VIS_H]};
    float *dst = vis_run_data(r->run, r->node->out);
    const float *src = vis_run_data(r->run, r->node->in[0]);
    for (int i = 0; i < 3; i++) { /* N T H */
        dst += at[i] * y->stride[i];
        src += at[i] * x->stride[i];
    }
    r->row(r, dst, src, (size_t)y->dim[VIS_W] * (size_t)y->dim[VIS_C]);
}

static void run_rows(struct map_run *r)
{
    const int *dim = vis_graph_value(r->run->graph, r->node->out)->dim;
    vis_threads_run(r->run->threads, dim[VIS_N] * dim[VIS_T] * dim[VIS_H], row_task, r);
}

static void sigmoid_row(const struct map_run *r, float *dst, const float *src, size_t n)
{
    r->run->kernels->sigmoid_f32(dst, src, n);
}

static void run_sigmoid(const struct vis_node *node, const struct vis_run *run)
{
    run_rows(&(struct map_run){node, run, sigmoid_row});
}

static void divide_row(const struct map_run *r, float *dst, const float *src, size_t n)
{
    const struct map_state *s = r->node->state;
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] / s->number;
}

static void run_divide(const struct vis_node *node, const struct vis_run *run)
{
    run_rows(&(struct map_run){node, run, divide_row});
}

static void clear_row(const struct map_run *r, float *dst, const float *src, size_t n)
{
    const struct map_state *s = r->node->state;
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] == s->number ? 0 : src[i];
}

static void run_clear(const struct vis_node *node, const struct vis_run *run)
{
    run_rows(&(struct map_run){node, run, clear_row});
}

static const struct vis_op sigmoid_op = {.kind = "sigmoid", .prepare = prepare, .run = run_sigmoid};
static const struct vis_op divide_op = {.kind = "divide", .prepare = prepare, .run = run_divide};
static const struct vis_op clear_op = {.kind = "clear", .prepare = prepare, .run = run_clear};

static vis_val add_map(struct vis_graph *g, vis_val x, const struct vis_op *op, float number)
{
    struct map_state *s;
    if (g->status != VISEME_OK)
        return 0;
    int dim[VIS_AXES];
    for (int i = 0; i < VIS_AXES; i++)
        dim[i] = vis_graph_value(g, x)->dim[i];
    vis_val y = vis_graph_add(g, op, op->kind, x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        s->number = number;
    return y;
}

vis_val vis_sigmoid(struct vis_graph *g, vis_val x)
{
    return add_map(g, x, &sigmoid_op, 1);
}

vis_val vis_divide(struct vis_graph *g, vis_val x, float divisor)
{
    return add_map(g, x, &divide_op, divisor);
}

vis_val vis_clear(struct vis_graph *g, vis_val x, float value)
{
    return add_map(g, x, &clear_op, value);
}
