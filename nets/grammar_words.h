/* The first half of a grammar: its text as states joined by words. Shared by nets/grammar*.c. */
#ifndef VIS_NETS_GRAMMAR_WORDS_H
#define VIS_NETS_GRAMMAR_WORDS_H

#include "nets/grammar.h"

/* From state `from` to state `to` by a word; by nothing when `word` is NULL. */
struct vis_grammar_arc {
    int from, to;
    const char *word; /* points into the grammar's text */
    int bytes;
    int line;
};

struct vis_grammar_words {
    int states; /* 0 is where a sentence begins, 1 where it ends */
    struct vis_grammar_arc *arcs;
    int arc_count, arc_room;
};

/* Errors as vis_grammar_open(). Free with vis_grammar_words_free(), whatever is returned. */
viseme_status vis_grammar_words(struct vis_grammar_words *out, const char *text, size_t bytes,
                                viseme_error *err);
void vis_grammar_words_free(struct vis_grammar_words *words);

#endif
