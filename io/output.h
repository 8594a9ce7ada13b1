/* Output files that are whole or not there: written to a temporary name in the same folder and
 * renamed when complete. */
#ifndef VIS_IO_OUTPUT_H
#define VIS_IO_OUTPUT_H

#include <stdio.h>

#include "viseme.h"

struct vis_output;

/* Opens `path` for writing; "-" is standard output. *stream receives where to write. A new file
 * gets the mode that umask leaves, a replaced one keeps its mode; symbolic links are followed;
 * devices and pipes are written directly. At most 64 outputs are open at once.
 * Returns VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_output_open(struct vis_output **out, const char *path, FILE **stream,
                              viseme_error *err);
/* Flushes, closes and renames into place; frees `out`. VISEME_ERR_OUTPUT (disk full, ...) leaves
 * nothing behind. */
viseme_status vis_output_commit(struct vis_output *out, viseme_error *err);
/* Throws the output away; frees `out`. NULL is allowed. */
void vis_output_abort(struct vis_output *out);
/* Removes the temporary files of all outputs still open; async-signal-safe, for a handler of
 * SIGINT and SIGTERM. */
void vis_output_abort_all_from_signal(void);

#endif
