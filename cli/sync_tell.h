/* What `viseme sync` prints of a measurement: lines of text, or JSON. */
#ifndef VIS_CLI_SYNC_TELL_H
#define VIS_CLI_SYNC_TELL_H

#include <jansson.h>

#include "cli/sync_words.h"

/* Prints one line, and one for each step; `name` comes first unless NULL, `method` likewise. */
void vis_sync_print(const char *name, const char *method, const viseme_sync *sync,
                    const viseme_sync_result *result, int standard);
/* Prints the offsets over time. */
void vis_sync_print_windows(const viseme_sync *sync);

/* Adds what a measurement told to `object`; it counts for sync until the next measurement. Returns
 * 0, or -1 when out of memory. */
int vis_sync_add_json(json_t *object, const viseme_sync *sync, const viseme_sync_result *result,
                      int standard);

#endif
