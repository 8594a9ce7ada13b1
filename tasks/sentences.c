#include "tasks/sentences.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/threads.h"
#include "nets/joint_beam.h"
#include "nets/tokens.h"

enum {
    DEFAULT_BEAM = 40, /* upstream's, likewise both weights */
    GUARD = 20         /* rows of an overlap at either end in which it is not cut */
};
#define DEFAULT_CTC_WEIGHT 0.1
#define DEFAULT_LM_WEIGHT  0.3

/* One reading of one window. */
struct reading {
    char *text;                 /* of all its tokens */
    struct vis_ctc_words words; /* rows of the clip */
    double score, log_probability;
};

struct window {
    int64_t first, rows;
    int64_t begin; /* rows from here on are read from it */
    struct reading *readings;
    int count;
};

struct vis_sentences {
    struct vis_tokens tokens;
    const struct vis_token_net *decoder, *lm;
    struct vis_joint_options options;
    struct vis_threads *threads;
    struct window *windows;
    int count, room;
};

/* ---- Options ----------------------------------------------------------------------------------
 */

static viseme_status take_options(struct vis_joint_options *out, const viseme_reader_options *opts,
                                  viseme_error *err)
{
    const int beam = opts->beam ? opts->beam : DEFAULT_BEAM;
    if (opts->lm_arpa || opts->grammar)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s is for networks that emit letters; this one writes tokens",
                        opts->lm_arpa ? "language model in the ARPA format" : "grammar");
    if (opts->beam < 0 || opts->beam > VIS_JOINT_MAX_BEAM)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a beam of %d; 1 to %d are possible", opts->beam,
                        (int)VIS_JOINT_MAX_BEAM);
    if (opts->nbest < 0 || opts->nbest > beam)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%d readings asked for from a beam of %d; ask for a wider beam",
                        opts->nbest, beam);
    if (!((opts->ctc_weight >= 0 && opts->ctc_weight <= 1) || opts->ctc_weight == -1))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a weight of CTC of %g; 0 to 1 are possible",
                        opts->ctc_weight);
    if (!(opts->lm_weight >= 0 && opts->lm_weight <= 100))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a language model's weight of %g; 0 to 100 are possible", opts->lm_weight);
    if (!(opts->length_bonus >= -100 && opts->length_bonus <= 100))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a bonus for length of %g; -100 to 100 are possible", opts->length_bonus);
    *out = (struct vis_joint_options){.beam = beam,
                                      .nbest = opts->nbest ? opts->nbest : 1,
                                      .ctc_weight = opts->ctc_weight > 0   ? opts->ctc_weight
                                                    : opts->ctc_weight < 0 ? 0
                                                                           : DEFAULT_CTC_WEIGHT,
                                      .lm_weight = !opts->token_lm       ? 0
                                                   : opts->lm_weight > 0 ? opts->lm_weight
                                                                         : DEFAULT_LM_WEIGHT,
                                      .length_bonus = opts->length_bonus};
    return VISEME_OK;
}

viseme_status vis_sentences_open(struct vis_sentences **out, const viseme_reader_options *opts,
                                 const viseme_model *model, int tokens, viseme_error *err)
{
    struct vis_sentences *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    viseme_status status = take_options(&s->options, opts, err);
    if (status == VISEME_OK)
        status = vis_tokens_open(&s->tokens, model, tokens, err);
    if (status == VISEME_OK)
        status = vis_token_net_open(&s->decoder, model, VIS_TOKEN_DECODER, err);
    if (status == VISEME_OK && opts->token_lm)
        status = vis_token_net_open(&s->lm, opts->token_lm, VIS_TOKEN_LM, err);
    if (status == VISEME_OK && s->lm && s->lm->tokens != tokens)
        status =
            vis_fail(err, VISEME_ERR_MODEL, "%s: a language model of %d tokens; the network has %d",
                     vis_weights_name(vis_model_weights(opts->token_lm)), s->lm->tokens, tokens);
    if (status == VISEME_OK)
        status = vis_threads_open(&s->threads, opts->threads, err);
    if (status != VISEME_OK) {
        vis_sentences_close(s);
        return status;
    }
    *out = s;
    return VISEME_OK;
}

static void free_window(struct window *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->readings[i].text);
        vis_ctc_words_free(&w->readings[i].words);
    }
    free(w->readings);
}

void vis_sentences_close(struct vis_sentences *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->count; i++)
        free_window(&s->windows[i]);
    free(s->windows);
    vis_threads_close(s->threads);
    free(s);
}

/* ---- Windows ----------------------------------------------------------------------------------
 */

/* The words of the window's best reading that are said both before and after row `cut` begins. */
static int spans(const struct window *w, int64_t cut)
{
    int count = 0;
    for (int i = 0; w->count > 0 && i < w->readings[0].words.count; i++) {
        const struct vis_ctc_word *word = &w->readings[0].words.items[i];
        count += w->first + word->first < cut && w->first + word->last >= cut;
    }
    return count;
}

/* Where the words of two windows meet: spanned by as few of them as can be, and near the middle. */
static int64_t find_cut(const struct window *a, const struct window *b)
{
    const int64_t end = a->first + a->rows, middle = (b->first + end) / 2;
    const int64_t reach = (end - b->first) / 2 - GUARD;
    int64_t best = middle;
    int least = spans(a, middle) + spans(b, middle);
    for (int64_t d = 1; d <= reach && least > 0; d++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const int64_t cut = middle + sign * d;
            const int count = spans(a, cut) + spans(b, cut);
            if (count < least) {
                least = count;
                best = cut;
            }
        }
    return best;
}

static viseme_status keep_reading(const struct vis_sentences *s, struct reading *out,
                                  const struct vis_joint_hypothesis *found, const float *ctc_logp,
                                  int rows, viseme_error *err)
{
    viseme_status status =
        vis_tokens_text(&out->text, &s->tokens, found->tokens, found->length, err);
    if (status == VISEME_OK)
        status = vis_tokens_words(&out->words, &s->tokens, found->tokens, found->length, ctc_logp,
                                  rows, err);
    out->score = (double)found->score;
    out->log_probability = (double)(s->options.ctc_weight < 1 ? found->decoder : found->ctc);
    return status;
}

viseme_status vis_sentences_add(struct vis_sentences *s, const float *encoder,
                                const float *ctc_logp, int rows, int64_t first, viseme_error *err)
{
    struct vis_joint_result found = {0};
    if (s->count == s->room) {
        const int room = s->room ? 2 * s->room : 4;
        struct window *windows = realloc(s->windows, (size_t)room * sizeof *windows);
        if (!windows)
            return vis_fail_nomem(err, (size_t)room * sizeof *windows);
        s->windows = windows;
        s->room = room;
    }
    viseme_status status = vis_joint_beam(&found, s->decoder, s->lm, encoder, ctc_logp, rows,
                                          &s->options, s->threads, err);
    if (status != VISEME_OK)
        return status;
    struct window *w = &s->windows[s->count++];
    *w = (struct window){.first = first, .rows = rows};
    w->readings = calloc((size_t)found.count + 1, sizeof *w->readings);
    if (!w->readings)
        status = vis_fail_nomem(err, ((size_t)found.count + 1) * sizeof *w->readings);
    for (int i = 0; i < found.count && status == VISEME_OK; i++, w->count++)
        status = keep_reading(s, &w->readings[i], &found.best[i], ctc_logp, rows, err);
    if (s->count > 1)
        w->begin = find_cut(&s->windows[s->count - 2], w);
    vis_joint_beam_free(&found);
    return status;
}

/* ---- The whole clip ---------------------------------------------------------------------------
 */

/* Whether a word is read from window i, by its middle. */
static int belongs(const struct vis_sentences *s, int i, const struct vis_ctc_word *word)
{
    const struct window *w = &s->windows[i];
    const int64_t twice = 2 * w->first + word->first + word->last + 1;
    return (i == 0 || twice >= 2 * w->begin) &&
           (i == s->count - 1 || twice < 2 * s->windows[i + 1].begin);
}

/* Whether two readings of window i give the clip the same words. */
static int same_words(const struct vis_sentences *s, int i, const struct reading *a,
                      const struct reading *b)
{
    int j = 0, k = 0;
    for (;; j++, k++) {
        while (j < a->words.count && !belongs(s, i, &a->words.items[j]))
            j++;
        while (k < b->words.count && !belongs(s, i, &b->words.items[k]))
            k++;
        if (j == a->words.count || k == b->words.count)
            return j == a->words.count && k == b->words.count;
        if (strcmp(a->words.items[j].text, b->words.items[k].text) != 0)
            return 0;
    }
}

/* The readings of window i that differ, by rank: how many, and which. */
static int distinct(const struct vis_sentences *s, int i, int *which)
{
    const struct window *w = &s->windows[i];
    int count = 0;
    for (int k = 0; k < w->count; k++) {
        int known = 0;
        for (int j = 0; j < count && !known; j++)
            known = same_words(s, i, &w->readings[which[j]], &w->readings[k]);
        if (!known)
            which[count++] = k;
    }
    return count;
}

/* A reading of the clip so far: one of each window. */
struct chain {
    double score, log_probability;
    int rank;    /* among those of equal score the first stays first */
    int *choice; /* [windows] */
};

static int by_score(const void *a, const void *b)
{
    const struct chain *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : x->rank - y->rank;
}

static void free_chains(struct chain *chains, int count)
{
    for (int i = 0; i < count; i++)
        free(chains[i].choice);
    free(chains);
}

/* `from` with reading k of window i behind it. */
static viseme_status extend(const struct vis_sentences *s, const struct chain *from, int i, int k,
                            int rank, struct chain *out, viseme_error *err)
{
    const size_t bytes = (size_t)s->count * sizeof *out->choice;
    const struct reading *r = &s->windows[i].readings[k];
    *out = (struct chain){from->score + r->score, from->log_probability + r->log_probability, rank,
                          malloc(bytes)};
    if (!out->choice)
        return vis_fail_nomem(err, bytes);
    memcpy(out->choice, from->choice, bytes);
    out->choice[i] = k;
    return VISEME_OK;
}

/* The best `nbest` of all chains with all readings of window i: (*chains)[*count], best first. */
static viseme_status add_window(const struct vis_sentences *s, int i, struct chain **chains,
                                int *count, viseme_error *err)
{
    const int have = s->windows[i].count, most = s->options.nbest, before = *count;
    int *which = malloc(((size_t)have + 1) * sizeof *which), more = 0;
    struct chain *next = calloc((size_t)before * ((size_t)have + 1), sizeof *next);
    viseme_status status = VISEME_OK;
    if (!which || !next)
        status = vis_fail_nomem(err, (size_t)before * ((size_t)have + 1) * sizeof *next);
    int kinds = have;
    for (int k = 0; k < have && which; k++)
        which[k] = k;
    if (which && s->count > 1) /* what another window gives may be all that they differ in */
        kinds = distinct(s, i, which);
    for (int c = 0; c < before && status == VISEME_OK; c++) /* both are ranked */
        for (int k = 0; k < kinds && status == VISEME_OK && (c + 1) * (k + 1) <= most; k++, more++)
            status = extend(s, &(*chains)[c], i, which[k], more, &next[more], err);
    free(which);
    if (status != VISEME_OK) {
        if (next)
            free_chains(next, more);
        return status;
    }
    if (more > 0)
        qsort(next, (size_t)more, sizeof *next, by_score);
    for (int c = most; c < more; c++)
        free(next[c].choice);
    free_chains(*chains, before);
    *chains = next;
    *count = more < most ? more : most;
    return VISEME_OK;
}

/* The words that a chain has of each window, and how sure the network is of them. */
static viseme_status collect_words(const struct vis_sentences *s, const struct chain *chain,
                                   double start_s, double rate, viseme_word *out, size_t *count,
                                   double *confidence, viseme_error *err)
{
    double sum = 0, rows = 0, silent = 0, all = 0;
    for (int i = 0; i < s->count; i++) {
        const struct window *w = &s->windows[i];
        const struct vis_ctc_words *words = &w->readings[chain->choice[i]].words;
        silent += log(words->confidence) * (double)w->rows;
        all += (double)w->rows;
        for (int k = 0; k < words->count; k++) {
            const struct vis_ctc_word *word = &words->items[k];
            const int length = word->last - word->first + 1;
            if (!belongs(s, i, word))
                continue;
            out[*count] = (viseme_word){
                strdup(word->text), start_s + (double)(w->first + word->first) / rate,
                start_s + (double)(w->first + word->last + 1) / rate, word->confidence};
            if (!out[*count].text)
                return vis_fail_nomem(err, strlen(word->text) + 1);
            (*count)++;
            sum += log(word->confidence) * length;
            rows += length;
        }
    }
    *confidence = rows > 0 ? exp(sum / rows) : exp(silent / all);
    return VISEME_OK;
}

static viseme_status keep_chain(const struct vis_sentences *s, const struct chain *chain,
                                double start_s, double rate, struct vis_decoded *out,
                                viseme_error *err)
{
    const size_t at = out->count++;
    viseme_hypothesis *best = &out->best[at];
    size_t room = 1;
    for (int i = 0; i < s->count; i++)
        room += (size_t)s->windows[i].readings[chain->choice[i]].words.count;
    out->words[at] = calloc(room, sizeof *out->words[at]);
    if (!out->words[at])
        return vis_fail_nomem(err, room * sizeof *out->words[at]);
    best->score = chain->score;
    best->log_probability = chain->log_probability;
    viseme_status status = collect_words(s, chain, start_s, rate, out->words[at],
                                         &out->word_count[at], &best->confidence, err);
    if (status != VISEME_OK)
        return status;
    best->text = s->count == 1 ? strdup(s->windows[0].readings[chain->choice[0]].text)
                               : vis_decoded_text(out->words[at], out->word_count[at]);
    return best->text ? VISEME_OK : vis_fail_nomem(err, room);
}

viseme_status vis_sentences_finish(const struct vis_sentences *s, double start_s, double rate,
                                   struct vis_decoded *out, viseme_error *err)
{
    struct chain *chains = calloc(1, sizeof *chains);
    int count = 1;
    viseme_status status = VISEME_OK;
    *out = (struct vis_decoded){0};
    if (chains)
        chains->choice = calloc((size_t)s->count + 1, sizeof *chains->choice);
    if (!chains || !chains->choice)
        status = vis_fail_nomem(err, sizeof *chains);
    for (int i = 0; i < s->count && status == VISEME_OK; i++)
        status = add_window(s, i, &chains, &count, err);
    if (status == VISEME_OK)
        status = vis_decoded_room(out, (size_t)count, err);
    for (int i = 0; i < count && status == VISEME_OK; i++)
        status = keep_chain(s, &chains[i], start_s, rate, out, err);
    if (chains)
        free_chains(chains, count);
    if (status != VISEME_OK)
        vis_decoded_free(out);
    return status;
}
