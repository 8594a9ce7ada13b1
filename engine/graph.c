#include "engine/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/concat.h"
#include "engine/gemm.h"
#include "engine/model.h"

enum { MAX_DIM = 1 << 24, MAX_NODES = 1 << 16 };
#define MAX_FLOATS ((size_t)1 << 31) /* of one value */

void vis_graph_fail(struct vis_graph *g, viseme_status status, const char *format, ...)
{
    if (g->status != VISEME_OK)
        return;
    va_list args;
    char message[sizeof g->error.message];
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    g->status = vis_fail(&g->error, status, "%s", message);
}

/* Room for one more element of an array that doubles. */
static int grow(struct vis_graph *g, void **array, int count, int *room, size_t size)
{
    if (count < *room)
        return 1;
    int want = *room ? 2 * *room : 64;
    void *p = want <= 2 * MAX_NODES ? realloc(*array, (size_t)want * size) : NULL;
    if (!p) {
        vis_graph_fail(g, VISEME_ERR_NOMEM, "out of memory while building the network");
        return 0;
    }
    *array = p;
    *room = want;
    return 1;
}

vis_val vis_graph_add_value(struct vis_graph *g, const int dim[VIS_AXES])
{
    struct vis_value value = {.first_node = g->node_count, .last_node = g->node_count};
    for (int i = 0; i < VIS_AXES; i++) {
        value.dim[i] = dim[i];
        if (dim[i] < 1 || dim[i] > MAX_DIM) {
            vis_graph_fail(g, VISEME_ERR_LIMIT,
                           "a layer would have a dimension of %d; 1 to %d "
                           "are possible",
                           dim[i], MAX_DIM);
            return 0;
        }
    }
    if (!grow(g, (void **)&g->values, g->value_count, &g->value_room, sizeof *g->values))
        return 0;
    g->values[g->value_count] = value;
    return g->value_count++;
}

vis_val vis_graph_add(struct vis_graph *g, const struct vis_op *op, const char *name, vis_val in0,
                      vis_val in1, const int dim[VIS_AXES], size_t state_bytes, void **state)
{
    *state = NULL;
    if (g->status != VISEME_OK ||
        !grow(g, (void **)&g->nodes, g->node_count, &g->node_room, sizeof *g->nodes))
        return 0;
    vis_val out = vis_graph_add_value(g, dim);
    if (!out)
        return 0;
    struct vis_node node = {.op = op,
                            .name = strdup(name),
                            .state = calloc(1, state_bytes + 1),
                            .in = {in0, in1},
                            .out = out};
    if (!node.name || !node.state) {
        free(node.name);
        free(node.state);
        vis_graph_fail(g, VISEME_ERR_NOMEM, "out of memory while building the network");
        return 0;
    }
    int inputs = 0, constants = 0;
    for (int i = 0; i < VIS_NODE_INPUTS; i++) {
        struct vis_value *x = &g->values[node.in[i]];
        inputs += node.in[i] != 0;
        constants += node.in[i] && x->constant;
        if (node.in[i] && x->last_node < g->node_count) /* outputs live on */
            x->last_node = g->node_count;
    }
    if (inputs && constants == inputs)
        vis_graph_constant(g, out);
    g->nodes[g->node_count++] = node;
    *state = node.state;
    return out;
}

void vis_graph_constant(struct vis_graph *g, vis_val x)
{
    if (!x)
        return;
    g->values[x].constant = 1;
    g->values[x].first_node = 0; /* no other value may use its memory in later runs */
    g->values[x].last_node = MAX_NODES;
}

void vis_graph_halo(struct vis_graph *g, vis_val x, const int halo[3])
{
    for (int i = 0; i < 3; i++)
        if (x && g->values[x].halo[VIS_T + i] < halo[i])
            g->values[x].halo[VIS_T + i] = halo[i];
}

static void shape_text(char *text, size_t size, const int64_t *shape, int rank)
{
    size_t at = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? " " : "", (long long)shape[i]);
    if (at < size)
        snprintf(text + at, size - at, "]");
}

const struct vis_weights_tensor *vis_graph_weight(struct vis_graph *g, const char *name,
                                                  const int *shape, int rank)
{
    if (g->status != VISEME_OK)
        return NULL;
    const viseme_weights *w = vis_model_weights(g->model);
    const char *file = vis_weights_name(w);
    const struct vis_weights_tensor *t = vis_weights_find(w, name);
    if (!t) {
        vis_graph_fail(g, VISEME_ERR_MODEL, "%s: tensor \"%s\" of the network %s is missing", file,
                       name, vis_model_net(g->model)->name);
        return NULL;
    }
    int64_t want[VIS_WEIGHTS_MAX_RANK];
    int have = 0, need = 0, same = 1;
    for (int i = 0; i < rank; i++)
        want[i] = shape[i];
    for (;;) { /* compare the axes that are not 1 */
        while (have < t->info.rank && t->info.shape[have] == 1)
            have++;
        while (need < rank && want[need] == 1)
            need++;
        if (have == t->info.rank || need == rank)
            break;
        same &= t->info.shape[have++] == want[need++];
    }
    if (!same || have != t->info.rank || need != rank) {
        char is[96], wants[96];
        shape_text(is, sizeof is, t->info.shape, t->info.rank);
        shape_text(wants, sizeof wants, want, rank);
        vis_graph_fail(g, VISEME_ERR_MODEL, "%s: tensor \"%s\" is %s, the network %s wants %s",
                       file, name, is, vis_model_net(g->model)->name, wants);
        return NULL;
    }
    for (size_t i = 0; i < viseme_weights_count(w); i++)
        if (vis_weights_at(w, i) == t)
            g->used[i] = 1;
    return t;
}

const struct vis_weights_tensor *vis_graph_matrix(struct vis_graph *g, const char *name, int rows,
                                                  int columns)
{
    const struct vis_weights_tensor *t =
        g->status == VISEME_OK ? vis_weights_find(vis_model_weights(g->model), name) : NULL;
    int shape[VIS_WEIGHTS_MAX_RANK], rank = t ? t->info.rank : 0, first = 0;
    int64_t product = 1;
    for (int i = 0; i < rank; i++)
        shape[i] = t->info.shape[i] <= MAX_DIM ? (int)t->info.shape[i] : 0;
    while (first < rank && product < rows)
        product *= shape[first++];
    const int fits = product == rows && t && t->count == (size_t)rows * (size_t)columns;
    return fits ? vis_graph_weight(g, name, shape, rank)
                : vis_graph_weight(g, name, (const int[]){rows, columns}, 2);
}

int vis_config_int(struct vis_graph *g, const char *key, int fallback, int low, int high)
{
    const json_t *value = json_object_get(vis_model_config(g->model), key);
    if (!value)
        return fallback;
    if (!json_is_integer(value) || json_integer_value(value) < low ||
        json_integer_value(value) > high) {
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "%s: viseme.config \"%s\" is not a whole number from "
                       "%d to %d",
                       vis_weights_name(vis_model_weights(g->model)), key, low, high);
        return fallback;
    }
    return (int)json_integer_value(value);
}

void vis_config_ints(struct vis_graph *g, const char *key, int *values, int count, int low,
                     int high)
{
    const json_t *list = json_object_get(vis_model_config(g->model), key);
    int good = json_is_array(list) && json_array_size(list) == (size_t)count;
    for (int i = 0; good && i < count; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        json_int_t n = json_integer_value(item);
        good = json_is_integer(item) && n >= low && n <= high;
        values[i] = good ? (int)n : values[i];
    }
    if (list && !good)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "%s: viseme.config \"%s\" is not a list of %d whole numbers from %d to %d",
                       vis_weights_name(vis_model_weights(g->model)), key, count, low, high);
}

int vis_config_choice(struct vis_graph *g, const char *key, const char *const *choices)
{
    const json_t *value = json_object_get(vis_model_config(g->model), key);
    const char *text = json_string_value(value);
    for (int i = 0; text && choices[i]; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    if (value)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "%s: viseme.config \"%s\" is none that this network has",
                       vis_weights_name(vis_model_weights(g->model)), key);
    return 0;
}

int vis_wanted(const struct vis_graph *g, const char *input)
{
    for (size_t i = 0; i < g->bound_count; i++)
        if (g->bound[i].name && strcmp(g->bound[i].name, input) == 0)
            return 1;
    return !g->bound;
}

static int axis_of(char letter)
{
    return (int)(strchr("NTHWC", letter) - "NTHWC");
}

static void add_port(struct vis_graph *g, struct vis_port *ports, int *count, const char *name,
                     const char *axes, vis_val value)
{
    struct vis_port port = {.name = strdup(name), .value = value};
    snprintf(port.axes, sizeof port.axes, "%s", axes);
    if (!port.name)
        vis_graph_fail(g, VISEME_ERR_NOMEM, "out of memory while building the network");
    else
        ports[(*count)++] = port;
}

/* What the caller gave for this input, NULL while a model is checked. */
static const viseme_tensor *find_bound(struct vis_graph *g, const char *name)
{
    const viseme_tensor *found = NULL;
    for (size_t i = 0; i < g->bound_count; i++)
        if (g->bound[i].name && strcmp(g->bound[i].name, name) == 0) {
            if (found)
                vis_graph_fail(g, VISEME_ERR_ARGUMENT, "input \"%s\" is given twice", name);
            found = &g->bound[i];
        }
    if (g->bound && !found)
        vis_graph_fail(g, VISEME_ERR_ARGUMENT, "input \"%s\" of the network is not given", name);
    return found;
}

/* "[N 3 T 64 128]": numbers where an axis is fixed, its letter where it is free, "T>4" where it
 * must be longer than that. */
static void wanted_text(char *text, size_t size, const char *axes, const int fixed[VIS_AXES])
{
    size_t at = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; axes[i] && at < size; i++) {
        int n = fixed[axis_of(axes[i])];
        at += n > 0 ? (size_t)snprintf(text + at, size - at, "%s%d", i ? " " : "", n)
                    : (size_t)snprintf(text + at, size - at, "%s%c", i ? " " : "", axes[i]);
        if (n < 0 && at < size)
            at += (size_t)snprintf(text + at, size - at, ">%d", -n - 1);
    }
    if (at < size)
        snprintf(text + at, size - at, "]");
}

vis_val vis_input(struct vis_graph *g, const char *name, const char *axes,
                  const int fixed[VIS_AXES])
{
    if (g->status != VISEME_OK)
        return 0;
    int dim[VIS_AXES];
    for (int i = 0; i < VIS_AXES; i++)
        dim[i] = fixed[i] > 0 ? fixed[i] : fixed[i] < 0 ? -fixed[i] : 1;
    const viseme_tensor *bound = find_bound(g, name);
    if (bound) {
        int fits = bound->rank == (int)strlen(axes) && bound->data;
        for (int i = 0; fits && i < bound->rank; i++) {
            int want = fixed[axis_of(axes[i])], least = want < 0 ? -want : 1;
            fits = want > 0 ? bound->shape[i] == want
                            : bound->shape[i] >= least && bound->shape[i] <= MAX_DIM;
            dim[axis_of(axes[i])] = fits ? (int)bound->shape[i] : 1;
        }
        if (!fits) {
            char is[96], wants[96];
            shape_text(is, sizeof is, bound->shape,
                       bound->rank < 0   ? 0
                       : bound->rank > 8 ? 8
                                         : bound->rank);
            wanted_text(wants, sizeof wants, axes, fixed);
            vis_graph_fail(g, VISEME_ERR_ARGUMENT, "input \"%s\" is %s, the network %s wants %s",
                           name, is, vis_model_net(g->model)->name, wants);
        }
    }
    if (g->status != VISEME_OK)
        return 0;
    vis_val value = vis_graph_add_value(g, dim);
    g->values[value].first_node = 0; /* inputs are all read before the first node runs */
    add_port(g, g->inputs, &g->input_count, name, axes, value);
    return value;
}

void vis_output(struct vis_graph *g, const char *name, const char *axes, vis_val x)
{
    if (g->status != VISEME_OK)
        return;
    add_port(g, g->outputs, &g->output_count, name, axes, x);
    g->values[x].last_node = MAX_NODES; /* lives to the end of the run */
}

/* Strides with the halo included; frames are rows of the recurrent and fully connected layers. */
static void lay_out(struct vis_graph *g, struct vis_value *v)
{
    size_t n = (size_t)v->dim[VIS_C];
    v->stride[VIS_C] = 1;
    for (int axis = VIS_W; axis >= VIS_N; axis--) {
        if (axis == VIS_T)
            n = vis_gemm_row_step(n);
        v->stride[axis] = (ptrdiff_t)n;
        if (__builtin_mul_overflow(n, (size_t)(v->dim[axis] + 2 * v->halo[axis]), &n) ||
            n > MAX_FLOATS) {
            vis_graph_fail(g, VISEME_ERR_LIMIT,
                           "a layer would have more than 2^31 elements; give "
                           "the network fewer frames at a time");
            return;
        }
    }
    v->floats = n;
    v->origin = 0;
    for (int axis = VIS_T; axis <= VIS_W; axis++)
        v->origin += (size_t)v->halo[axis] * (size_t)v->stride[axis];
}

/* Every tensor of the file must belong to the network: a leftover means that the file is for
 * another one. */
static void check_all_used(struct vis_graph *g)
{
    const viseme_weights *w = vis_model_weights(g->model);
    for (size_t i = 0; i < viseme_weights_count(w) && g->status == VISEME_OK; i++)
        if (!g->used[i])
            vis_graph_fail(g, VISEME_ERR_MODEL,
                           "%s: tensor \"%s\" does not belong to the network "
                           "%s",
                           vis_weights_name(w), viseme_weights_tensor_at(w, i)->name,
                           vis_model_net(g->model)->name);
}

static void check_no_stranger(struct vis_graph *g)
{
    for (size_t i = 0; i < g->bound_count; i++) {
        int known = 0;
        for (int j = 0; j < g->input_count; j++)
            known |= g->bound[i].name && strcmp(g->bound[i].name, g->inputs[j].name) == 0;
        if (!known)
            vis_graph_fail(g, VISEME_ERR_ARGUMENT, "the network %s has no input \"%s\"",
                           vis_model_net(g->model)->name,
                           g->bound[i].name ? g->bound[i].name : "(null)");
    }
}

viseme_status vis_graph_build(struct vis_graph *g, const viseme_model *model,
                              const viseme_tensor *inputs, size_t count, int threads,
                              viseme_error *err)
{
    viseme_error local;
    *g = (struct vis_graph){.model = model, .bound = inputs, .bound_count = count};
    g->used = calloc(viseme_weights_count(vis_model_weights(model)) + 1, 1);
    if (!g->used)
        vis_graph_fail(g, VISEME_ERR_NOMEM, "out of memory while building the network");
    else
        vis_graph_add_value(g, (const int[VIS_AXES]){1, 1, 1, 1, 1}); /* value 0: none */
    vis_model_net(model)->build(g);
    check_no_stranger(g);
    if (!inputs) /* else parts of the network may have been left out */
        check_all_used(g);
    if (g->status == VISEME_OK)
        vis_concat_join(g);
    for (int i = 1; i < g->value_count && g->status == VISEME_OK; i++)
        if (!g->values[i].whole)
            lay_out(g, &g->values[i]);
    if (g->status == VISEME_OK)
        vis_concat_lay_out(g);
    for (int i = 0; i < g->node_count && g->status == VISEME_OK; i++) {
        const struct vis_op *op = g->nodes[i].op;
        if (op->prepare && op->prepare(g, &g->nodes[i], threads, &local) != VISEME_OK)
            vis_graph_fail(g, local.status, "%s", local.message);
    }
    g->bound = NULL;
    if (g->status == VISEME_OK)
        return VISEME_OK;
    viseme_status status = vis_fail(err, g->status, "%s", g->error.message);
    vis_graph_free(g);
    return status;
}

void vis_graph_free(struct vis_graph *g)
{
    for (int i = 0; i < g->node_count; i++) {
        free(g->nodes[i].name);
        free(g->nodes[i].state);
    }
    for (int i = 0; i < g->input_count; i++)
        free(g->inputs[i].name);
    for (int i = 0; i < g->output_count; i++)
        free(g->outputs[i].name);
    free(g->nodes);
    free(g->values);
    free(g->used);
    *g = (struct vis_graph){0};
}
