/* From emissions to readings with words: what viseme_reader does after the network. */
#ifndef VIS_TASKS_DECODER_H
#define VIS_TASKS_DECODER_H

#include "base/error.h"

struct vis_decoder;
struct vis_kernels;

/* Readings of one clip. */
struct vis_decoded {
    size_t count;
    viseme_hypothesis *best; /* [count], best first */
    viseme_word **words;     /* [count][word_count[i]] */
    size_t *word_count;      /* [count] */
};

/* Takes beam, nbest, the language model and the grammar from `opts`, which may not ask for both.
 * vocab [classes]: the network's symbols, must outlive the decoder. Free with vis_decoder_close().
 * Errors: VISEME_ERR_ARGUMENT (options that do not go together, a bad grammar),
 * VISEME_ERR_MODEL (a bad language model, or one for other symbols), VISEME_ERR_LIMIT,
 * VISEME_ERR_NOMEM. */
viseme_status vis_decoder_open(struct vis_decoder **out, const viseme_reader_options *opts,
                               const char *const *vocab, int classes, int blank, viseme_error *err);
void vis_decoder_close(struct vis_decoder *decoder);

/* logits [T C] before softmax, `rate` rows a second, the first one at `start_s`. Free *out with
 * vis_decoded_free(). Errors: VISEME_ERR_INPUT (logits that are not numbers, no sentence of the
 * grammar is that short), VISEME_ERR_LIMIT, VISEME_ERR_NOMEM. */
viseme_status vis_decoder_run(const struct vis_decoder *decoder, const struct vis_kernels *kernels,
                              const float *logits, int rows, double start_s, double rate,
                              struct vis_decoded *out, viseme_error *err);
void vis_decoded_free(struct vis_decoded *decoded);

/* Room for `count` readings in *out, none of them there. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_decoded_room(struct vis_decoded *out, size_t count, viseme_error *err);
/* Words with single spaces between them; free with free(). NULL: out of memory. */
char *vis_decoded_text(const viseme_word *words, size_t count);

#endif
