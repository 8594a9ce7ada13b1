/* A language model at work in the beam search: what a label more or the end adds to a reading.
 *
 * The model scores the text as it is printed: spaces at both ends and a space after a space count
 * nothing. A model with the word <sp> is one of characters: every symbol of the network is one of
 * its words, and a space counts when the next symbol follows. Any other is one of words: a word
 * counts when its space or the end follows. Where the model has <s> the text begins with it, where
 * it has </s> the text ends with it; what the model does not know is <unk>.
 * Method: Hannun et al. 2014, equation 3 ("shallow fusion"), without its word bonus. */
#ifndef VIS_NETS_LM_FUSION_H
#define VIS_NETS_LM_FUSION_H

#include "nets/arpa.h"

struct vis_fusion;

/* How far the model has read a labelling. Copied freely. */
struct vis_lm_state {
    int history[VIS_ARPA_MAX_ORDER - 1]; /* [count] words, oldest first */
    int count;
    int begun, spaced; /* a symbol that is not a space was read; a space since */
    int low, high;     /* word models: the words that begin like the one being spelt */
    int depth;         /* its bytes so far; 0 between words */
};

/* arpa, vocab [classes]: must outlive the fusion. vocab[blank] is not asked for.
 * Where all the model's letters (a-z) are of one case and the network's of the other, the
 * network's are taken in the model's case.
 * weight: > 0, what natural logarithms of the model's probabilities are multiplied by.
 * Free with vis_fusion_free(). Errors: VISEME_ERR_MODEL (a character model without a symbol of the
 * network and without <unk>; a network without a space), VISEME_ERR_NOMEM. */
viseme_status vis_fusion_open(struct vis_fusion **out, const struct vis_arpa *arpa,
                              const char *const *vocab, int classes, int blank, double weight,
                              viseme_error *err);
void vis_fusion_free(struct vis_fusion *fusion);

/* The state before the first label. */
void vis_fusion_start(const struct vis_fusion *fusion, struct vis_lm_state *state);

/* What `label` (not the blank) after `from` adds to a reading's score: weighted, at most 0. *to is
 * the state after it; NULL when not wanted; may be `from`. */
double vis_fusion_extend(const struct vis_fusion *fusion, const struct vis_lm_state *from,
                         int label, struct vis_lm_state *to);

/* What the end of the text after `from` adds: a word model's last word, and </s>. */
double vis_fusion_end(const struct vis_fusion *fusion, const struct vis_lm_state *from);

#endif
