/* States joined by words -> nodes of one label each. See nets/grammar.h. */
#include "nets/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "nets/grammar_words.h"

enum { NONE = -1 };

struct edge {
    int from, to;
};

/* What it takes to get from words to nodes. */
struct builder {
    const struct vis_grammar_words *words;
    const char *const *vocab;
    int classes, blank, space;
    int *arc_begin;           /* [states + 1]: the arcs that leave a state are ... */
    int *arc_order;           /* ... arc_order[arc_begin[q]] to arc_order[arc_begin[q + 1] - 1] */
    int *first, *last;        /* [arcs] the nodes of a word's first and last label */
    int *space_node;          /* [states] the space after the words that end here, or NONE */
    int *seen, *stack, stamp; /* [states] for walking arcs without words */
    struct vis_grammar *out;
    int node_room;
    struct edge *edges;
    int edge_count, edge_room;
    viseme_error *err;
};

/* ---- Nodes and edges --------------------------------------------------------------------- */

static viseme_status new_node(struct builder *b, int label, int *node)
{
    struct vis_grammar *g = b->out;
    if (g->nodes == VIS_GRAMMAR_MAX_NODES)
        return vis_fail(b->err, VISEME_ERR_LIMIT,
                        "the grammar is too large: more than %d letters when all rules are filled "
                        "in",
                        VIS_GRAMMAR_MAX_NODES);
    if (g->nodes == b->node_room) {
        int room = b->node_room ? 2 * b->node_room : 256;
        int *labels = realloc(g->label, (size_t)room * sizeof *labels);
        if (!labels)
            return vis_fail_nomem(b->err, (size_t)room * sizeof *labels);
        g->label = labels;
        b->node_room = room;
    }
    g->label[g->nodes] = label;
    *node = g->nodes++;
    return VISEME_OK;
}

static viseme_status add_edge(struct builder *b, int from, int to)
{
    if (b->edge_count == b->edge_room) {
        if (b->edge_count >= VIS_GRAMMAR_MAX_EDGES)
            return vis_fail(b->err, VISEME_ERR_LIMIT,
                            "the grammar is too large: more than %d ways from one letter to the "
                            "next",
                            VIS_GRAMMAR_MAX_EDGES);
        int room = b->edge_room ? 2 * b->edge_room : 1024;
        struct edge *edges = realloc(b->edges, (size_t)room * sizeof *edges);
        if (!edges)
            return vis_fail_nomem(b->err, (size_t)room * sizeof *edges);
        b->edges = edges;
        b->edge_room = room;
    }
    b->edges[b->edge_count++] = (struct edge){from, to};
    return VISEME_OK;
}

/* ---- Spelling ---------------------------------------------------------------------------- */

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* How a symbol fits at the head of the text: 0 not, 1 but for the case, 2 to the letter. */
static int fit(const char *symbol, size_t length, const char *text, size_t bytes)
{
    if (length == 0 || length > bytes)
        return 0;
    if (memcmp(symbol, text, length) == 0)
        return 2;
    for (size_t i = 0; i < length; i++)
        if (lower((unsigned char)symbol[i]) != lower((unsigned char)text[i]))
            return 0;
    return 1;
}

/* The label whose symbol the text begins with, and its length; NONE when there is none. */
static int find_label(const struct builder *b, const char *text, size_t bytes, size_t *length)
{
    int found = NONE, best = 0;
    *length = 0;
    for (int c = 0; c < b->classes; c++) {
        size_t n = strlen(b->vocab[c]);
        int how = c == b->blank || c == b->space ? 0 : fit(b->vocab[c], n, text, bytes);
        if (how && (n > *length || (n == *length && how > best))) {
            found = c;
            best = how;
            *length = n;
        }
    }
    return found;
}

/* The chain of nodes that spells the word of an arc. */
static viseme_status spell(struct builder *b, int arc)
{
    const struct vis_grammar_arc *a = &b->words->arcs[arc];
    viseme_status status = VISEME_OK;
    size_t length;
    int node = NONE;
    for (size_t i = 0; i < (size_t)a->bytes && status == VISEME_OK; i += length) {
        int before = node, label = find_label(b, a->word + i, (size_t)a->bytes - i, &length);
        if (label == NONE) {
            int n = 1; /* bytes of the character */
            while (i + (size_t)n < (size_t)a->bytes && (a->word[i + (size_t)n] & 0xC0) == 0x80)
                n++;
            return vis_fail(
                b->err, VISEME_ERR_ARGUMENT,
                "grammar, line %d: the network cannot spell \"%.*s\": it has no \"%.*s\"", a->line,
                a->bytes, a->word, n, a->word + i);
        }
        status = new_node(b, label, &node);
        if (status == VISEME_OK && before != NONE)
            status = add_edge(b, before, node);
        if (before == NONE)
            b->first[arc] = node;
    }
    b->last[arc] = node;
    return status;
}

/* ---- Joining words ----------------------------------------------------------------------- */

static void order_arcs(struct builder *b)
{
    const struct vis_grammar_words *w = b->words;
    for (int i = 0; i < w->arc_count; i++)
        b->arc_begin[w->arcs[i].from + 1]++;
    for (int q = 0; q < w->states; q++)
        b->arc_begin[q + 1] += b->arc_begin[q];
    for (int i = w->arc_count - 1; i >= 0; i--) /* arc_begin[q + 1] runs down to its own place */
        b->arc_order[--b->arc_begin[w->arcs[i].from + 1]] = i;
    for (int q = 0; q < w->states; q++)
        b->arc_begin[q] = b->arc_begin[q + 1];
    b->arc_begin[w->states] = w->arc_count;
}

/* Walks from state q over arcs without words. Every word met follows node `before`, or begins a
 * sentence when that is NONE. *ends: whether the end of a sentence was met. */
static viseme_status join(struct builder *b, int q, int before, int *ends)
{
    const struct vis_grammar_words *w = b->words;
    viseme_status status = VISEME_OK;
    int depth = 0;
    *ends = 0;
    b->stamp++;
    b->seen[q] = b->stamp;
    b->stack[depth++] = q;
    while (depth > 0 && status == VISEME_OK) {
        q = b->stack[--depth];
        *ends |= q == 1;
        for (int i = b->arc_begin[q]; i < b->arc_begin[q + 1] && status == VISEME_OK; i++) {
            int arc = b->arc_order[i], to = w->arcs[arc].to;
            if (w->arcs[arc].word) {
                if (before != NONE)
                    status = add_edge(b, before, b->first[arc]);
                else
                    b->out->start[b->first[arc]] = 1;
            } else if (b->seen[to] != b->stamp) {
                b->seen[to] = b->stamp;
                b->stack[depth++] = to;
            }
        }
    }
    return status;
}

/* The space after the words that end in state q, and what can follow it. */
static viseme_status join_after(struct builder *b, int q)
{
    int node = b->space_node[q], ends;
    viseme_status status = add_edge(b, node, node); /* spaces with blanks between */
    if (status == VISEME_OK)
        status = join(b, q, node, &ends);
    if (status == VISEME_OK && ends)
        b->out->final[node] = 1;
    return status;
}

/* Edges by the node they lead to. */
static viseme_status order_edges(struct builder *b)
{
    struct vis_grammar *g = b->out;
    size_t nodes = (size_t)g->nodes, edges = (size_t)b->edge_count;
    g->from_begin = calloc(nodes + 2, sizeof *g->from_begin);
    g->from = calloc(edges + 1, sizeof *g->from);
    if (!g->from_begin || !g->from)
        return vis_fail_nomem(b->err, (nodes + edges) * sizeof *g->from);
    for (size_t i = 0; i < edges; i++)
        g->from_begin[b->edges[i].to + 2]++;
    for (size_t v = 2; v < nodes + 2; v++)
        g->from_begin[v] += g->from_begin[v - 1];
    for (size_t i = 0; i < edges; i++) /* [v + 1] runs up to where v ends */
        g->from[g->from_begin[b->edges[i].to + 1]++] = b->edges[i].from;
    return VISEME_OK;
}

/* All nodes first, so that start and final can be allocated; then all edges. */
static viseme_status build(struct builder *b)
{
    const struct vis_grammar_words *w = b->words;
    struct vis_grammar *g = b->out;
    viseme_status status = VISEME_OK;
    int lead, ends;
    order_arcs(b);
    for (int q = 0; q < w->states; q++)
        b->space_node[q] = NONE;
    for (int i = 0; i < w->arc_count && status == VISEME_OK; i++)
        if (w->arcs[i].word) {
            int *space = &b->space_node[w->arcs[i].to];
            status = spell(b, i);
            if (status == VISEME_OK && *space == NONE)
                status = new_node(b, b->space, space);
            if (status == VISEME_OK)
                status = add_edge(b, b->last[i], *space);
        }
    if (status == VISEME_OK)
        status = new_node(b, b->space, &lead);
    if (status != VISEME_OK)
        return status;
    g->start = calloc((size_t)g->nodes, 1);
    g->final = calloc((size_t)g->nodes, 1);
    if (!g->start || !g->final)
        return vis_fail_nomem(b->err, 2 * (size_t)g->nodes);
    status = join(b, 0, NONE, &g->empty);
    if (status == VISEME_OK)
        status = add_edge(b, lead, lead);
    if (status == VISEME_OK)
        status = join(b, 0, lead, &ends);
    g->start[lead] = 1;
    g->final[lead] = g->empty != 0;
    for (int q = 0; q < w->states && status == VISEME_OK; q++)
        if (b->space_node[q] != NONE)
            status = join_after(b, q);
    for (int i = 0; i < w->arc_count && status == VISEME_OK; i++)
        if (w->arcs[i].word) /* where the space may be the last label, so may what is before it */
            g->final[b->last[i]] = g->final[b->space_node[w->arcs[i].to]];
    return status == VISEME_OK ? order_edges(b) : status;
}

static int *int_array(int count)
{
    return calloc((size_t)count + 1, sizeof(int));
}

viseme_status vis_grammar_open(struct vis_grammar **out, const char *text, size_t bytes,
                               const char *const *vocab, int classes, int blank, viseme_error *err)
{
    struct vis_grammar_words words;
    struct builder b = {
        .vocab = vocab, .classes = classes, .blank = blank, .space = NONE, .err = err};
    *out = NULL;
    for (int c = 0; c < classes; c++)
        if (c != blank && strcmp(vocab[c], " ") == 0)
            b.space = c;
    if (b.space == NONE)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "the network has no space, so a grammar cannot be used");
    viseme_status status = vis_grammar_words(&words, text, bytes, err);
    if (status == VISEME_OK) {
        b.words = &words;
        b.out = calloc(1, sizeof *b.out);
        b.arc_begin = int_array(words.states + 1);
        b.arc_order = int_array(words.arc_count);
        b.first = int_array(words.arc_count);
        b.last = int_array(words.arc_count);
        b.space_node = int_array(words.states);
        b.seen = int_array(words.states);
        b.stack = int_array(words.states);
        if (b.out && b.arc_begin && b.arc_order && b.first && b.last && b.space_node && b.seen &&
            b.stack)
            status = build(&b);
        else
            status =
                vis_fail_nomem(err, (size_t)(words.states + words.arc_count) * 4 * sizeof(int));
    }
    free(b.arc_begin);
    free(b.arc_order);
    free(b.first);
    free(b.last);
    free(b.space_node);
    free(b.seen);
    free(b.stack);
    free(b.edges);
    vis_grammar_words_free(&words);
    if (status != VISEME_OK) {
        vis_grammar_free(b.out);
        return status;
    }
    *out = b.out;
    return VISEME_OK;
}

void vis_grammar_free(struct vis_grammar *g)
{
    if (!g)
        return;
    free(g->label);
    free(g->start);
    free(g->final);
    free(g->from_begin);
    free(g->from);
    free(g);
}
