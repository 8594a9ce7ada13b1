/* A session: one network planned for one set of input shapes, its running memory and threads. */
#include "engine/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/edge.h"
#include "engine/memory.h"
#include "engine/model.h"

struct viseme_session {
    const viseme_model *model;
    struct vis_threads *threads;
    int planned, has_run, keep_all;
    struct vis_graph graph; /* for the shapes of the last run */
    float *arena;
    float *outputs[VIS_GRAPH_OUTPUTS]; /* dense, in the caller's axis order */
    viseme_profile_node *profile;      /* [inputs, nodes, outputs] */
    size_t profile_count;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

viseme_status viseme_session_open(viseme_session **out, const viseme_model *model,
                                  const viseme_session_options *opts, viseme_error *err)
{
    *out = NULL;
    if (!model)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a session needs a model");
    viseme_session *s = calloc(1, sizeof *s);
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    s->model = model;
    viseme_status status = vis_threads_open(&s->threads, opts ? opts->threads : 0, err);
    if (status != VISEME_OK) {
        free(s);
        return status;
    }
    *out = s;
    return VISEME_OK;
}

static void drop_plan(viseme_session *s)
{
    for (int i = 0; i < s->graph.output_count; i++) {
        vis_memory_free(s->outputs[i]);
        s->outputs[i] = NULL;
    }
    vis_memory_free(s->arena);
    free(s->profile);
    s->arena = NULL;
    s->profile = NULL;
    s->profile_count = 0;
    if (s->planned)
        vis_graph_free(&s->graph);
    s->planned = s->has_run = 0;
}

void vis_session_keep_all(viseme_session *s)
{
    drop_plan(s);
    s->keep_all = 1;
}

const struct vis_node *vis_session_node(const viseme_session *s, int i,
                                        const struct vis_value **value, const float **data)
{
    if (!s->has_run || i < 0 || i >= s->graph.node_count)
        return NULL;
    const struct vis_node *node = &s->graph.nodes[i];
    *value = vis_graph_value(&s->graph, node->out);
    *data = s->arena + (*value)->offset + (*value)->origin;
    return node;
}

void viseme_session_close(viseme_session *s)
{
    if (!s)
        return;
    drop_plan(s);
    vis_threads_close(s->threads);
    free(s);
}

static size_t dense_floats(const struct vis_graph *g, const struct vis_port *port)
{
    int64_t shape[8];
    int rank = vis_edge_shape(g, port, shape);
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)shape[i];
    return n;
}

static viseme_status plan(viseme_session *s, const viseme_tensor *inputs, size_t count,
                          viseme_error *err)
{
    drop_plan(s);
    viseme_status status =
        vis_graph_build(&s->graph, s->model, inputs, count, vis_threads_count(s->threads), err);
    if (status != VISEME_OK)
        return status;
    struct vis_graph *g = &s->graph;
    s->planned = 1;
    status = vis_plan(g, !s->keep_all, err);
    if (status != VISEME_OK) {
        drop_plan(s);
        return status;
    }
    size_t bytes = g->arena_floats * sizeof *s->arena;
    s->arena = vis_memory_alloc(bytes);
    s->profile_count = (size_t)(g->input_count + g->node_count + g->output_count);
    s->profile = calloc(s->profile_count + 1, sizeof *s->profile);
    int complete = s->arena && s->profile;
    for (int i = 0; i < g->output_count; i++) {
        s->outputs[i] = vis_memory_alloc(dense_floats(g, &g->outputs[i]) * sizeof(float));
        complete = complete && s->outputs[i];
    }
    if (!complete) {
        drop_plan(s);
        return vis_fail_nomem(err, bytes);
    }
    viseme_profile_node *p = s->profile;
    for (int i = 0; i < g->input_count; i++)
        *p++ = (viseme_profile_node){.name = g->inputs[i].name, .algorithm = "input"};
    for (int i = 0; i < g->node_count; i++)
        *p++ = (viseme_profile_node){
            .name = g->nodes[i].name, .flop = g->nodes[i].flop, .algorithm = g->nodes[i].algorithm};
    for (int i = 0; i < g->output_count; i++)
        *p++ = (viseme_profile_node){.name = g->outputs[i].name, .algorithm = "output"};
    return VISEME_OK;
}

static const viseme_tensor *find_input(const viseme_tensor *inputs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (inputs[i].name && strcmp(inputs[i].name, name) == 0)
            return &inputs[i];
    return NULL;
}

/* Whether the plan at hand is for exactly these inputs. */
static int fits_plan(const viseme_session *s, const viseme_tensor *inputs, size_t count)
{
    if (!s->planned || count != (size_t)s->graph.input_count)
        return 0;
    for (int i = 0; i < s->graph.input_count; i++) {
        const viseme_tensor *t = find_input(inputs, count, s->graph.inputs[i].name);
        int64_t shape[8];
        int rank = vis_edge_shape(&s->graph, &s->graph.inputs[i], shape);
        if (!t || !t->data || t->rank != rank)
            return 0;
        for (int j = 0; j < rank; j++)
            if (t->shape[j] != shape[j])
                return 0;
    }
    return 1;
}

viseme_status viseme_session_run(viseme_session *s, const viseme_tensor *inputs, size_t count,
                                 viseme_error *err)
{
    if (!inputs || count == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a run needs inputs");
    if (!fits_plan(s, inputs, count)) {
        viseme_status status = plan(s, inputs, count, err);
        if (status != VISEME_OK)
            return status;
    }
    struct vis_graph *g = &s->graph;
    struct vis_run run = {.graph = g,
                          .kernels = vis_model_kernels(s->model),
                          .threads = s->threads,
                          .arena = s->arena};
    if (s->keep_all)
        for (size_t i = 0; i < g->arena_floats; i++)
            s->arena[i] = NAN;
    viseme_profile_node *p = s->profile;
    double start = now(), end;
    for (int i = 0; i < g->input_count; i++, p++, start = end) {
        vis_edge_zero_halo(&run, g->inputs[i].value);
        vis_edge_read(&run, &g->inputs[i], find_input(inputs, count, g->inputs[i].name)->data);
        end = now();
        p->seconds = end - start;
    }
    for (int i = 0; i < g->node_count; i++, p++, start = end) {
        if (g->values[g->nodes[i].out].constant && s->has_run && !s->keep_all) {
            p->seconds = 0;
            end = start;
            continue;
        }
        run.scratch = s->arena + g->nodes[i].scratch_offset;
        vis_edge_zero_halo(&run, g->nodes[i].out);
        g->nodes[i].op->run(&g->nodes[i], &run);
        end = now();
        p->seconds = end - start;
    }
    for (int i = 0; i < g->output_count; i++, p++, start = end) {
        vis_edge_write(&run, &g->outputs[i], s->outputs[i]);
        end = now();
        p->seconds = end - start;
    }
    s->has_run = 1;
    return VISEME_OK;
}

viseme_status viseme_session_output(const viseme_session *s, const char *name, viseme_tensor *out,
                                    viseme_error *err)
{
    *out = (viseme_tensor){0};
    if (!s->has_run)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "the session has not run yet");
    for (int i = 0; i < s->graph.output_count; i++)
        if (name && strcmp(s->graph.outputs[i].name, name) == 0) {
            out->name = s->graph.outputs[i].name;
            out->rank = vis_edge_shape(&s->graph, &s->graph.outputs[i], out->shape);
            out->data = s->outputs[i];
            return VISEME_OK;
        }
    for (size_t i = 0; name && i < viseme_session_output_count(s); i++)
        if (strcmp(viseme_session_output_name(s, i), name) == 0)
            return vis_fail(err, VISEME_ERR_ARGUMENT,
                            "the last run had no input that the output \"%s\" follows from", name);
    return vis_fail(err, VISEME_ERR_ARGUMENT, "the network %s has no output \"%s\"",
                    vis_model_net(s->model)->name, name ? name : "(null)");
}

size_t viseme_session_input_count(const viseme_session *s)
{
    return (size_t)vis_model_probe(s->model)->input_count;
}

const char *viseme_session_input_name(const viseme_session *s, size_t i)
{
    const struct vis_graph *g = vis_model_probe(s->model);
    return i < (size_t)g->input_count ? g->inputs[i].name : NULL;
}

size_t viseme_session_output_count(const viseme_session *s)
{
    return (size_t)vis_model_probe(s->model)->output_count;
}

const char *viseme_session_output_name(const viseme_session *s, size_t i)
{
    const struct vis_graph *g = vis_model_probe(s->model);
    return i < (size_t)g->output_count ? g->outputs[i].name : NULL;
}

int viseme_session_profile(const viseme_session *s, size_t i, viseme_profile_node *node)
{
    if (!s->has_run || i >= s->profile_count)
        return 0;
    *node = s->profile[i];
    return 1;
}

size_t viseme_session_arena_bytes(const viseme_session *s)
{
    return s->graph.arena_floats * sizeof *s->arena;
}
