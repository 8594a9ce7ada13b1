/* The repair of viseme sync --fix: the file with its sound where it belongs, measured again. */
#ifndef VIS_CLI_SYNC_FIX_H
#define VIS_CLI_SYNC_FIX_H

#include "cli/json_line.h"
#include "cli/sync_job.h"
#include "io/remux.h"

struct vis_sync_repair {
    const char *out; /* the file to write */
    int drift;       /* a drift is repaired, too, for which the sound is encoded again */
};

struct vis_sync_repaired {
    struct vis_remux_line line; /* how the sound was moved */
    viseme_sync_result before, after;
};

/* Whether enough is known to repair an input with this result. */
int vis_sync_can_repair(const struct vis_sync_repair *repair, const viseme_sync_result *r);

/* Writes repair->out, `path` with its sound moved by what `r` says of it, and measures that by the
 * same method; notes go to standard error. Returns VISEME_OK or why there is no such file. */
viseme_status vis_sync_repair(const struct vis_sync_job *job, const struct vis_sync_repair *repair,
                              const char *path, const viseme_sync_result *r,
                              struct vis_sync_repaired *out, viseme_error *err);

/* As a line on standard output, and as an object of the result; NULL: out of memory. */
void vis_sync_repair_print(const struct vis_sync_repair *repair,
                           const struct vis_sync_repaired *done);
json_t *vis_sync_repair_json(const struct vis_sync_repair *repair,
                             const struct vis_sync_repaired *done);

#endif
