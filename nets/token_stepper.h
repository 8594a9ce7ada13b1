/* Runs a transformer that writes tokens, one position of many hypotheses at a time, on keys and
 * values kept from their earlier positions. Keys and values of the source are computed once; its
 * attention takes all hypotheses as rows of one matrix. */
#ifndef VIS_NETS_TOKEN_STEPPER_H
#define VIS_NETS_TOKEN_STEPPER_H

#include "nets/token_net.h"
#include "nets/token_tree.h"

struct vis_token_stepper;

/* source [frames width]: what a decoder looks at, the rows of the encoder, only read here; NULL
 * and 0 for a language model. frames >= 1 for a decoder.
 * rows   the most hypotheses of a step, >= 1.
 * net and threads must outlive the stepper. One call at a time. Free with vis_token_stepper_free().
 * Errors: VISEME_ERR_ARGUMENT (a source that does not go with the net), VISEME_ERR_NOMEM. */
viseme_status vis_token_stepper_open(struct vis_token_stepper **out,
                                     const struct vis_token_net *net, const float *source,
                                     int frames, int rows, struct vis_threads *threads,
                                     viseme_error *err);
void vis_token_stepper_free(struct vis_token_stepper *stepper);

/* Puts token[i] (0 .. tokens - 1) behind position parent[i] (VIS_TOKEN_NONE: at the beginning),
 * i < count <= rows. Hypotheses may have different lengths, and the same parent.
 * position [count]  receives the new positions, which the caller holds until it releases them.
 * logp [count tokens] receives the log-probabilities of the token after each; the bits of a row
 *                   depend neither on the other rows' contents nor on the number of threads.
 * Errors: VISEME_ERR_NOMEM (then there are no new positions). */
viseme_status vis_token_stepper_step(struct vis_token_stepper *stepper, int count,
                                     const int *parent, const int *token, int *position,
                                     float *logp, viseme_error *err);
/* Lets go of a position; what its children need of it stays. */
void vis_token_stepper_release(struct vis_token_stepper *stepper, int position);

/* Positions that are kept at present, for tests and for the curious. */
int vis_token_stepper_kept(const struct vis_token_stepper *stepper);

#endif
