/* Memory planning: lifetimes -> places in one arena.
 *
 * Greedy by size: the largest block first, each at the smallest gap that fits among the blocks
 * already placed whose lifetimes meet its own (the "greedy by size" strategy of Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference", 2020). */
#include "engine/graph.h"

#include <stdlib.h>

enum { ALIGN_FLOATS = 16 };

struct block {
    size_t floats, offset;
    int first, last; /* nodes between which it must keep its contents */
    size_t *place;   /* where the offset is wanted */
};

static int by_size(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->floats != y->floats)
        return x->floats > y->floats ? -1 : 1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x->place < y->place ? -1 : 1);
}

/* The lowest offset of the smallest gap that holds `block`; `placed` is sorted by offset. */
static size_t find_gap(const struct block *block, struct block *const *placed, int count, int share)
{
    size_t at = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        const struct block *p = placed[i];
        if (share && (p->last < block->first || p->first > block->last))
            continue;
        if (p->offset >= at + block->floats && p->offset - at < best_gap) {
            best = at;
            best_gap = p->offset - at;
        }
        if (p->offset + p->floats > at)
            at = p->offset + p->floats;
    }
    return best != SIZE_MAX ? best : at;
}

viseme_status vis_plan(struct vis_graph *g, int share, viseme_error *err)
{
    int room = g->value_count + g->node_count, count = 0;
    struct block *blocks = calloc((size_t)room + 1, sizeof *blocks);
    struct block **placed = calloc((size_t)room + 1, sizeof(struct block *));
    if (!blocks || !placed) {
        free(blocks);
        free(placed);
        return vis_fail_nomem(err, (size_t)room * sizeof *blocks);
    }
    for (int i = 1; i < g->value_count; i++) {
        struct vis_value *v = &g->values[i];
        if (!v->whole)
            blocks[count++] = (struct block){v->floats, 0, v->first_node, v->last_node, &v->offset};
    }
    for (int i = 0; i < g->node_count; i++)
        if (g->nodes[i].scratch_floats)
            blocks[count++] =
                (struct block){g->nodes[i].scratch_floats, 0, i, i, &g->nodes[i].scratch_offset};
    for (int i = 0; i < count; i++)
        blocks[i].floats = (blocks[i].floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    qsort(blocks, (size_t)count, sizeof *blocks, by_size);
    g->arena_floats = 0;
    for (int i = 0; i < count; i++) {
        struct block *b = &blocks[i];
        b->offset = find_gap(b, placed, i, share);
        *b->place = b->offset;
        if (b->offset + b->floats > g->arena_floats)
            g->arena_floats = b->offset + b->floats;
        int at = i; /* keep `placed` sorted by offset */
        while (at > 0 && placed[at - 1]->offset > b->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = b;
    }
    for (int i = 1; i < g->value_count; i++)
        if (g->values[i].whole)
            g->values[i].offset = g->values[g->values[i].whole].offset;
    free(blocks);
    free(placed);
    return VISEME_OK;
}
