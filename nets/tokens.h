/* Sub-word tokens: the vocabulary of a sentence reader, its text, and when its words are said. */
#ifndef VIS_NETS_TOKENS_H
#define VIS_NETS_TOKENS_H

#include "engine/model.h"
#include "nets/ctc_align.h"

/* "<blank>", the units, "<eos>": a unit that begins a word begins with the mark of a space. */
struct vis_tokens {
    const char *const *text; /* [count] UTF-8, of the model */
    int count;
    const char *mark; /* "space" of the config; U+2581 where it has none */
};

/* The vocabulary of a model (viseme.vocab) whose network has `count` tokens; it lives as long as
 * the model. Errors: VISEME_ERR_MODEL (none, another number of tokens, an empty one, it does not go
 * from "<blank>" to "<eos>", or a mark of nothing). */
viseme_status vis_tokens_open(struct vis_tokens *out, const viseme_model *model, int count,
                              viseme_error *err);

/* Text of tokens [length], 0 .. count - 1, the beginning not among them, by upstream's rule: one
 * behind the other, "<space>" and the mark become spaces, white space at both ends is dropped, and
 * last of all "<eos>" is: a bare mark before it leaves a space. "<unk>" and "<blank>" stay.
 * The caller frees *text with free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_tokens_text(char **text, const struct vis_tokens *tokens, const int *ids,
                              int length, viseme_error *err);

/* Words of tokens [length] aligned to CTC's log-probabilities [frames count], as vis_ctc_words()
 * has them: first and last frame, and confidence by the frames between them. Blanks and ends among
 * the tokens are in no word. Where the frames are too few for the tokens, the words share them
 * evenly and have confidence 0.
 * Free with vis_ctc_words_free(). Errors: VISEME_ERR_INPUT, VISEME_ERR_LIMIT (vis_ctc_align()),
 * VISEME_ERR_NOMEM. */
viseme_status vis_tokens_words(struct vis_ctc_words *out, const struct vis_tokens *tokens,
                               const int *ids, int length, const float *ctc_logp, int frames,
                               viseme_error *err);

#endif
