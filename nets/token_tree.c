#include "nets/token_tree.h"

#include <limits.h>
#include <stdlib.h>

#include "engine/memory.h"

/* A chunk fits two huge pages if that is 16 to 128 slots. */
enum { CHUNK_BYTES = 4 << 20, LEAST_SLOTS = 16, MOST_SLOTS = 128 };

void vis_token_tree_init(struct vis_token_tree *tree, size_t slot_floats)
{
    const size_t fit = CHUNK_BYTES / (slot_floats * sizeof(float));
    *tree = (struct vis_token_tree){
        .first_free = VIS_TOKEN_NONE,
        .slot_floats = slot_floats,
        .chunk_slots = fit < LEAST_SLOTS  ? LEAST_SLOTS
                       : fit > MOST_SLOTS ? MOST_SLOTS
                                          : (int)fit,
    };
}

void vis_token_tree_free(struct vis_token_tree *tree)
{
    for (int i = 0; i < tree->chunk_count; i++)
        vis_memory_free(tree->chunks[i]);
    free(tree->chunks);
    free(tree->free_slots);
    free(tree->positions);
    vis_token_tree_init(tree, tree->slot_floats);
}

static viseme_status add_chunk(struct vis_token_tree *tree, viseme_error *err)
{
    const size_t chunks = (size_t)tree->chunk_count + 1, slots = (size_t)tree->chunk_slots;
    const size_t bytes = slots * tree->slot_floats * sizeof(float);
    float **p = realloc(tree->chunks, chunks * sizeof *p);
    if (!p)
        return vis_fail_nomem(err, chunks * sizeof *p);
    tree->chunks = p;
    p = realloc(tree->free_slots, chunks * slots * sizeof *p);
    if (!p)
        return vis_fail_nomem(err, chunks * slots * sizeof *p);
    tree->free_slots = p;
    float *chunk = vis_memory_alloc(bytes);
    if (!chunk)
        return vis_fail_nomem(err, bytes);
    tree->chunks[tree->chunk_count++] = chunk;
    for (size_t i = slots; i-- > 0;)
        tree->free_slots[tree->free_count++] = chunk + i * tree->slot_floats;
    return VISEME_OK;
}

static viseme_status add_room(struct vis_token_tree *tree, viseme_error *err)
{
    const int room = tree->room ? 2 * tree->room : 256;
    struct vis_token_position *p =
        tree->room < INT_MAX / 2 ? realloc(tree->positions, (size_t)room * sizeof *p) : NULL;
    if (!p)
        return vis_fail_nomem(err, (size_t)room * sizeof *p);
    tree->positions = p;
    tree->room = room;
    return VISEME_OK;
}

viseme_status vis_token_tree_add(struct vis_token_tree *tree, int parent, int token, int *position,
                                 viseme_error *err)
{
    viseme_status status = VISEME_OK;
    *position = VIS_TOKEN_NONE;
    if (tree->free_count == 0)
        status = add_chunk(tree, err);
    if (status == VISEME_OK && tree->first_free == VIS_TOKEN_NONE && tree->used == tree->room)
        status = add_room(tree, err);
    if (status != VISEME_OK)
        return status;
    int i = tree->first_free;
    if (i == VIS_TOKEN_NONE)
        i = tree->used++;
    else
        tree->first_free = tree->positions[i].parent;
    tree->positions[i] =
        (struct vis_token_position){parent, token, 0, 1, tree->free_slots[--tree->free_count]};
    if (parent != VIS_TOKEN_NONE) {
        tree->positions[i].depth = tree->positions[parent].depth + 1;
        tree->positions[parent].references++;
    }
    *position = i;
    return VISEME_OK;
}

void vis_token_tree_release(struct vis_token_tree *tree, int position)
{
    while (position != VIS_TOKEN_NONE) {
        struct vis_token_position *p = &tree->positions[position];
        if (--p->references > 0)
            return;
        const int parent = p->parent;
        tree->free_slots[tree->free_count++] = p->slot;
        *p = (struct vis_token_position){.parent = tree->first_free};
        tree->first_free = position;
        position = parent;
    }
}
