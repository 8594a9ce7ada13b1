#include "nets/ctc_grammar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/ctc_beam.h"

/* States: 0 is the blanks before the first label, 1 + 2 v label of node v, 2 + 2 v blanks after
 * it. */
struct search {
    const struct vis_grammar *grammar;
    const float *logp;
    int frames, classes, blank;
    int states, block; /* frames between kept scores */
    double *kept;      /* [frames / block + 1, states] scores before frames 0, block, 2 block ... */
    double *now, *then; /* [states] */
    int *back;          /* [block, states] the state before, of the frames of one block */
};

static int label_state(int node)
{
    return 1 + 2 * node;
}

/* The best way into the label of node v: the state before, and its score. */
static int best_before(const struct search *s, int v, double *score)
{
    const struct vis_grammar *g = s->grammar;
    int best = label_state(v);
    *score = s->then[best];
    if (g->start[v] && s->then[0] > *score) {
        best = 0;
        *score = s->then[0];
    }
    for (int i = g->from_begin[v]; i < g->from_begin[v + 1]; i++) {
        int u = g->from[i], state = label_state(u);
        if (g->label[u] != g->label[v] && s->then[state] > *score) {
            best = state;
            *score = s->then[state];
        }
        if (s->then[state + 1] > *score) {
            best = state + 1;
            *score = s->then[state + 1];
        }
    }
    return best;
}

/* One frame: s->then -> s->now. back [states], or NULL. */
static void step(const struct search *s, int frame, int *back)
{
    const struct vis_grammar *g = s->grammar;
    const float *row = s->logp + (size_t)frame * (size_t)s->classes;
    double blank = (double)row[s->blank];
    s->now[0] = s->then[0] + blank;
    if (back)
        back[0] = 0;
    for (int v = 0; v < g->nodes; v++) {
        int state = label_state(v), after = s->then[state + 1] > s->then[state];
        double score;
        int before = best_before(s, v, &score);
        s->now[state] = score + (double)row[g->label[v]];
        s->now[state + 1] = s->then[state + after] + blank;
        if (back) {
            back[state] = before;
            back[state + 1] = state + after;
        }
    }
}

static void swap(struct search *s)
{
    double *t = s->now;
    s->now = s->then;
    s->then = t;
}

/* The best final state after the last frame (its scores are in s->then), or -1. */
static int best_end(const struct search *s, double *score)
{
    int best = -1;
    *score = -INFINITY;
    if (s->grammar->empty && s->then[0] > *score) {
        best = 0;
        *score = s->then[0];
    }
    for (int v = 0; v < s->grammar->nodes; v++)
        for (int state = label_state(v); s->grammar->final[v] && state <= label_state(v) + 1;
             state++)
            if (s->then[state] > *score) {
                best = state;
                *score = s->then[state];
            }
    return best;
}

/* Walks back from `state` after the last frame; labels come last first. */
static void walk_back(struct search *s, int state, struct vis_ctc_hypothesis *out)
{
    size_t states = (size_t)s->states;
    int last = s->frames > 0 ? (s->frames - 1) / s->block : -1;
    for (int b = last; b >= 0; b--) {
        int first = b * s->block,
            stop = first + s->block < s->frames ? first + s->block : s->frames;
        memcpy(s->then, s->kept + (size_t)b * states, states * sizeof *s->then);
        for (int t = first; t < stop; t++, swap(s))
            step(s, t, s->back + (size_t)(t - first) * states);
        for (int t = stop - 1; t >= first; t--) {
            int before = s->back[(size_t)(t - first) * states + (size_t)state];
            if (state % 2 == 1 && before != state)
                out->labels[out->length++] = s->grammar->label[state / 2];
            state = before;
        }
    }
    for (int i = 0, j = out->length - 1; i < j; i++, j--) {
        int t = out->labels[i];
        out->labels[i] = out->labels[j];
        out->labels[j] = t;
    }
}

static viseme_status open_search(struct search *s, viseme_error *err)
{
    s->states = 1 + 2 * s->grammar->nodes;
    s->block = (int)ceil(sqrt((double)s->frames)) + 1;
    size_t states = (size_t)s->states, blocks = (size_t)(s->frames / s->block) + 1;
    s->kept = malloc(blocks * states * sizeof *s->kept);
    s->now = malloc(states * sizeof *s->now);
    s->then = malloc(states * sizeof *s->then);
    s->back = malloc((size_t)s->block * states * sizeof *s->back);
    if (!s->kept || !s->now || !s->then || !s->back)
        return vis_fail_nomem(err, states * (blocks * sizeof *s->kept + 2 * sizeof *s->now +
                                             (size_t)s->block * sizeof *s->back));
    return VISEME_OK;
}

viseme_status vis_ctc_grammar(struct vis_ctc_result *out, const float *logp, int frames,
                              int classes, int blank, const struct vis_grammar *grammar,
                              viseme_error *err)
{
    struct search s = {
        .grammar = grammar, .logp = logp, .frames = frames, .classes = classes, .blank = blank};
    *out = (struct vis_ctc_result){0};
    viseme_status status = vis_ctc_check(logp, frames, classes, blank, err);
    if (status != VISEME_OK)
        return status;
    status = open_search(&s, err);
    if (status != VISEME_OK)
        goto done;
    for (int i = 0; i < s.states; i++)
        s.then[i] = i == 0 ? 0 : -INFINITY;
    for (int t = 0; t < frames; t++, swap(&s)) {
        if (t % s.block == 0)
            memcpy(s.kept + (size_t)(t / s.block) * (size_t)s.states, s.then,
                   (size_t)s.states * sizeof *s.then);
        step(&s, t, NULL);
    }
    double score;
    int end = best_end(&s, &score);
    if (end < 0) {
        status = vis_fail(err, VISEME_ERR_INPUT,
                          "none of the grammar's sentences can be read in %d frames", frames);
        goto done;
    }
    struct vis_ctc_hypothesis *best = calloc(1, sizeof *best);
    int *labels = malloc(((size_t)frames + 1) * sizeof *labels);
    if (!best || !labels) {
        free(best);
        free(labels);
        status = vis_fail_nomem(err, ((size_t)frames + 1) * sizeof *labels);
        goto done;
    }
    best->labels = labels;
    best->log_probability = best->score = score;
    walk_back(&s, end, best);
    out->best = best;
    out->count = 1;
done:
    free(s.kept);
    free(s.now);
    free(s.then);
    free(s.back);
    return status;
}
