/* CTC prefix beam search (Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech
 * Recognition using Bi-Directional Recurrent DNNs", algorithm 1), with a language model or without.
 *
 * Prefixes are nodes of a tree with links to their parents; a prefix that leaves the beam and has
 * no children left is freed, so the tree holds the beam and its ancestors only. Every prefix has
 * one node at most. Therefore "is this extension already in the beam?" needs no search: each beam
 * entry tells its parent's entry about itself.
 *
 * With a language model every node knows what the model adds to its prefix. That never makes a
 * score higher, so what is pruned by the scores of the emissions alone is pruned rightly.
 *
 * Order among equal scores: the candidate that comes from the higher-ranked entry of the frame
 * before, then the entry itself before its extensions, then the lower label. */
#include "nets/ctc.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "nets/ctc_beam.h"
#include "nets/top.h"

enum { NONE = -1, FREED = -2, STAY = -1 };

struct node {
    int parent, first_child, next; /* `next`: sibling, or next free node */
    int label;                     /* NONE at the root, FREED when free */
    int entry;                     /* its place in the beam, or NONE */
};

/* What the language model makes of a node's prefix. */
struct reading {
    struct vis_lm_state state;
    double score; /* weighted, at most 0 */
};

struct tree {
    struct node *nodes;
    struct reading *readings; /* [capacity], of the nodes; NULL without a language model */
    const struct vis_fusion *fusion;
    int used, capacity, free; /* `free`: head of the list of freed nodes */
};

struct entry {
    int node;
    double blank, other; /* log-probability of its paths that end in blank, in its last label */
    double total;
    double score; /* total, and what the language model adds */
};

struct beam {
    struct tree tree;
    struct entry *now, *then; /* [width] this frame, the frame before */
    struct vis_top top;       /* [width] of the frame; label STAY: an entry that stays */
    struct entry *stay;       /* [width] the entries of the frame before, as they stay */
    unsigned char *taken;     /* [width C] the extension is an entry of the beam itself */
    int count, width;         /* entries in `then` */
};

static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* ---- The tree --------------------------------------------------------------------------- */

static int new_node(struct tree *tree, int parent, int label)
{
    int i = tree->free;
    if (i != NONE) {
        tree->free = tree->nodes[i].next;
    } else {
        if (tree->used == tree->capacity) {
            if (tree->capacity > INT_MAX / 2)
                return NONE;
            int capacity = tree->capacity ? 2 * tree->capacity : 1024;
            struct node *nodes = realloc(tree->nodes, (size_t)capacity * sizeof *nodes);
            if (!nodes)
                return NONE;
            tree->nodes = nodes;
            if (tree->fusion) {
                struct reading *readings =
                    realloc(tree->readings, (size_t)capacity * sizeof *readings);
                if (!readings)
                    return NONE;
                tree->readings = readings;
            }
            tree->capacity = capacity;
        }
        i = tree->used++;
    }
    struct node *node = &tree->nodes[i];
    *node = (struct node){parent, NONE, NONE, label, NONE};
    if (parent != NONE) {
        node->next = tree->nodes[parent].first_child;
        tree->nodes[parent].first_child = i;
    }
    if (tree->fusion) {
        struct reading *to = &tree->readings[i];
        if (parent == NONE) {
            to->score = 0;
            vis_fusion_start(tree->fusion, &to->state);
        } else {
            const struct reading *from = &tree->readings[parent];
            to->score =
                from->score + vis_fusion_extend(tree->fusion, &from->state, label, &to->state);
        }
    }
    return i;
}

static int find_child(const struct tree *tree, int parent, int label)
{
    int i = tree->nodes[parent].first_child;
    while (i != NONE && tree->nodes[i].label != label)
        i = tree->nodes[i].next;
    return i;
}

/* Frees a node that is neither in the beam nor anybody's parent, then its ancestors likewise.
 * A node that an earlier call freed as an ancestor is left alone. */
static void prune(struct tree *tree, int i)
{
    while (tree->nodes[i].entry == NONE && tree->nodes[i].first_child == NONE &&
           tree->nodes[i].parent != NONE && tree->nodes[i].label != FREED) {
        int parent = tree->nodes[i].parent;
        int *link = &tree->nodes[parent].first_child;
        while (*link != i)
            link = &tree->nodes[*link].next;
        *link = tree->nodes[i].next;
        tree->nodes[i].label = FREED;
        tree->nodes[i].next = tree->free;
        tree->free = i;
        i = parent;
    }
}

/* ---- Choosing the best candidates of a frame -------------------------------------------- */

static void offer(struct beam *beam, double score, int from, int label)
{
    if (score > -INFINITY && vis_top_wants(&beam->top, score))
        vis_top_offer(&beam->top, score, from, label);
}

/* ---- One frame -------------------------------------------------------------------------- */

/* Log-probability that the prefix of `entry` becomes one label longer by a path whose newest
 * label is `label`: after its own last label, only paths that ended in blank can repeat it. */
static double extend(const struct beam *beam, const struct entry *entry, int label, double logp)
{
    int last = beam->tree.nodes[entry->node].label;
    return (label == last ? entry->blank : entry->total) + logp;
}

/* What the language model adds to the prefix of a node. */
static double lm_score(const struct tree *tree, int node)
{
    return tree->fusion ? tree->readings[node].score : 0;
}

/* Offers entry i made longer by a label. The model is asked only where it decides. */
static void offer_extension(struct beam *beam, int i, int label, double logp)
{
    const struct tree *tree = &beam->tree;
    double score = extend(beam, &beam->then[i], label, logp);
    if (tree->fusion) {
        const struct reading *reading = &tree->readings[beam->then[i].node];
        score += reading->score;
        if (score == -INFINITY ||
            (beam->top.count == beam->width && score < beam->top.items[0].score))
            return;
        score += vis_fusion_extend(tree->fusion, &reading->state, label, NULL);
    }
    offer(beam, score, i, label);
}

/* Offers every entry as it stays, and every extension that is not an entry itself. row [C]. */
static void offer_all(struct beam *beam, const float *row, int classes, int blank)
{
    const struct node *nodes = beam->tree.nodes;
    for (size_t i = 0; i < (size_t)beam->count * (size_t)classes; i++)
        beam->taken[i] = 0;
    beam->top.count = 0;
    for (int i = 0; i < beam->count; i++) {
        const struct entry *entry = &beam->then[i];
        const struct node *node = &nodes[entry->node];
        struct entry stay = {entry->node, entry->total + (double)row[blank], -INFINITY, 0, 0};
        if (node->label != NONE) {
            stay.other = entry->other + (double)row[node->label];
            int parent = nodes[node->parent].entry;
            if (parent != NONE) {
                double joined =
                    extend(beam, &beam->then[parent], node->label, (double)row[node->label]);
                stay.other = log_add(stay.other, joined);
                beam->taken[(size_t)parent * (size_t)classes + (size_t)node->label] = 1;
            }
        }
        stay.total = log_add(stay.blank, stay.other);
        stay.score = stay.total + lm_score(&beam->tree, entry->node);
        beam->stay[i] = stay;
        offer(beam, stay.score, i, STAY);
    }
    float highest = -INFINITY;
    for (int c = 0; c < classes; c++)
        highest = row[c] > highest ? row[c] : highest;
    for (int i = 0; i < beam->count; i++) {
        /* Entries come best first: once the best extension of one is too low, so are the rest. */
        if (beam->top.count == beam->width &&
            beam->then[i].score + (double)highest < beam->top.items[0].score)
            break;
        const unsigned char *taken = beam->taken + (size_t)i * (size_t)classes;
        for (int c = 0; c < classes; c++)
            if (c != blank && !taken[c])
                offer_extension(beam, i, c, (double)row[c]);
    }
}

/* Makes the chosen candidates of the frame `row` [C] the new beam. */
static viseme_status advance(struct beam *beam, const float *row, viseme_error *err)
{
    struct tree *tree = &beam->tree;
    vis_top_sort(&beam->top);
    for (int i = 0; i < beam->top.count; i++) {
        const struct vis_top_item *chosen = &beam->top.items[i];
        if (chosen->label == STAY) {
            beam->now[i] = beam->stay[chosen->from];
            continue;
        }
        const struct entry *from = &beam->then[chosen->from];
        int node = find_child(tree, from->node, chosen->label);
        if (node == NONE)
            node = new_node(tree, from->node, chosen->label);
        if (node == NONE)
            return vis_fail_nomem(err, 2 * (size_t)tree->capacity * sizeof *tree->nodes);
        double total = extend(beam, from, chosen->label, (double)row[chosen->label]);
        beam->now[i] = (struct entry){node, -INFINITY, total, total, chosen->score};
    }
    for (int i = 0; i < beam->count; i++)
        tree->nodes[beam->then[i].node].entry = NONE;
    for (int i = 0; i < beam->top.count; i++)
        tree->nodes[beam->now[i].node].entry = i;
    for (int i = 0; i < beam->count; i++)
        prune(tree, beam->then[i].node);
    struct entry *swap = beam->then;
    beam->then = beam->now;
    beam->now = swap;
    beam->count = beam->top.count;
    return VISEME_OK;
}

/* ---- The search ------------------------------------------------------------------------- */

static viseme_status open_beam(struct beam *beam, int classes, int width,
                               const struct vis_fusion *fusion, viseme_error *err)
{
    size_t n = (size_t)width;
    *beam = (struct beam){
        .tree = {.free = NONE, .fusion = fusion}, .top = {.room = width}, .width = width};
    beam->now = malloc(n * sizeof *beam->now);
    beam->then = malloc(n * sizeof *beam->then);
    beam->stay = malloc(n * sizeof *beam->stay);
    beam->top.items = malloc(n * sizeof *beam->top.items);
    beam->taken = malloc(n * (size_t)classes);
    if (!beam->now || !beam->then || !beam->stay || !beam->top.items || !beam->taken)
        return vis_fail_nomem(
            err, n * (3 * sizeof *beam->now + sizeof *beam->top.items + (size_t)classes));
    int root = new_node(&beam->tree, NONE, NONE);
    if (root == NONE)
        return vis_fail_nomem(err, 1024 * sizeof *beam->tree.nodes);
    beam->tree.nodes[root].entry = 0;
    beam->then[0] = (struct entry){root, 0, -INFINITY, 0, 0}; /* no label, probability one */
    beam->count = 1;
    return VISEME_OK;
}

static void close_beam(struct beam *beam)
{
    free(beam->tree.nodes);
    free(beam->tree.readings);
    free(beam->now);
    free(beam->then);
    free(beam->stay);
    free(beam->top.items);
    free(beam->taken);
}

static viseme_status copy_hypothesis(struct vis_ctc_hypothesis *out, const struct tree *tree,
                                     const struct entry *entry, viseme_error *err)
{
    int length = 0;
    for (int i = entry->node; tree->nodes[i].parent != NONE; i = tree->nodes[i].parent)
        length++;
    size_t bytes = (size_t)(length > 0 ? length : 1) * sizeof *out->labels;
    out->labels = malloc(bytes);
    if (!out->labels)
        return vis_fail_nomem(err, bytes);
    out->length = length;
    out->log_probability = entry->total;
    out->score = entry->score;
    for (int i = entry->node; length > 0; i = tree->nodes[i].parent)
        out->labels[--length] = tree->nodes[i].label;
    return VISEME_OK;
}

/* Adds what the language model makes of the end of each prefix, and sorts the beam by it. */
static void score_ends(struct beam *beam)
{
    const struct tree *tree = &beam->tree;
    beam->top.count = 0;
    for (int i = 0; i < beam->count; i++) {
        struct entry *entry = &beam->then[i];
        beam->stay[i] = *entry;
        beam->stay[i].score += vis_fusion_end(tree->fusion, &tree->readings[entry->node].state);
        offer(beam, beam->stay[i].score, i, STAY);
    }
    vis_top_sort(&beam->top);
    for (int i = 0; i < beam->count; i++)
        beam->then[i] = beam->stay[beam->top.items[i].from];
}

viseme_status vis_ctc_beam(struct vis_ctc_result *out, const float *logp, int frames, int classes,
                           int blank, int width, int nbest, viseme_error *err)
{
    return vis_ctc_beam_lm(out, logp, frames, classes, blank, width, nbest, NULL, err);
}

viseme_status vis_ctc_beam_lm(struct vis_ctc_result *out, const float *logp, int frames,
                              int classes, int blank, int width, int nbest,
                              const struct vis_fusion *fusion, viseme_error *err)
{
    struct beam beam = {0};
    viseme_status status = VISEME_OK;
    *out = (struct vis_ctc_result){0};
    status = vis_ctc_check(logp, frames, classes, blank, err);
    if (status != VISEME_OK)
        goto done;
    if (width < 1 || nbest < 1 || nbest > width) {
        status = vis_fail(err, VISEME_ERR_INPUT,
                          "CTC: a beam of %d cannot give the %d best readings", width, nbest);
        goto done;
    }
    status = open_beam(&beam, classes, width, fusion, err);
    for (int t = 0; status == VISEME_OK && t < frames; t++) {
        const float *row = logp + (size_t)t * (size_t)classes;
        offer_all(&beam, row, classes, blank);
        status = advance(&beam, row, err);
    }
    if (status != VISEME_OK)
        goto done;
    if (fusion)
        score_ends(&beam);

    int count = nbest < beam.count ? nbest : beam.count;
    out->best = calloc((size_t)count, sizeof *out->best);
    if (!out->best) {
        status = vis_fail_nomem(err, (size_t)count * sizeof *out->best);
        goto done;
    }
    for (int i = 0; status == VISEME_OK && i < count; i++) {
        status = copy_hypothesis(&out->best[i], &beam.tree, &beam.then[i], err);
        out->count = i + 1; /* vis_ctc_free() takes the NULL of a failed copy */
    }
    if (status != VISEME_OK)
        vis_ctc_free(out);
done:
    close_beam(&beam);
    return status;
}
