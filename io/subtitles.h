/* Words with times as subtitles (SRT, WebVTT) and as scoring tools want them (CTM, TRN).
 *
 * Subtitles are cut into cues at pauses of 0.6 s or more; a cue that would last over 6 s or hold
 * over two lines of 42 bytes is cut again, at the longest pause in its middle half. A cue stays for
 * a second at least, but never into the next one nor past the end of the video.
 *
 * The writers return nothing: whoever owns the stream asks ferror(). */
#ifndef VIS_IO_SUBTITLES_H
#define VIS_IO_SUBTITLES_H

#include <stdio.h>

#include "viseme.h"

struct vis_transcript {
    const viseme_word *words; /* [count] in the order of time */
    size_t count;
    double duration_s; /* when the video ends */
    const char *input; /* its path: its stem is the id in CTM and TRN */
    int every_word;    /* SRT, VTT: a cue for each word */
};

/* SubRip: numbered cues, HH:MM:SS,mmm. The text has no escapes there; "-->", which would look like
 * a time line, becomes "->". */
void vis_write_srt(FILE *to, const struct vis_transcript *t);

/* WebVTT (W3C): "WEBVTT" first, HH:MM:SS.mmm, & < > as entities. */
void vis_write_vtt(FILE *to, const struct vis_transcript *t);

/* NIST CTM: a word a line, "id 1 start duration word confidence", seconds with three places. */
void vis_write_ctm(FILE *to, const struct vis_transcript *t);

/* NIST TRN: "words (id)" on one line. */
void vis_write_trn(FILE *to, const struct vis_transcript *t);

/* The id of an input: its file name without folder and last ending, each byte that scoring tools
 * take for something else (blanks, brackets, semicolons, control characters) as '_'. */
void vis_write_id(FILE *to, const char *input);

#endif
