/* Exact CTC decoding under a grammar: the most probable single path whose text is a sentence.
 * Method: Viterbi over (nodes of the grammar x label or blank after it), as for the states of
 * Graves et al. 2006, section 4.1. Scores are kept for every k-th frame only (k about the root of
 * the number of frames) and the frames between are walked again on the way back, so memory grows
 * with the root of the length. */
#ifndef VIS_NETS_CTC_GRAMMAR_H
#define VIS_NETS_CTC_GRAMMAR_H

#include "nets/ctc.h"
#include "nets/grammar.h"

/* logp [T C], frames, classes, blank as in nets/ctc.h; grammar: opened for the same symbols.
 * *out gets one hypothesis; its log_probability is that of the path. Ties go to the state that was
 * made first, so results do not depend on the machine.
 * Errors: VISEME_ERR_INPUT (emissions as in nets/ctc.h; no sentence has a path, because all are
 * longer than the input or need a symbol that is impossible), VISEME_ERR_NOMEM. */
viseme_status vis_ctc_grammar(struct vis_ctc_result *out, const float *logp, int frames,
                              int classes, int blank, const struct vis_grammar *grammar,
                              viseme_error *err);

#endif
