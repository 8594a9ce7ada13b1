#include "tasks/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model.h"
#include "nets/ctc.h"
#include "nets/ctc_align.h"
#include "nets/ctc_grammar.h"

/* Chosen as docs/confidence.md says. */
#define DEFAULT_LM_WEIGHT 0.25
enum { DEFAULT_LM_BEAM = 64 };

/* Nothing said for this long ends a word, also where the network shows no space. */
#define PAUSE_SECONDS 0.6

struct vis_decoder {
    const char *const *vocab;
    int classes, blank, space, beam, nbest; /* space: -1 when the vocabulary has none */
    struct vis_arpa *arpa;
    struct vis_fusion *fusion;
    struct vis_grammar *grammar;
};

static viseme_status check_options(const viseme_reader_options *opts, viseme_error *err)
{
    int beam = opts->beam ? opts->beam : opts->lm_arpa ? DEFAULT_LM_BEAM : 1;
    if (opts->beam < 0 || opts->beam > 1000)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a beam of %d; 1 to 1000 are possible",
                        opts->beam);
    if (opts->nbest < 0 || opts->nbest > beam)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%d readings asked for from a beam of %d; ask for a wider beam",
                        opts->nbest, beam);
    if (!(opts->lm_weight >= 0 && opts->lm_weight <= 100))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a language model's weight of %g; 0 to 100 are possible", opts->lm_weight);
    if (opts->grammar && (opts->lm_arpa || opts->beam > 1))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a grammar is searched as a whole, without a beam or a language model");
    return VISEME_OK;
}

static int find_space(const char *const *vocab, int classes)
{
    for (int i = 0; i < classes; i++)
        if (strcmp(vocab[i], " ") == 0)
            return i;
    return -1;
}

viseme_status vis_decoder_open(struct vis_decoder **out, const viseme_reader_options *opts,
                               const char *const *vocab, int classes, int blank, viseme_error *err)
{
    *out = NULL;
    viseme_status status = check_options(opts, err);
    if (status != VISEME_OK)
        return status;
    struct vis_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return vis_fail_nomem(err, sizeof *d);
    *d = (struct vis_decoder){.vocab = vocab,
                              .classes = classes,
                              .blank = blank,
                              .space = find_space(vocab, classes),
                              .beam = opts->beam      ? opts->beam
                                      : opts->lm_arpa ? DEFAULT_LM_BEAM
                                                      : 1,
                              .nbest = opts->nbest ? opts->nbest : 1};
    if (opts->lm_arpa)
        status = vis_arpa_parse(&d->arpa, opts->lm_arpa, opts->lm_bytes, err);
    if (d->arpa)
        status = vis_fusion_open(&d->fusion, d->arpa, vocab, classes, blank,
                                 opts->lm_weight > 0 ? opts->lm_weight : DEFAULT_LM_WEIGHT, err);
    if (opts->grammar)
        status = vis_grammar_open(&d->grammar, opts->grammar, opts->grammar_bytes, vocab, classes,
                                  blank, err);
    if (status != VISEME_OK) {
        vis_decoder_close(d);
        return status;
    }
    *out = d;
    return VISEME_OK;
}

void vis_decoder_close(struct vis_decoder *d)
{
    if (!d)
        return;
    vis_fusion_free(d->fusion);
    vis_arpa_free(d->arpa);
    vis_grammar_free(d->grammar);
    free(d);
}

/* When rows are. */
struct timing {
    double start_s, rate;
};

/* Aligns the labelling, marks the pauses in it and hands its words over to *list. */
static viseme_status find_words(const struct vis_decoder *d, const float *logp, int rows,
                                const struct timing *timing, struct vis_ctc_hypothesis *found,
                                viseme_hypothesis *best, viseme_word **list, size_t *count,
                                viseme_error *err)
{
    struct vis_ctc_alignment path;
    struct vis_ctc_words words;
    viseme_status status =
        vis_ctc_align(&path, logp, rows, d->classes, d->blank, found->labels, found->length, err);
    if (status != VISEME_OK)
        return status;
    if (d->space >= 0)
        status =
            vis_ctc_mark_pauses(&path, found, d->space, (int)(PAUSE_SECONDS * timing->rate), err);
    if (status == VISEME_OK)
        status = vis_ctc_words(&words, &path, rows, found->labels, found->length, d->vocab, err);
    vis_ctc_alignment_free(&path);
    if (status != VISEME_OK)
        return status;
    best->confidence = words.confidence;
    *list = calloc((size_t)words.count + 1, sizeof **list);
    if (*list) {
        for (int i = 0; i < words.count; i++) {
            struct vis_ctc_word *w = &words.items[i];
            (*list)[i] =
                (viseme_word){w->text, timing->start_s + w->first / timing->rate,
                              timing->start_s + (w->last + 1) / timing->rate, w->confidence};
            w->text = NULL; /* the list's now */
        }
        *count = (size_t)words.count;
    } else {
        status = vis_fail_nomem(err, ((size_t)words.count + 1) * sizeof **list);
    }
    vis_ctc_words_free(&words);
    return status;
}

static viseme_status keep_all(const struct vis_decoder *d, const float *logp, int rows,
                              const struct timing *timing, struct vis_ctc_result *found,
                              struct vis_decoded *out, viseme_error *err)
{
    viseme_status status = vis_decoded_room(out, (size_t)found->count, err);
    for (int i = 0; i < found->count && status == VISEME_OK; i++) {
        struct vis_ctc_hypothesis *h = &found->best[i];
        size_t at = out->count++;
        out->best[at] = (viseme_hypothesis){NULL, h->log_probability, h->score, 0};
        status = find_words(d, logp, rows, timing, h, &out->best[at], &out->words[at],
                            &out->word_count[at], err);
        char *text;
        if (status == VISEME_OK)
            status = vis_ctc_text(&text, h, d->vocab, err);
        if (status == VISEME_OK)
            out->best[at].text = text;
    }
    return status;
}

viseme_status vis_decoder_run(const struct vis_decoder *d, const struct vis_kernels *kernels,
                              const float *logits, int rows, double start_s, double rate,
                              struct vis_decoded *out, viseme_error *err)
{
    struct vis_ctc_result found = {0};
    viseme_status status = VISEME_OK;
    size_t row = (size_t)d->classes;
    *out = (struct vis_decoded){0};
    float *logp = malloc((size_t)rows * row * sizeof *logp);
    if (!logp)
        return vis_fail_nomem(err, (size_t)rows * row * sizeof *logp);
    for (size_t t = 0; t < (size_t)rows; t++)
        kernels->log_softmax_f32(logp + t * row, logits + t * row, d->classes);
    if (d->grammar)
        status = vis_ctc_grammar(&found, logp, rows, d->classes, d->blank, d->grammar, err);
    else if (d->beam > 1 || d->fusion)
        status = vis_ctc_beam_lm(&found, logp, rows, d->classes, d->blank, d->beam, d->nbest,
                                 d->fusion, err);
    else
        status = vis_ctc_greedy(&found, logp, rows, d->classes, d->blank, err);
    if (status == VISEME_OK)
        status = keep_all(d, logp, rows, &(struct timing){start_s, rate}, &found, out, err);
    if (status != VISEME_OK)
        vis_decoded_free(out);
    vis_ctc_free(&found);
    free(logp);
    return status;
}

viseme_status vis_decoded_room(struct vis_decoded *out, size_t count, viseme_error *err)
{
    const size_t n = count + 1;
    *out = (struct vis_decoded){.best = calloc(n, sizeof *out->best),
                                .words = calloc(n, sizeof *out->words),
                                .word_count = calloc(n, sizeof *out->word_count)};
    if (out->best && out->words && out->word_count)
        return VISEME_OK;
    vis_decoded_free(out);
    return vis_fail_nomem(err,
                          n * (sizeof *out->best + sizeof *out->words + sizeof *out->word_count));
}

char *vis_decoded_text(const viseme_word *words, size_t count)
{
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(words[i].text) + 1;
    char *text = malloc(bytes), *to = text;
    if (!text)
        return NULL;
    *to = '\0';
    for (size_t i = 0; i < count; i++) {
        to = stpcpy(to, i ? " " : "");
        to = stpcpy(to, words[i].text);
    }
    return text;
}

void vis_decoded_free(struct vis_decoded *decoded)
{
    for (size_t i = 0; i < decoded->count; i++) {
        for (size_t k = 0; k < decoded->word_count[i]; k++)
            free((char *)decoded->words[i][k].text);
        free(decoded->words[i]);
        free((char *)decoded->best[i].text);
    }
    free(decoded->words);
    free(decoded->word_count);
    free(decoded->best);
    *decoded = (struct vis_decoded){0};
}
