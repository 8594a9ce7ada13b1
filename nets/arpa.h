/* N-gram language models in the ARPA text format.
 * Source: the format as Doug Paul's and SRILM's documents describe it (ngram-format(5)); back-off
 * after Katz 1987.
 *
 * A model is a trie: an n-gram is the (n-1)-gram of its first words and one word more. Each order
 * is one sorted array, 16 bytes an n-gram. */
#ifndef VIS_NETS_ARPA_H
#define VIS_NETS_ARPA_H

#include "base/error.h"

struct vis_arpa;

enum { VIS_ARPA_MAX_ORDER = 10, VIS_ARPA_NO_WORD = -1 };

/* Reads a model from memory; `text` [bytes] needs no final NUL and is not kept.
 *
 * Every field is checked: sections in order with as many lines as \data\ says, numbers, words that
 * are unigrams, n-grams whose first words are an n-gram too, nothing twice. A log10 probability
 * below -99 (or "-inf") counts as -99. Text before \data\ and after \end\ is skipped.
 *
 * *out is NULL on failure; free it with vis_arpa_free().
 * Errors: VISEME_ERR_MODEL (names the line), VISEME_ERR_LIMIT (over 1 GiB of text),
 * VISEME_ERR_NOMEM. */
viseme_status vis_arpa_parse(struct vis_arpa **out, const char *text, size_t bytes,
                             viseme_error *err);
void vis_arpa_free(struct vis_arpa *lm);

/* The longest n-grams have this many words: 1 to VIS_ARPA_MAX_ORDER. */
int vis_arpa_order(const struct vis_arpa *lm);

/* Words are numbered 0 .. count-1 in the order of their bytes, a prefix before what it begins. */
int vis_arpa_word_count(const struct vis_arpa *lm);
/* Word i and its length in bytes; not terminated, lives as long as the model. */
const char *vis_arpa_word(const struct vis_arpa *lm, int i, size_t *bytes);
/* The word's number, or VIS_ARPA_NO_WORD. */
int vis_arpa_find(const struct vis_arpa *lm, const char *word, size_t bytes);

/* Spelling a word byte by byte. [*low, *high) are the words that begin with the `depth` bytes so
 * far (at first depth 0 and all words); narrows them to those that go on with `byte`. */
void vis_arpa_narrow(const struct vis_arpa *lm, int *low, int *high, size_t depth, char byte);

/* Natural logarithm of the probability of `word` after history[0 .. count-1] (oldest first; only
 * the last order-1 matter), by back-off; never above 0. VIS_ARPA_NO_WORD as the word has log10
 * probability -99, and in the history stands for a word no n-gram has. */
double vis_arpa_score(const struct vis_arpa *lm, const int *history, int count, int word);

#endif
