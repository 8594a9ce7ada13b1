/* Concatenation along the channels, without a node and without a copy.
 *
 * The parts get no memory of their own: each is a range of the channels of the whole, so that the
 * nodes that make them write straight into it. The whole lives from the first part's node to the
 * last use of any of them, and has the widest halo that one of them needs. */
#include "engine/concat.h"

vis_val vis_concat(struct vis_graph *g, vis_val a, vis_val b)
{
    int dim[VIS_AXES];
    if (g->status != VISEME_OK)
        return 0;
    const struct vis_value *first = vis_graph_value(g, a), *second = vis_graph_value(g, b);
    for (int i = 0; i < VIS_AXES; i++) {
        dim[i] = first->dim[i] + (i == VIS_C ? second->dim[i] : 0);
        if (i != VIS_C && first->dim[i] != second->dim[i]) {
            const char axis = "NTHWC"[i];
            vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                           "the inputs do not belong together: along %c one leads to %d, "
                           "another to %d",
                           axis, first->dim[i], second->dim[i]);
            return 0;
        }
    }
    if (a == b || first->whole || second->whole) {
        vis_graph_fail(g, VISEME_ERR_INTERNAL, "a value is part of two concatenations");
        return 0;
    }
    int channels = first->dim[VIS_C];
    vis_val whole = vis_graph_add_value(g, dim);
    if (!whole)
        return 0;
    g->values[a].whole = g->values[b].whole = whole;
    g->values[b].channel = channels;
    return whole;
}

void vis_concat_join(struct vis_graph *g)
{
    for (int i = 1; i < g->value_count; i++) {
        const struct vis_value *part = &g->values[i];
        struct vis_value *whole = &g->values[part->whole];
        if (!part->whole)
            continue;
        if (part->first_node < whole->first_node)
            whole->first_node = part->first_node;
        if (part->last_node > whole->last_node)
            whole->last_node = part->last_node;
        vis_graph_halo(g, part->whole, part->halo + VIS_T);
    }
}

void vis_concat_lay_out(struct vis_graph *g)
{
    for (int i = 1; i < g->value_count; i++) {
        struct vis_value *part = &g->values[i];
        const struct vis_value *whole = &g->values[part->whole];
        if (!part->whole)
            continue;
        for (int axis = 0; axis < VIS_AXES; axis++) {
            part->halo[axis] = whole->halo[axis];
            part->stride[axis] = whole->stride[axis];
        }
        part->floats = whole->floats / (size_t)whole->dim[VIS_C] * (size_t)part->dim[VIS_C];
        part->origin = whole->origin + (size_t)part->channel;
    }
    for (int i = 0; i < g->node_count; i++) {
        const struct vis_node *node = &g->nodes[i];
        int parts = vis_graph_value(g, node->out)->whole;
        for (int k = 0; k < VIS_NODE_INPUTS; k++)
            parts |= vis_graph_value(g, node->in[k])->whole;
        if (parts && !node->op->parts)
            vis_graph_fail(g, VISEME_ERR_INTERNAL, "%s cannot work on part of a concatenation",
                           node->name);
    }
}
