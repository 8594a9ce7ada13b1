/* CTC decoding: from the emissions of a network to labels.
 * Source: Graves et al. 2006 (CTC); prefix beam search after Hannun et al. 2014. */
#ifndef VIS_NETS_CTC_H
#define VIS_NETS_CTC_H

#include "nets/lm_fusion.h"

/* One labelling of the whole input. */
struct vis_ctc_hypothesis {
    int *labels; /* [length], blanks and CTC repeats removed */
    int length;
    double log_probability; /* natural log; beam: of the labelling (all its paths that the beam
                               kept), greedy, grammar: of the single best path */
    double score;           /* what hypotheses are ranked by: log_probability, and with a language
                               model its weighted score on top */
};

struct vis_ctc_result {
    int count;
    struct vis_ctc_hypothesis *best; /* [count], best first */
};

/* logp  [T C] log-probabilities (rows of log-softmax), T >= 0, C >= 2; NaN, +Inf and a
 * row of nothing but -Inf are VISEME_ERR_INPUT.
 * blank 0 .. C-1.
 * Ties go to the lower label (beam: see nets/ctc_beam.c), so results do not depend on the machine.
 * Free the result with vis_ctc_free(). Errors: VISEME_ERR_NOMEM, VISEME_ERR_INPUT. */
viseme_status vis_ctc_greedy(struct vis_ctc_result *out, const float *logp, int frames, int classes,
                             int blank, viseme_error *err);
/* width >= 1 hypotheses are kept after every frame; at most nbest <= width are returned. */
viseme_status vis_ctc_beam(struct vis_ctc_result *out, const float *logp, int frames, int classes,
                           int blank, int width, int nbest, viseme_error *err);
/* The same, ranked by `score` with a language model opened for the same classes and blank
 * (nets/lm_fusion.h); NULL: none. */
viseme_status vis_ctc_beam_lm(struct vis_ctc_result *out, const float *logp, int frames,
                              int classes, int blank, int width, int nbest,
                              const struct vis_fusion *fusion, viseme_error *err);
void vis_ctc_free(struct vis_ctc_result *result);

/* Text of a labelling: the vocabulary's entries one after the other, a space right after a space
 * dropped and spaces at both ends stripped (LipNet-PyTorch's ctc_arr2txt). `vocab` [classes]
 * UTF-8 strings. The caller frees *text with free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_ctc_text(char **text, const struct vis_ctc_hypothesis *hypothesis,
                           const char *const *vocab, viseme_error *err);

#endif
