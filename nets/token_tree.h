/* Hypotheses of a search as paths in a tree of positions: each position is one token behind its
 * parent's, and keeps what the self-attention of later ones needs of it. Hypotheses with a common
 * beginning share it, and putting them in another order moves no memory.
 *
 * Positions are counted references: a position lives while the caller holds it or a child of it
 * lives. Memory of those that are gone is used again. */
#ifndef VIS_NETS_TOKEN_TREE_H
#define VIS_NETS_TOKEN_TREE_H

#include <stddef.h>

#include "base/error.h"

enum { VIS_TOKEN_NONE = -1 };

struct vis_token_position {
    int parent, token, depth; /* parent VIS_TOKEN_NONE, depth 0: the first */
    int references;           /* 0: free, and `parent` is the next free one */
    float *slot;              /* [slot_floats], NULL while free */
};

struct vis_token_tree {
    struct vis_token_position *positions; /* [used], room for `room` */
    int used, room, first_free;
    size_t slot_floats;
    float **chunks;     /* [chunk_count] of chunk_slots each */
    float **free_slots; /* [free_count] of all slots */
    int chunk_slots, chunk_count, free_count;
};

/* slot_floats >= 1. Free with vis_token_tree_free(). */
void vis_token_tree_init(struct vis_token_tree *tree, size_t slot_floats);
void vis_token_tree_free(struct vis_token_tree *tree);

/* A new position, held by the caller; its slot has any contents. Errors: VISEME_ERR_NOMEM. */
viseme_status vis_token_tree_add(struct vis_token_tree *tree, int parent, int token, int *position,
                                 viseme_error *err);
/* Lets go of a position that the caller holds; VIS_TOKEN_NONE is nobody's. */
void vis_token_tree_release(struct vis_token_tree *tree, int position);

#endif
