/* The words of a reading, in the formats of `viseme read`. */
#ifndef VIS_CLI_READ_WORDS_H
#define VIS_CLI_READ_WORDS_H

#include <stdio.h>

#include <jansson.h>

#include "viseme.h"

enum vis_read_format {
    VIS_READ_TXT,
    VIS_READ_JSON,
    VIS_READ_SRT,
    VIS_READ_VTT,
    VIS_READ_CTM,
    VIS_READ_TRN
};

/* Their names, NULL at the end. */
extern const char *const vis_read_formats[];

/* Whether all of a stream belongs to one input, as subtitles do. */
int vis_read_format_is_single(int format);

/* Writes the words of the best reading as SRT, VTT, CTM or TRN. every_word: a cue for each word. */
void vis_read_write(FILE *to, int format, const viseme_reader *reader, const char *input,
                    int every_word);

/* One line for each word of the best reading: start, end, confidence and word with tabs between;
 * `name` and a tab first where it is not NULL. */
void vis_read_write_table(FILE *to, const viseme_reader *reader, const char *name);

/* The words of reading i as a JSON array; NULL when out of memory. */
json_t *vis_read_json_words(const viseme_reader *reader, size_t i);

/* Text with control characters, line ends and tabs among them, as '?'. */
void vis_read_write_clean(FILE *to, const char *text);

#endif
