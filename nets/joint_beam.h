/* Beam search for the tokens of a clip, scored by an attention decoder, by CTC, and by a language
 * model if there is one. Source: Watanabe et al. 2017, "Hybrid CTC/Attention Architecture for
 * End-to-End Speech Recognition"; the rules are those of upstream's batched search
 * (espnet/nets/batch_beam_search.py), scores in float32:
 *
 * - every step scores all tokens behind all running hypotheses and keeps the best `beam` pairs;
 *   those that chose eos leave, and the next step keeps a whole beam again;
 * - total = total before + (1 - ctc_weight) decoder + lm_weight lm + length_bonus + ctc_weight
 *   (psi - psi before); a scorer of weight 0 is left out; there is no length normalisation;
 * - CTC scores the 1.5 beam tokens that the decoder likes best, and eos; of others psi is -1e10.
 *   It scores all if there are not more, or if its weight is 1. The blank is not taken even if the
 *   beam has room for all tokens (upstream takes it then, and gets the 1e10 back at the next step);
 * - with maxlen_ratio 0 the search ends when, for each of the lengths of hypotheses that ended 2,
 *   3 and 4 steps ago, the best is more than 10 below the best of all;
 * - after the last step allowed, eos is put behind what is left, unscored, behind those too that
 *   have just chosen it.
 *
 * Token 0 is the blank, the last token eos and the beginning. Among equal totals the hypothesis
 * that ranked higher comes first, then the lower token; among equal ends the earlier. */
#ifndef VIS_NETS_JOINT_BEAM_H
#define VIS_NETS_JOINT_BEAM_H

#include "nets/token_net.h"

enum { VIS_JOINT_MAX_BEAM = 1000 };

struct vis_joint_options {
    int beam;            /* 1 to VIS_JOINT_MAX_BEAM; upstream has 40 */
    int nbest;           /* 1 to VIS_JOINT_MAX_BEAM: how many hypotheses are returned at most */
    double ctc_weight;   /* 0 to 1; upstream has 0.1 */
    double lm_weight;    /* 0 to 100; 0: the language model is not asked */
    double length_bonus; /* -100 to 100, for every token */
    double maxlen_ratio; /* 0: at most as many steps as frames, with end detection; above 0, to
                            1000: that many for each frame; -n: n steps (1 to 100000) */
};

/* A hypothesis that ended. */
struct vis_joint_hypothesis {
    int *tokens; /* [length], eos at the end included, twice where it was put behind one */
    int length;
    float score;                          /* what it is ranked by */
    float decoder, ctc, lm, length_bonus; /* what each scorer gave, without weights */
};

struct vis_joint_result {
    int count;
    struct vis_joint_hypothesis *best; /* [count], best first */
    int steps, ended;                  /* how many there were */
};

/* encoder [frames width], ctc_logp [frames tokens]: of the clip. frames >= 0; 0: no hypothesis.
 * decoder, lm (NULL: none) as opened by vis_token_net_open(), for the same tokens.
 * Results are the same for any number of threads. Free with vis_joint_beam_free().
 * Errors: VISEME_ERR_ARGUMENT (options), VISEME_ERR_MODEL (a language model for other tokens),
 * VISEME_ERR_INPUT (NaN or infinities), VISEME_ERR_LIMIT, VISEME_ERR_NOMEM. */
viseme_status vis_joint_beam(struct vis_joint_result *out, const struct vis_token_net *decoder,
                             const struct vis_token_net *lm, const float *encoder,
                             const float *ctc_logp, int frames,
                             const struct vis_joint_options *options, struct vis_threads *threads,
                             viseme_error *err);
void vis_joint_beam_free(struct vis_joint_result *result);

#endif
