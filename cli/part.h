/* What commands that take frames say about them in JSON: which part of the file was used, how its
 * pictures lie, and where no face was. */
#ifndef VIS_CLI_PART_H
#define VIS_CLI_PART_H

#include <jansson.h>

#include "base/error.h"
#include "io/frames.h"

/* Help of the options that these commands share. */
#define VIS_HELP_SS                                                                                \
    "begin at this time of the file: seconds, or [HH:]MM:SS, with parts\n"                         \
    "of a second or without; times in the output stay those of the file"
#define VIS_HELP_TO        "end before this time of the file, written likewise"
#define VIS_HELP_AS_STORED "do not apply the rotation that a video states"

/* --to must come after --ss; to_s 0: not given. VISEME_OK or VISEME_ERR_ARGUMENT. */
viseme_status vis_part_check(const char *command, double from_s, double to_s, viseme_error *err);

/* What progress is counted against: seconds from the start of the part to its end, 0 unknown. */
double vis_part_seconds(const struct vis_frames_info *info, const struct vis_frames_options *opts);

/* Adds "video" (codec, size, rate, what was done to the pictures), "from_s" and "to_s" (null where
 * not asked for) to `object`, which may be NULL. Returns 0, or -1 when out of memory. */
int vis_part_json(json_t *object, const struct vis_frames_info *info,
                  const struct vis_frames_options *opts);

/* Says on standard error what the user should know about how the pictures are taken. */
void vis_part_notes(const char *path, const struct vis_frames_info *info);

/* Where no face was, as an array of {"start_s", "end_s"}; one of the two is NULL. NULL when out of
 * memory. */
json_t *vis_gaps_json(const viseme_cropper *cropper, const viseme_reader *reader);

#endif
