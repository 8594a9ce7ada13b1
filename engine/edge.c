#include "engine/edge.h"

#include <string.h>

int vis_edge_shape(const struct vis_graph *g, const struct vis_port *port, int64_t shape[8])
{
    const struct vis_value *v = vis_graph_value(g, port->value);
    int rank = (int)strlen(port->axes);
    for (int i = 0; i < rank; i++)
        shape[i] = v->dim[strchr("NTHWC", port->axes[i]) - "NTHWC"];
    return rank;
}

struct edge_run {
    const struct vis_kernels *kernels;
    const struct vis_value *value;
    float *inside;
    float *dense;
    ptrdiff_t stride[VIS_AXES]; /* of the dense tensor, per axis of the engine */
    int reading;                /* 1: dense -> inside */
};

static void copy(const struct edge_run *r, float *inside, ptrdiff_t inside_step, float *dense,
                 ptrdiff_t dense_step, int n)
{
    if (r->reading)
        r->kernels->copy_f32(inside, inside_step, dense, dense_step, (size_t)n);
    else
        r->kernels->copy_f32(dense, dense_step, inside, inside_step, (size_t)n);
}

/* Row [W C] of a frame: at once where both sides have it in the same order, else the longer of W
 * and C at a time. */
static void copy_row(const struct edge_run *r, float *inside, float *dense)
{
    const struct vis_value *v = r->value;
    const int w = v->dim[VIS_W], c = v->dim[VIS_C];
    const ptrdiff_t pixel = v->stride[VIS_W];
    if (r->stride[VIS_C] == 1 && ((r->stride[VIS_W] == c && pixel == c) || w == 1)) {
        copy(r, inside, 1, dense, 1, w * c);
        return;
    }
    if (r->reading && c == 3 && r->stride[VIS_W] == 1 && pixel == c) {
        r->kernels->interleave3_f32(inside, dense, r->stride[VIS_C], (size_t)w);
        return;
    }
    enum vis_axis inner = c >= w ? VIS_C : VIS_W, outer = inner == VIS_C ? VIS_W : VIS_C;
    for (int i = 0; i < v->dim[outer]; i++)
        copy(r, inside + i * v->stride[outer], v->stride[inner], dense + i * r->stride[outer],
             r->stride[inner], v->dim[inner]);
}

static void frame_task(void *context, int task, int thread)
{
    const struct edge_run *r = context;
    const struct vis_value *v = r->value;
    (void)thread;
    int n = task / v->dim[VIS_T], t = task % v->dim[VIS_T];
    float *inside = r->inside + n * v->stride[VIS_N] + t * v->stride[VIS_T];
    float *dense = r->dense + n * r->stride[VIS_N] + t * r->stride[VIS_T];
    for (int h = 0; h < v->dim[VIS_H]; h++)
        copy_row(r, inside + h * v->stride[VIS_H], dense + h * r->stride[VIS_H]);
}

static void transfer(const struct vis_run *run, const struct vis_port *port, float *dense,
                     int reading)
{
    const struct vis_value *v = vis_graph_value(run->graph, port->value);
    struct edge_run r = {.kernels = run->kernels,
                         .value = v,
                         .dense = dense,
                         .inside = vis_run_data(run, port->value),
                         .reading = reading};
    ptrdiff_t stride = 1;
    for (int i = (int)strlen(port->axes) - 1; i >= 0; i--) {
        int axis = (int)(strchr("NTHWC", port->axes[i]) - "NTHWC");
        r.stride[axis] = stride;
        stride *= v->dim[axis];
    }
    vis_threads_run(run->threads, v->dim[VIS_N] * v->dim[VIS_T], frame_task, &r);
}

void vis_edge_read(const struct vis_run *run, const struct vis_port *port, const float *data)
{
    transfer(run, port, (float *)data, 1); /* only read: reading is 1 */
}

void vis_edge_write(const struct vis_run *run, const struct vis_port *port, float *data)
{
    transfer(run, port, data, 0);
}

struct halo_run {
    const struct vis_value *value;
    float *first;
};

static void halo_task(void *context, int task, int thread)
{
    const struct halo_run *r = context;
    const struct vis_value *v = r->value;
    (void)thread;
    int frames = v->dim[VIS_T] + 2 * v->halo[VIS_T];
    int n = task / frames, t = task % frames;
    float *frame = r->first + n * v->stride[VIS_N] + t * v->stride[VIS_T];
    size_t row = (size_t)v->stride[VIS_H], side = (size_t)(v->halo[VIS_W] * v->dim[VIS_C]);
    size_t edge = (size_t)v->halo[VIS_H] * row;
    size_t inner = (size_t)v->dim[VIS_H] * row;
    if (t < v->halo[VIS_T] || t >= frames - v->halo[VIS_T]) {
        memset(frame, 0, (2 * edge + inner) * sizeof *frame);
        return;
    }
    memset(frame, 0, edge * sizeof *frame);
    for (int h = 0; h < v->dim[VIS_H] && side; h++) {
        float *p = frame + edge + (size_t)h * row;
        memset(p, 0, side * sizeof *p);
        memset(p + row - side, 0, side * sizeof *p);
    }
    memset(frame + edge + inner, 0, edge * sizeof *frame);
}

void vis_edge_zero_halo(const struct vis_run *run, vis_val x)
{
    const struct vis_value *v = vis_graph_value(run->graph, x);
    if (v->whole) {
        const struct vis_value *whole = vis_graph_value(run->graph, v->whole);
        if (v->first_node != whole->first_node)
            return;
        v = whole;
    }
    if (!v->halo[VIS_T] && !v->halo[VIS_H] && !v->halo[VIS_W])
        return;
    struct halo_run r = {v, run->arena + v->offset};
    vis_threads_run(run->threads, v->dim[VIS_N] * (v->dim[VIS_T] + 2 * v->halo[VIS_T]), halo_task,
                    &r);
}
