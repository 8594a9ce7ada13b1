/* Sinusoids for the distances between frames. */
#include <math.h>
#include <stdio.h>

#include "engine/attention.h"

#define LN_10000 9.210340371976184

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    (void)g, (void)threads, (void)err;
    snprintf(node->algorithm, sizeof node->algorithm, "rows");
    return VISEME_OK;
}

/* Row `task` is the distance T-1 - task. Frequencies and angles are rounded to float32 as the
 * original has them. */
static void row_task(void *context, int task, int thread)
{
    const struct vis_run *run = ((const void *const *)context)[0];
    const struct vis_node *node = ((const void *const *)context)[1];
    const struct vis_value *y = vis_graph_value(run->graph, node->out);
    (void)thread;
    float *row = vis_run_data(run, node->out) + task * y->stride[VIS_T];
    const int channels = y->dim[VIS_C];
    const float distance = (float)((y->dim[VIS_T] - 1) / 2 - task);
    const float step = (float)(-LN_10000 / channels);
    for (int c = 0; c < channels; c++) {
        const float frequency = (float)exp((double)((float)(c - c % 2) * step));
        const double angle = (double)(distance * frequency);
        row[c] = (float)(c % 2 ? cos(angle) : sin(angle));
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const void *context[2] = {run, node};
    vis_threads_run(run->threads, vis_graph_value(run->graph, node->out)->dim[VIS_T], row_task,
                    context);
}

static const struct vis_op distances_op = {.kind = "distances", .prepare = prepare, .run = run};

vis_val vis_distances(struct vis_graph *g, vis_val x)
{
    void *state;
    if (g->status != VISEME_OK)
        return 0;
    const int *in = vis_graph_value(g, x)->dim;
    const int dim[VIS_AXES] = {1, 2 * in[VIS_T] - 1, 1, 1, in[VIS_C]};
    vis_val y = vis_graph_add(g, &distances_op, "distances", 0, 0, dim, 0, &state);
    vis_graph_constant(g, y);
    return y;
}
