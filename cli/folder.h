/* An output folder of numbered PNG pictures that is whole or not there: filled under a temporary
 * name beside its place and renamed when complete. */
#ifndef VIS_CLI_FOLDER_H
#define VIS_CLI_FOLDER_H

#include "base/error.h"

struct vis_folder;

/* Opens the folder `path`, which must not exist yet or be empty.
 * Returns VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_folder_open(struct vis_folder **out, const char *path, viseme_error *err);
/* Writes the next picture: 000000.png, 000001.png ... Returns VISEME_OK, VISEME_ERR_OUTPUT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_folder_add(struct vis_folder *folder, const viseme_image *image,
                             viseme_error *err);
/* Renames it into place and frees `folder`; on failure (VISEME_ERR_OUTPUT) nothing is left. */
viseme_status vis_folder_commit(struct vis_folder *folder, viseme_error *err);
/* Removes what was written and frees `folder`. NULL is allowed. */
void vis_folder_abort(struct vis_folder *folder);
/* Removes all folders still open; async-signal-safe, to be called after
 * vis_output_abort_all_from_signal() by a program that then ends. */
void vis_folder_abort_all_from_signal(void);

#endif
