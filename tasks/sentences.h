/* From what a sentence reader's encoder says of windows of a clip to readings with words: each
 * window is searched by itself (nets/joint_beam.h); of two that overlap, the words come from the
 * first up to a time that no word of either spans, if there is one, from the second behind it. */
#ifndef VIS_TASKS_SENTENCES_H
#define VIS_TASKS_SENTENCES_H

#include "engine/model.h"
#include "tasks/decoder.h"

struct vis_sentences;

/* Takes beam, nbest, the language model and the weights from `opts`. Free with
 * vis_sentences_close(). model: of arch "syncvsr", `tokens` of them, must outlive the object.
 * Errors: VISEME_ERR_ARGUMENT (options that do not go with it), VISEME_ERR_MODEL (a vocabulary or a
 * language model that does not fit), VISEME_ERR_NOMEM. */
viseme_status vis_sentences_open(struct vis_sentences **out, const viseme_reader_options *opts,
                                 const viseme_model *model, int tokens, viseme_error *err);
void vis_sentences_close(struct vis_sentences *s);

/* Searches a window: encoder [rows width], ctc_logp [rows tokens], its first row is row `first` of
 * the clip. Windows come in order, and each begins before the one before it ends.
 * Errors: VISEME_ERR_INPUT (NaN, infinities), VISEME_ERR_LIMIT, VISEME_ERR_NOMEM. */
viseme_status vis_sentences_add(struct vis_sentences *s, const float *encoder,
                                const float *ctc_logp, int rows, int64_t first, viseme_error *err);

/* The readings of the clip, row 0 at `start_s`, `rate` rows a second. Free *out with
 * vis_decoded_free(). Of several windows, scores are sums. Errors: VISEME_ERR_NOMEM. */
viseme_status vis_sentences_finish(const struct vis_sentences *s, double start_s, double rate,
                                   struct vis_decoded *out, viseme_error *err);

#endif
