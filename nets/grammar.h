/* Finite-state grammars as text: rules with alternatives, optional parts and repetitions.
 * docs/grammar.md is the description for those who write them.
 *
 * A grammar becomes, in two steps, a graph that CTC decoding can walk: first states joined by
 * words (Thompson's construction), then nodes of one label each, with the space of the network
 * between words. The labellings of the graph are those whose text (vis_ctc_text()) is a sentence
 * of the grammar: there may be spaces at both ends and several between words. */
#ifndef VIS_NETS_GRAMMAR_H
#define VIS_NETS_GRAMMAR_H

#include "base/error.h"

enum {
    VIS_GRAMMAR_MAX_BYTES = 1 << 20, /* of text */
    VIS_GRAMMAR_MAX_RULES = 1024,
    VIS_GRAMMAR_MAX_DEPTH = 200, /* of brackets and rules within one another */
    VIS_GRAMMAR_MAX_NODES = 1 << 16,
    VIS_GRAMMAR_MAX_EDGES = 1 << 20
};

/* Nodes that each carry a label. A sentence is a way from a start node to a final node. */
struct vis_grammar {
    int nodes;
    int *label;           /* [nodes] */
    unsigned char *start; /* [nodes] a sentence may begin here */
    unsigned char *final; /* [nodes] a sentence may end here */
    int *from_begin;      /* [nodes + 1]: the nodes before node v are ... */
    int *from;            /* ... from[from_begin[v]] to from[from_begin[v + 1] - 1] */
    int empty;            /* the sentence without words is one */
};

/* Reads a grammar and spells its words in the network's symbols. The first rule is the sentence.
 * text   [bytes], no final NUL needed; not kept.
 * vocab  [classes] symbols in UTF-8; the longest that fits is taken, a-z and A-Z alike where the
 *        very letter is not there. One must be " ". vocab[blank] is never used.
 * Free with vis_grammar_free(); *out is NULL on failure.
 * Errors: VISEME_ERR_ARGUMENT (the text; names the line), VISEME_ERR_MODEL (no space in the
 * vocabulary), VISEME_ERR_LIMIT (one of the limits above; names the line where there is one),
 * VISEME_ERR_NOMEM. */
viseme_status vis_grammar_open(struct vis_grammar **out, const char *text, size_t bytes,
                               const char *const *vocab, int classes, int blank, viseme_error *err);
void vis_grammar_free(struct vis_grammar *grammar);

#endif
