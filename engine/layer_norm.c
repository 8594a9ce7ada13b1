/* Layer norm and RMS norm over the channels of every position. */
#include "engine/layer_norm.h"

#include <math.h>
#include <stdio.h>

#include "engine/floats.h"

enum { LANES = 8 }; /* sums side by side, which compilers turn into vectors */

static double total(const double lane[LANES])
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

static double mean_of(const float *x, int n)
{
    double lane[LANES] = {0};
    int i = 0;
    for (; n - i >= LANES; i += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j];
    for (int j = 0; i < n; i++, j++)
        lane[j] += (double)x[i];
    return total(lane) / n;
}

/* The mean of (x - center)^2. */
static double spread_of(const float *x, int n, double center)
{
    double lane[LANES] = {0};
    int i = 0;
    for (; n - i >= LANES; i += LANES)
        for (int j = 0; j < LANES; j++) {
            const double d = (double)x[i + j] - center;
            lane[j] += d * d;
        }
    for (int j = 0; i < n; i++, j++) {
        const double d = (double)x[i] - center;
        lane[j] += d * d;
    }
    return total(lane) / n;
}

static void normalize(const struct vis_layer_norm *norm, float *dst, const float *src)
{
    const int n = norm->n;
    const double mean = norm->kind == VIS_LAYER_NORM ? mean_of(src, n) : 0;
    const double spread = spread_of(src, n, mean);
    const double size = norm->kind == VIS_LAYER_NORM ? sqrt(spread + norm->eps)
                        : sqrt(spread) < norm->eps   ? norm->eps
                                                     : sqrt(spread);
    const float center = (float)mean, scale = (float)(1 / size);
    const float *gain = norm->gain, *bias = norm->bias;
    if (bias)
        for (int i = 0; i < n; i++)
            dst[i] = (src[i] - center) * scale * gain[i] + bias[i];
    else
        for (int i = 0; i < n; i++)
            dst[i] = (src[i] - center) * scale * gain[i];
}

void vis_layer_norm_rows(const struct vis_layer_norm *norm, float *dst, ptrdiff_t dst_step,
                         const float *src, ptrdiff_t src_step, int rows)
{
    for (int i = 0; i < rows; i++)
        normalize(norm, dst + i * dst_step, src + i * src_step);
}

/* ---- the node -------------------------------------------------------------------------------- */

struct norm_state {
    struct vis_layer_norm norm; /* gain and bias once packed */
    const struct vis_weights_tensor *gain, *bias;
};

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct norm_state *s = node->state;
    (void)threads;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    viseme_status status =
        vis_floats(g, "layer_norm", (const struct vis_weights_tensor *const[2]){s->gain, s->bias},
                   &s->norm.gain, err);
    if (status != VISEME_OK)
        return status;
    s->norm.bias = s->bias ? s->norm.gain + s->norm.n : NULL;
    return VISEME_OK;
}

struct norm_run {
    const struct vis_node *node;
    const struct vis_run *run;
};

/* One frame. */
static void frame_task(void *context, int task, int thread)
{
    const struct norm_run *r = context;
    const struct norm_state *s = r->node->state;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    (void)thread;
    const int n = task / y->dim[VIS_T], t = task % y->dim[VIS_T];
    const float *src =
        vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + t * x->stride[VIS_T];
    float *dst = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + t * y->stride[VIS_T];
    for (int h = 0; h < y->dim[VIS_H]; h++)
        vis_layer_norm_rows(&s->norm, dst + h * y->stride[VIS_H], y->stride[VIS_W],
                            src + h * x->stride[VIS_H], x->stride[VIS_W], y->dim[VIS_W]);
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const int *dim = vis_graph_value(run->graph, node->out)->dim;
    struct norm_run r = {node, run};
    vis_threads_run(run->threads, dim[VIS_N] * dim[VIS_T], frame_task, &r);
}

static const struct vis_op norm_op = {
    .kind = "layer_norm", .prepare = prepare, .run = run, .parts = 1};

vis_val vis_layer_norm(struct vis_graph *g, vis_val x, const char *gain, const char *bias,
                       enum vis_layer_norm_kind kind, double eps)
{
    struct norm_state *s;
    if (g->status != VISEME_OK)
        return 0;
    int dim[VIS_AXES];
    for (int i = 0; i < VIS_AXES; i++)
        dim[i] = vis_graph_value(g, x)->dim[i];
    const struct vis_weights_tensor *gains = vis_graph_weight(g, gain, &dim[VIS_C], 1);
    const struct vis_weights_tensor *biases =
        bias ? vis_graph_weight(g, bias, &dim[VIS_C], 1) : NULL;
    vis_val y = vis_graph_add(g, &norm_op, gain, x, 0, dim, sizeof *s, (void **)&s);
    if (s)
        *s = (struct norm_state){
            .norm = {.kind = kind, .n = dim[VIS_C], .eps = eps}, .gain = gains, .bias = biases};
    return y;
}
