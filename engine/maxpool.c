/* Max pooling over T, H and W, a row of output pixels at a time. */
#include <stdio.h>
#include <string.h>

#include "engine/model.h"

struct pool_state {
    int k[3], stride[3], pad[3]; /* T H W */
};

enum { MAX_TAPS = 512 };

struct pool_run {
    const struct pool_state *pool;
    const struct vis_kernels *kernels;
    const struct vis_value *x, *y;
    const float *src;
    float *dst;
};

/* Window positions of output index i along one axis that lie inside the input: first .. last. */
static void clip(const struct pool_state *p, int axis, int i, int size, int *first, int *last)
{
    int start = i * p->stride[axis] - p->pad[axis];
    *first = start < 0 ? 0 : start;
    *last = start + p->k[axis] - 1 < size - 1 ? start + p->k[axis] - 1 : size - 1;
}

/* Output pixels x0 .. x1-1 of one row, whose windows all have the columns `first` .. `last`
 * relative to the first pixel's. */
static void pool_span(const struct pool_run *r, const float *src, float *dst, int t0, int t1,
                      int h0, int h1, int first, int last, int count)
{
    ptrdiff_t offset[MAX_TAPS];
    int taps = 0;
    for (int t = t0; t <= t1; t++)
        for (int h = h0; h <= h1; h++)
            for (int w = first; w <= last; w++)
                offset[taps++] =
                    t * r->x->stride[VIS_T] + h * r->x->stride[VIS_H] + w * r->x->stride[VIS_W];
    r->kernels->maxpool_f32(dst, r->y->stride[VIS_W], src, r->pool->stride[2] * r->x->stride[VIS_W],
                            offset, taps, count, r->x->dim[VIS_C]);
}

static void row_task(void *context, int task, int thread)
{
    const struct pool_run *r = context;
    const struct pool_state *p = r->pool;
    (void)thread;
    int h = task % r->y->dim[VIS_H], t = task / r->y->dim[VIS_H] % r->y->dim[VIS_T];
    int n = task / r->y->dim[VIS_H] / r->y->dim[VIS_T];
    const float *src = r->src + n * r->x->stride[VIS_N];
    float *dst =
        r->dst + n * r->y->stride[VIS_N] + t * r->y->stride[VIS_T] + h * r->y->stride[VIS_H];
    int t0, t1, h0, h1, width = r->x->dim[VIS_W], out = r->y->dim[VIS_W];
    clip(p, 0, t, r->x->dim[VIS_T], &t0, &t1);
    clip(p, 1, h, r->x->dim[VIS_H], &h0, &h1);
    for (int x = 0; x < out;) {
        int first, last, count = 1;
        clip(p, 2, x, width, &first, &last);
        if (last - first + 1 == p->k[2]) { /* as many whole windows as follow */
            int whole = (width + p->pad[2] - p->k[2]) / p->stride[2] + 1;
            count = (whole < out ? whole : out) - x;
        }
        pool_span(r, src, dst + x * r->y->stride[VIS_W], t0, t1, h0, h1, first, last, count);
        x += count;
    }
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    struct pool_run r = {
        .pool = node->state,
        .kernels = run->kernels,
        .x = vis_graph_value(run->graph, node->in[0]),
        .y = vis_graph_value(run->graph, node->out),
        .src = vis_run_data(run, node->in[0]),
        .dst = vis_run_data(run, node->out),
    };
    vis_threads_run(run->threads, r.y->dim[VIS_N] * r.y->dim[VIS_T] * r.y->dim[VIS_H], row_task,
                    &r);
}

static const struct vis_op pool_op = {
    .kind = "maxpool", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_maxpool(struct vis_graph *g, vis_val x, struct vis_pool pool)
{
    if (g->status != VISEME_OK)
        return 0;
    struct pool_state params, *s;
    const struct vis_value *in = vis_graph_value(g, x);
    int dim[VIS_AXES], taps = 1;
    memcpy(dim, in->dim, sizeof dim);
    for (int i = 0; i < 3; i++) {
        params.k[i] = pool.k[i] ? pool.k[i] : 1;
        params.stride[i] = pool.stride[i] ? pool.stride[i] : params.k[i];
        params.pad[i] = pool.pad[i];
        int room = dim[VIS_T + i] + 2 * params.pad[i] - params.k[i];
        taps *= params.k[i];
        if (room < 0 || 2 * params.pad[i] > params.k[i] || taps > MAX_TAPS) {
            vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                           "maxpool: a window of %d with padding %d does "
                           "not fit an input of %d along %c",
                           params.k[i], params.pad[i], dim[VIS_T + i], "THW"[i]);
            return 0;
        }
        dim[VIS_T + i] = room / params.stride[i] + 1;
    }
    vis_val y = vis_graph_add(g, &pool_op, "maxpool", x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        *s = params;
    return y;
}
