/* Word and character error rates.
 *
 * Normalisation, in this order, of UTF-8 text: letters to lower case (one code point to one);
 * apostrophes (' and U+2019) between two letters or digits become '; everything else that is
 * neither letter, digit, combining mark (U+0300 to U+036F) nor white space is dropped, and leaves
 * no gap: "well-known" is one word; white space separates words. Classes and cases of code points
 * are those of the C library's C.UTF-8 locale (of ASCII alone, where that locale is missing).
 * Composed and decomposed accents are not made equal. */
#ifndef VIS_CLI_WER_H
#define VIS_CLI_WER_H

#include "base/error.h"

/* Normalised text: code points of words with one space (32) between them. */
struct vis_words {
    uint32_t *points; /* [count]; owned */
    size_t count;
};

struct vis_edits {
    uint64_t substitutions, deletions, insertions;
    uint64_t reference; /* words or characters of the reference */
};

struct vis_normaliser;

/* Returns VISEME_OK or VISEME_ERR_NOMEM. Close with vis_normaliser_close(); NULL is allowed. */
viseme_status vis_normaliser_open(struct vis_normaliser **out, viseme_error *err);
void vis_normaliser_close(struct vis_normaliser *n);

/* Normalises `bytes` bytes of UTF-8. Free with vis_words_free().
 * Returns VISEME_OK, VISEME_ERR_INPUT (not UTF-8) or VISEME_ERR_NOMEM. */
viseme_status vis_normalise(struct vis_words *out, const struct vis_normaliser *n, const char *text,
                            size_t bytes, viseme_error *err);
void vis_words_free(struct vis_words *words);

/* Adds the edits of a best alignment (fewest edits, each costs one) to *sum. Among equally good
 * alignments, from the ends backwards: a match or substitution before a deletion before an
 * insertion. Characters: spaces between words count.
 * Returns VISEME_OK, VISEME_ERR_LIMIT (more than 2^32 pairs to compare) or VISEME_ERR_NOMEM. */
viseme_status vis_count_words(struct vis_edits *sum, const struct vis_words *reference,
                              const struct vis_words *hypothesis, viseme_error *err);
viseme_status vis_count_characters(struct vis_edits *sum, const struct vis_words *reference,
                                   const struct vis_words *hypothesis, viseme_error *err);

/* Edits over the size of the reference; -1 when the reference is empty. */
double vis_error_rate(const struct vis_edits *edits);

#endif
