/* When words are said, as people have it in text files. */
#ifndef VIS_IO_WORD_TIMES_H
#define VIS_IO_WORD_TIMES_H

#include "viseme.h"

enum {
    VIS_WORD_TIMES_MOST = 100000, /* words of one file */
    VIS_GRID_TICKS = 25000        /* a second, in GRID's .align files */
};

struct vis_word_times {
    viseme_span *spans; /* in the order of the lines */
    size_t count;
    double seconds; /* of one word in the middle of a clip, without spans; 0 where there are any */
};

/* Reads lines of START END and whatever follows, with blanks or tabs between: what `viseme read
 * --words` prints, or, with times in `ticks` of a second each, an .align file of GRID. Empty lines
 * and those that begin with # are skipped, and so is silence: a third field sil or sp. text: of
 * `bytes` bytes, a zero behind them. name: of the file, for what is said of it. Free *out with
 * vis_word_times_free(), also after a failure.
 * Returns VISEME_OK, VISEME_ERR_INPUT (a line without two times, an end that is not behind its
 * start, no word at all), VISEME_ERR_LIMIT (too many words) or VISEME_ERR_NOMEM. */
viseme_status vis_word_times_parse(struct vis_word_times *out, const char *text, size_t bytes,
                                   double ticks, const char *name, viseme_error *err);

/* Adds one word as it is written on a command line: START-END in seconds, or only how many seconds
 * it lasts, which goes with no other word. Returns VISEME_OK, VISEME_ERR_ARGUMENT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_word_times_add(struct vis_word_times *out, const char *text, viseme_error *err);
void vis_word_times_free(struct vis_word_times *times);

#endif
