/* What `viseme sync --plot` draws. */
#ifndef VIS_CLI_SYNC_PLOT_H
#define VIS_CLI_SYNC_PLOT_H

#include "base/error.h"

/* Draws the last measurement of `input` to a PNG file.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (a build without cairo), VISEME_ERR_OUTPUT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_sync_draw(const char *path, const char *input, const viseme_sync *sync,
                            const viseme_sync_result *result, viseme_error *err);

#endif
