/* Small files read whole, and the one way viseme opens a file that somebody names. */
#ifndef VIS_IO_FILE_H
#define VIS_IO_FILE_H

#include "viseme.h"

/* Opens a regular file for reading. The path is only ever a path: folders, devices, pipes and
 * sockets are refused, and none of them is waited for. *fd is closed by the caller; it is -1 on
 * failure. Returns VISEME_OK or VISEME_ERR_INPUT. */
viseme_status vis_file_open(int *fd, uint64_t *size, const char *path, viseme_error *err);

/* Reads a whole regular file. *data is the caller's to free(); a zero byte that *size does not
 * count follows the last one, so that text can be used as a string.
 * Returns VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_LIMIT (longer than max_bytes) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_file_read(void **data, size_t *size, const char *path, size_t max_bytes,
                            viseme_error *err);

#endif
