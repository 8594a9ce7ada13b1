/* CTC prefix scores: how likely it is that a reading begins with given tokens, or is exactly them,
 * for a search that grows readings token by token.
 * Method: Watanabe et al. 2017, "Hybrid CTC/Attention Architecture for End-to-End Speech
 * Recognition", algorithm 2, in the vector form of Seki et al. 2019 that upstream has
 * (espnet/nets/ctc_prefix_score.py, CTCPrefixScoreTH): float32 logarithms, -1e10 for impossible.
 *
 * Of a prefix h of n tokens, other(t) and blank(t) are the log-probabilities that frames 0 .. t say
 * h and the last of them its last token, or the blank; both(t) is their sum. Then
 *   psi(h c) = log of the sum over t >= max(n, 1) of both(t - 1) p(c at t), for n = 0 and p(c at 0)
 * with blank in place of both where c repeats the last token. psi(h eos) = both(T - 1): h is the
 * whole reading. psi(h blank) = -1e10. */
#ifndef VIS_NETS_CTC_PREFIX_H
#define VIS_NETS_CTC_PREFIX_H

#include "base/error.h"
#include "engine/gemm.h"

#define VIS_CTC_PREFIX_ZERO (-1e10f)

/* The emissions of a clip; read-only once open. */
struct vis_ctc_prefix {
    const struct vis_kernels *kernels;
    int frames, tokens, blank, eos;
    float *columns; /* [tokens frames] log-probabilities, at least -1e10 */
};

/* logp [frames tokens] log-probabilities, only read here; frames >= 1, no NaN or +Inf. eos stands
 * for the beginning of a reading too. Free with vis_ctc_prefix_free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_ctc_prefix_open(struct vis_ctc_prefix *out, const struct vis_kernels *kernels,
                                  const float *logp, int frames, int tokens, int blank, int eos,
                                  viseme_error *err);
void vis_ctc_prefix_free(struct vis_ctc_prefix *prefix);

/* Floats of a prefix's state: other, blank and both [frames] each. */
size_t vis_ctc_prefix_floats(const struct vis_ctc_prefix *prefix);
/* The state of the empty prefix. */
void vis_ctc_prefix_start(const struct vis_ctc_prefix *prefix, float *state);
/* The state `to` of a prefix that `token` (neither blank nor eos) makes longer by one. `from` is
 * the state of `length` tokens of which the last is `last`, eos if there is none. `to` is another
 * state than `from`. */
void vis_ctc_prefix_extend(const struct vis_ctc_prefix *prefix, const float *from, int length,
                           int last, int token, float *to);
/* psi [tokens] of the prefix followed by each token: of eos, and of the `count` candidates (NULL:
 * of all tokens); -1e10 for the others. room [frames + 1] is overwritten. */
void vis_ctc_prefix_score(const struct vis_ctc_prefix *prefix, const float *state, int length,
                          int last, const int *candidates, int count, float *psi, float *room);

#endif
