#include "nets/joint_beam.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/ctc_beam.h"
#include "nets/ctc_prefix.h"
#include "nets/token_stepper.h"
#include "nets/top.h"

enum { BLANK = 0, MAX_STEPS = 100000, END_LENGTHS = 3, NONE = -1 };
#define END_MARGIN 10.0 /* nats */

struct scores {
    float total, decoder, ctc, lm, length_bonus;
};

/* A running hypothesis. */
struct running {
    struct scores scores;
    float psi;     /* CTC's logarithm of its probability as a prefix */
    int link;      /* its last token among the links, NONE: no token yet */
    int last;      /* its last token; eos at the beginning */
    int from;      /* the row of what it extends in the step before, NONE: nothing */
    float *prefix; /* CTC's state */
};

/* All hypotheses there ever were, as tokens behind tokens. */
struct link {
    int before, token;
};

struct ended {
    struct scores scores;
    int link, length; /* in tokens */
    int forced;       /* 1: and eos behind it */
};

/* A scorer that steps through tokens: decoder or language model. */
struct writer {
    struct vis_token_stepper *stepper; /* NULL: left out */
    float weight;
    float *logp;               /* [beam tokens] */
    int *position, *was, held; /* [beam] of the step at hand, of the one before; how many of it */
};

/* What a thread needs beside the hypotheses it scores. */
struct desk {
    float *psi, *total;       /* [tokens] */
    float *room;              /* [frames + 1] */
    struct vis_top_item *top; /* [pre_beam] */
    int *candidates;          /* [pre_beam] */
};

struct search {
    struct vis_joint_options options;
    struct vis_threads *threads;
    int beam, tokens, eos, frames, steps;
    int pre_beam; /* 0: CTC scores all tokens */
    struct writer decoder, lm;
    int use_ctc;
    struct vis_ctc_prefix ctc;
    struct running *now, *next; /* [beam] */
    int count, next_count;      /* running */
    int *parent, *token;        /* [beam], for the steppers */
    float *prefixes[2];         /* [beam] states each: of now, of next */
    struct vis_top_item *picks; /* [beam][beam] the best tokens of each hypothesis, */
    float *pick_psi;            /* [beam][beam] their psi, */
    int *pick_counts;           /* [beam] how many, */
    struct vis_top_item *best;  /* [beam] the best of all; label: which pick */
    struct desk *desks;         /* [threads] */
    struct link *links;
    int link_count, link_room;
    struct ended *ended;
    int ended_count, ended_room;
    double *best_of_length; /* [steps + 3] of those that ended, counting both sos and eos */
};

/* ---- Opening ------------------------------------------------------------------------------- */

static viseme_status check(const struct vis_token_net *decoder, const struct vis_token_net *lm,
                           const float *encoder, const float *ctc_logp, int frames,
                           const struct vis_joint_options *o, viseme_error *err)
{
    if (o->beam < 1 || o->beam > VIS_JOINT_MAX_BEAM || o->nbest < 1 ||
        o->nbest > VIS_JOINT_MAX_BEAM)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a beam of %d and a list of %d: both go from 1 to %d", o->beam, o->nbest,
                        VIS_JOINT_MAX_BEAM);
    if (!(o->ctc_weight >= 0 && o->ctc_weight <= 1) || !(o->lm_weight >= 0 && o->lm_weight <= 100))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "weights %g of CTC and %g of the language model: they go from 0 to 1 and "
                        "from 0 to 100",
                        o->ctc_weight, o->lm_weight);
    if (!(fabs(o->length_bonus) <= 100))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a length bonus of %g: it goes from -100 to 100",
                        o->length_bonus);
    if (!(o->maxlen_ratio >= -MAX_STEPS && o->maxlen_ratio <= 1000) ||
        (o->maxlen_ratio < 0 && o->maxlen_ratio > -1))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a longest length of %g: 0 to 1000 for each frame, or -1 to -%d for a "
                        "number of tokens",
                        o->maxlen_ratio, MAX_STEPS);
    if (lm && o->lm_weight > 0 && lm->tokens != decoder->tokens)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "the language model has %d tokens, the network that reads %d; they must "
                        "have the same vocabulary",
                        lm->tokens, decoder->tokens);
    for (size_t i = 0; i < (size_t)frames * (size_t)decoder->width; i++)
        if (!isfinite(encoder[i]))
            return vis_fail(err, VISEME_ERR_INPUT,
                            "the encoder's output has NaN or infinity in frame %zu",
                            i / (size_t)decoder->width);
    return vis_ctc_check(ctc_logp, frames, decoder->tokens, BLANK, err);
}

static viseme_status open_writer(struct writer *w, const struct search *s,
                                 const struct vis_token_net *net, const float *source,
                                 viseme_error *err)
{
    const size_t beam = (size_t)s->beam, floats = beam * (size_t)s->tokens;
    w->logp = malloc(floats * sizeof *w->logp);
    w->position = malloc(beam * sizeof *w->position);
    w->was = malloc(beam * sizeof *w->was);
    if (!w->logp || !w->position || !w->was)
        return vis_fail_nomem(err, floats * sizeof *w->logp);
    return vis_token_stepper_open(&w->stepper, net, source, source ? s->frames : 0, s->beam,
                                  s->threads, err);
}

static void close_writer(struct writer *w)
{
    vis_token_stepper_free(w->stepper);
    free(w->logp);
    free(w->position);
    free(w->was);
}

static viseme_status open_desks(struct search *s, viseme_error *err)
{
    const int threads = vis_threads_count(s->threads);
    const size_t tokens = (size_t)s->tokens, some = (size_t)s->pre_beam + 1;
    s->desks = calloc((size_t)threads, sizeof *s->desks);
    for (int i = 0; s->desks && i < threads; i++) {
        struct desk *d = &s->desks[i];
        d->psi = malloc(tokens * sizeof *d->psi);
        d->total = malloc(tokens * sizeof *d->total);
        d->room = malloc(((size_t)s->frames + 1) * sizeof *d->room);
        d->top = malloc(some * sizeof *d->top);
        d->candidates = malloc(some * sizeof *d->candidates);
        if (!d->psi || !d->total || !d->room || !d->top || !d->candidates)
            return vis_fail_nomem(err, 2 * tokens * sizeof(float));
    }
    return s->desks ? VISEME_OK : vis_fail_nomem(err, (size_t)threads * sizeof *s->desks);
}

static viseme_status open_ctc(struct search *s, const struct vis_token_net *decoder,
                              const float *logp, viseme_error *err)
{
    viseme_status status = vis_ctc_prefix_open(&s->ctc, decoder->kernels, logp, s->frames,
                                               s->tokens, BLANK, s->eos, err);
    if (status != VISEME_OK)
        return status;
    const size_t bytes = (size_t)s->beam * vis_ctc_prefix_floats(&s->ctc) * sizeof(float);
    for (int i = 0; i < 2; i++) {
        s->prefixes[i] = malloc(bytes);
        if (!s->prefixes[i])
            return vis_fail_nomem(err, bytes);
    }
    vis_ctc_prefix_start(&s->ctc, s->prefixes[0]);
    return VISEME_OK;
}

static viseme_status open_search(struct search *s, const struct vis_token_net *decoder,
                                 const struct vis_token_net *lm, const float *encoder,
                                 const float *ctc_logp, viseme_error *err)
{
    const struct vis_joint_options *o = &s->options;
    const size_t beam = (size_t)s->beam;
    viseme_status status = VISEME_OK;
    s->decoder.weight = (float)(1 - o->ctc_weight);
    s->lm.weight = lm ? (float)o->lm_weight : 0;
    s->use_ctc = o->ctc_weight > 0;
    s->pre_beam = s->use_ctc && s->decoder.weight > 0 ? s->beam + s->beam / 2 : 0;
    if (s->pre_beam >= s->tokens)
        s->pre_beam = 0;
    s->now = calloc(beam, sizeof *s->now);
    s->next = calloc(beam, sizeof *s->next);
    s->parent = malloc(beam * sizeof *s->parent);
    s->token = malloc(beam * sizeof *s->token);
    s->picks = malloc(beam * beam * sizeof *s->picks);
    s->pick_psi = malloc(beam * beam * sizeof *s->pick_psi);
    s->best = malloc(beam * sizeof *s->best);
    s->pick_counts = malloc(beam * sizeof *s->pick_counts);
    s->best_of_length = malloc(((size_t)s->steps + 3) * sizeof *s->best_of_length);
    if (!s->now || !s->next || !s->parent || !s->token || !s->picks || !s->pick_psi || !s->best ||
        !s->pick_counts || !s->best_of_length)
        return vis_fail_nomem(err, beam * beam * sizeof *s->picks);
    for (int i = 0; i < s->steps + 3; i++)
        s->best_of_length[i] = -INFINITY;
    status = open_desks(s, err);
    if (status == VISEME_OK && s->decoder.weight > 0)
        status = open_writer(&s->decoder, s, decoder, encoder, err);
    if (status == VISEME_OK && s->lm.weight > 0)
        status = open_writer(&s->lm, s, lm, NULL, err);
    if (status == VISEME_OK && s->use_ctc)
        status = open_ctc(s, decoder, ctc_logp, err);
    s->now[0] =
        (struct running){.link = NONE, .last = s->eos, .from = NONE, .prefix = s->prefixes[0]};
    s->count = 1;
    return status;
}

static void close_search(struct search *s)
{
    close_writer(&s->decoder);
    close_writer(&s->lm);
    vis_ctc_prefix_free(&s->ctc);
    for (int i = 0; s->desks && i < vis_threads_count(s->threads); i++) {
        free(s->desks[i].psi);
        free(s->desks[i].total);
        free(s->desks[i].room);
        free(s->desks[i].top);
        free(s->desks[i].candidates);
    }
    free(s->desks);
    free(s->now);
    free(s->next);
    free(s->parent);
    free(s->token);
    free(s->prefixes[0]);
    free(s->prefixes[1]);
    free(s->picks);
    free(s->pick_psi);
    free(s->best);
    free(s->pick_counts);
    free(s->links);
    free(s->ended);
    free(s->best_of_length);
}

/* ---- Scoring ------------------------------------------------------------------------------- */

/* Log-probabilities of the next token of every running hypothesis. */
static viseme_status run_writer(struct search *s, struct writer *w, viseme_error *err)
{
    if (!w->stepper)
        return VISEME_OK;
    for (int i = 0; i < s->count; i++) {
        const int from = s->now[i].from;
        s->parent[i] = from == NONE ? VIS_TOKEN_NONE : w->was[from];
        s->token[i] = s->now[i].last;
    }
    viseme_status status = vis_token_stepper_step(w->stepper, s->count, s->parent, s->token,
                                                  w->position, w->logp, err);
    for (int i = 0; i < w->held; i++)
        vis_token_stepper_release(w->stepper, w->was[i]);
    int *swap = w->was;
    w->was = w->position;
    w->position = swap;
    w->held = status == VISEME_OK ? s->count : 0;
    return status;
}

static float *row(const struct search *s, const struct writer *w, int i)
{
    return w->logp + (size_t)i * (size_t)s->tokens;
}

/* psi of what CTC scores behind hypothesis i. */
static void score_ctc(const struct search *s, int i, int step, const struct desk *d)
{
    const struct running *h = &s->now[i];
    struct vis_top top = {d->top, 0, s->pre_beam};
    if (s->pre_beam > 0) {
        const float *logp = row(s, &s->decoder, i);
        for (int c = 0; c < s->tokens; c++)
            if (vis_top_wants(&top, (double)logp[c]))
                vis_top_offer(&top, (double)logp[c], 0, c);
        for (int j = 0; j < top.count; j++)
            d->candidates[j] = top.items[j].label;
    }
    vis_ctc_prefix_score(&s->ctc, h->prefix, step, h->last, s->pre_beam ? d->candidates : NULL,
                         top.count, d->psi, d->room);
}

/* What tasks of one step are told. */
struct at_step {
    const struct search *search;
    int step;
};

/* Totals of all tokens behind one hypothesis, and the best of them. */
static void score_task(void *context, int i, int thread)
{
    const struct at_step *at = context;
    const struct search *s = at->search;
    const struct desk *d = &s->desks[thread];
    const struct running *h = &s->now[i];
    const float bonus = (float)s->options.length_bonus, ctc_weight = (float)s->options.ctc_weight;
    float *total = d->total;
    for (int c = 0; c < s->tokens; c++)
        total[c] = h->scores.total;
    if (s->decoder.stepper) {
        const float *logp = row(s, &s->decoder, i);
        for (int c = 0; c < s->tokens; c++)
            total[c] += s->decoder.weight * logp[c];
    }
    if (s->lm.stepper) {
        const float *logp = row(s, &s->lm, i);
        for (int c = 0; c < s->tokens; c++)
            total[c] += s->lm.weight * logp[c];
    }
    for (int c = 0; c < s->tokens; c++)
        total[c] += bonus;
    if (s->use_ctc) {
        score_ctc(s, i, at->step, d);
        for (int c = 0; c < s->tokens; c++)
            total[c] += ctc_weight * (d->psi[c] - h->psi);
    }
    struct vis_top top = {s->picks + (size_t)i * (size_t)s->beam, 0, s->beam};
    for (int c = s->use_ctc ? BLANK + 1 : 0; c < s->tokens; c++)
        if (vis_top_wants(&top, (double)total[c]))
            vis_top_offer(&top, (double)total[c], i, c);
    vis_top_sort(&top);
    s->pick_counts[i] = top.count;
    for (int j = 0; j < top.count && s->use_ctc; j++)
        s->pick_psi[(size_t)i * (size_t)s->beam + (size_t)j] = d->psi[top.items[j].label];
}

/* ---- The next beam ------------------------------------------------------------------------- */

/* The best pairs of a hypothesis and a token, best first. */
static viseme_status choose(struct search *s, int *count, viseme_error *err)
{
    struct vis_top top = {s->best, 0, s->beam};
    for (int i = 0; i < s->count; i++)
        for (int j = 0; j < s->pick_counts[i]; j++)
            vis_top_offer(&top, s->picks[(size_t)i * (size_t)s->beam + (size_t)j].score, i, j);
    vis_top_sort(&top);
    *count = top.count;
    if (top.count == 0)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "the search has no token to go on with: the decoder's scores are NaN");
    return VISEME_OK;
}

/* The pair `item` as a hypothesis. */
static struct running extend(const struct search *s, const struct vis_top_item *item)
{
    const struct running *h = &s->now[item->from];
    const size_t pick = (size_t)item->from * (size_t)s->beam + (size_t)item->label;
    const int token = s->picks[pick].label;
    struct running to = *h;
    to.scores.total = (float)item->score;
    if (s->decoder.stepper)
        to.scores.decoder += row(s, &s->decoder, item->from)[token];
    if (s->lm.stepper)
        to.scores.lm += row(s, &s->lm, item->from)[token];
    if (s->options.length_bonus != 0)
        to.scores.length_bonus += 1;
    if (s->use_ctc) {
        to.scores.ctc += s->pick_psi[pick] - h->psi;
        to.psi = s->pick_psi[pick];
    }
    to.last = token;
    to.from = item->from;
    return to;
}

/* Room for one more element of an array that doubles. */
static viseme_status grow(void **array, int count, int *room, size_t size, viseme_error *err)
{
    if (count < *room)
        return VISEME_OK;
    const int want = *room ? 2 * *room : 256;
    void *p = *room < INT_MAX / 2 ? realloc(*array, (size_t)want * size) : NULL;
    if (!p)
        return vis_fail_nomem(err, (size_t)want * size);
    *array = p;
    *room = want;
    return VISEME_OK;
}

static viseme_status add_link(struct search *s, struct running *h, viseme_error *err)
{
    viseme_status status =
        grow((void **)&s->links, s->link_count, &s->link_room, sizeof *s->links, err);
    if (status != VISEME_OK)
        return status;
    s->links[s->link_count] = (struct link){h->link, h->last};
    h->link = s->link_count++;
    return VISEME_OK;
}

/* Takes out a hypothesis that has chosen eos, or has no step left. */
static viseme_status end(struct search *s, const struct running *h, int step, viseme_error *err)
{
    const int forced = step == s->steps - 1, length = step + 1 + forced;
    viseme_status status =
        grow((void **)&s->ended, s->ended_count, &s->ended_room, sizeof *s->ended, err);
    if (status != VISEME_OK)
        return status;
    s->ended[s->ended_count++] = (struct ended){h->scores, h->link, length, forced};
    double *best = &s->best_of_length[length + 1];
    *best = (double)h->scores.total > *best ? (double)h->scores.total : *best;
    return VISEME_OK;
}

static void prefix_task(void *context, int i, int thread)
{
    const struct at_step *at = context;
    const struct search *s = at->search;
    const struct running *to = &s->next[i], *from = &s->now[to->from];
    (void)thread;
    vis_ctc_prefix_extend(&s->ctc, from->prefix, at->step, from->last, to->last, to->prefix);
}

static viseme_status advance(struct search *s, int step, viseme_error *err)
{
    int count = 0;
    viseme_status status = choose(s, &count, err);
    s->next_count = 0;
    for (int i = 0; i < count && status == VISEME_OK; i++) {
        struct running h = extend(s, &s->best[i]);
        status = add_link(s, &h, err);
        if (status != VISEME_OK)
            break;
        if (h.last == s->eos || step == s->steps - 1) {
            status = end(s, &h, step, err);
            continue;
        }
        if (s->use_ctc)
            h.prefix = s->prefixes[(step + 1) % 2] +
                       (size_t)s->next_count * vis_ctc_prefix_floats(&s->ctc);
        s->next[s->next_count++] = h;
    }
    if (status != VISEME_OK)
        return status;
    struct at_step context = {s, step};
    if (s->use_ctc)
        vis_threads_run(s->threads, s->next_count, prefix_task, &context);
    struct running *swap = s->now;
    s->now = s->next;
    s->next = swap;
    s->count = s->next_count;
    return VISEME_OK;
}

/* Whether whatever could still end after this step has fallen too far behind. */
static int nothing_to_come(const struct search *s, int step)
{
    double best = -INFINITY;
    int behind = 0;
    for (int i = 0; i < s->steps + 3; i++)
        best = s->best_of_length[i] > best ? s->best_of_length[i] : best;
    for (int m = 0; m < END_LENGTHS && m <= step; m++) {
        const double score = s->best_of_length[step - m];
        behind += score > -INFINITY && score - best < -END_MARGIN;
    }
    return behind == END_LENGTHS;
}

/* ---- Results ------------------------------------------------------------------------------- */

static viseme_status write_hypothesis(struct vis_joint_hypothesis *to, const struct search *s,
                                      const struct ended *from, viseme_error *err)
{
    const size_t bytes = (size_t)from->length * sizeof *to->tokens;
    *to = (struct vis_joint_hypothesis){.tokens = malloc(bytes),
                                        .length = from->length,
                                        .score = from->scores.total,
                                        .decoder = from->scores.decoder,
                                        .ctc = from->scores.ctc,
                                        .lm = from->scores.lm,
                                        .length_bonus = from->scores.length_bonus};
    if (!to->tokens)
        return vis_fail_nomem(err, bytes);
    int at = from->length;
    if (from->forced)
        to->tokens[--at] = s->eos;
    for (int i = from->link; i != NONE; i = s->links[i].before)
        to->tokens[--at] = s->links[i].token;
    return VISEME_OK;
}

static viseme_status write_result(struct vis_joint_result *out, const struct search *s,
                                  viseme_error *err)
{
    const int count = s->ended_count < s->options.nbest ? s->ended_count : s->options.nbest;
    struct vis_top_item *items = malloc(((size_t)count + 1) * sizeof *items);
    struct vis_top top = {items, 0, count + 1};
    viseme_status status = VISEME_OK;
    out->ended = s->ended_count;
    out->best = calloc((size_t)count + 1, sizeof *out->best);
    if (!items || !out->best) {
        status = vis_fail_nomem(err, ((size_t)count + 1) * sizeof *out->best);
        goto done;
    }
    for (int i = 0; i < s->ended_count; i++)
        vis_top_offer(&top, (double)s->ended[i].scores.total, i, 0);
    vis_top_sort(&top);
    for (int i = 0; i < count && i < top.count && status == VISEME_OK; i++) {
        status = write_hypothesis(&out->best[i], s, &s->ended[top.items[i].from], err);
        out->count = i + 1; /* vis_joint_beam_free() takes the NULL of a failed one */
    }
done:
    free(items);
    return status;
}

viseme_status vis_joint_beam(struct vis_joint_result *out, const struct vis_token_net *decoder,
                             const struct vis_token_net *lm, const float *encoder,
                             const float *ctc_logp, int frames,
                             const struct vis_joint_options *options, struct vis_threads *threads,
                             viseme_error *err)
{
    const double ratio = options->maxlen_ratio;
    *out = (struct vis_joint_result){0};
    viseme_status status = check(decoder, lm, encoder, ctc_logp, frames, options, err);
    if (status != VISEME_OK || frames == 0)
        return status;
    const double steps = ratio == 0 ? frames : ratio < 0 ? -ratio : ratio * frames;
    if (steps >= MAX_STEPS + 1)
        return vis_fail(err, VISEME_ERR_LIMIT, "a search of %.0f steps; %d are possible", steps,
                        MAX_STEPS);
    struct search s = {.options = *options,
                       .threads = threads,
                       .beam = options->beam,
                       .tokens = decoder->tokens,
                       .eos = decoder->tokens - 1,
                       .frames = frames,
                       .steps = steps < 1 ? 1 : (int)steps};
    status = open_search(&s, decoder, lm, encoder, ctc_logp, err);
    for (int step = 0; step < s.steps && s.count > 0 && status == VISEME_OK; step++) {
        struct at_step at = {&s, step};
        status = run_writer(&s, &s.decoder, err);
        if (status == VISEME_OK)
            status = run_writer(&s, &s.lm, err);
        if (status != VISEME_OK)
            break;
        vis_threads_run(threads, s.count, score_task, &at);
        status = advance(&s, step, err);
        out->steps = step + 1;
        if (ratio == 0 && nothing_to_come(&s, step))
            break;
    }
    if (status == VISEME_OK)
        status = write_result(out, &s, err);
    close_search(&s);
    if (status != VISEME_OK)
        vis_joint_beam_free(out);
    return status;
}

void vis_joint_beam_free(struct vis_joint_result *result)
{
    for (int i = 0; i < result->count; i++)
        free(result->best[i].tokens);
    free(result->best);
    *result = (struct vis_joint_result){0};
}
