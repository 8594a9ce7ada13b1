/* Copying a video file with its sound earlier or later: the packets of every stream go over as they
 * are, only the times of the sound change. Or with its sound faster or slower, for which the sound
 * is encoded again. */
#ifndef VIS_IO_REMUX_H
#define VIS_IO_REMUX_H

#include "viseme.h"

/* Sound of the time t, in seconds from the beginning of the file, goes to delay_s + stretch t. */
struct vis_remux_line {
    double delay_s; /* above 0: later; -3600 to 3600 */
    double stretch; /* 0.9 to 1.1; 1: packets are copied */
};

struct vis_remux_done {
    int sounds;          /* sound streams that were moved */
    int streams_left;    /* streams that the container of the output cannot hold: left out */
    int64_t packets_cut; /* of sound that would have come before the beginning */
    double cut_s;        /* seconds of such sound */
};

/* Copies `in` to `out` with every sound stream moved along a line, a delay to the tick of the
 * streams' clocks.
 *
 *  in   as for vis_frames_open(); needs at least one sound stream.
 *  out  its ending names the container; another one or none keeps that of `in`. Written under a
 *       temporary name and renamed (io/output.h); "-" is refused, and so is the input itself.
 *
 * No packet is decoded or changed where the container stays the same, but for sound whose stretch
 * is not 1: that is resampled and encoded again with the codec and the bit rate that it had (the
 * container's usual codec where FFmpeg cannot encode its own). Metadata, chapters, dispositions,
 * rotation, subtitles and attachments go along where the container takes them. Sound that would
 * come before the beginning of the file is cut off in whole packets (some 20 ms each), so that
 * pictures keep their times in every container. AVI states no times for its sound: to write one is
 * refused. Returns VISEME_OK, VISEME_ERR_ARGUMENT (the line, "-", the input itself, AVI),
 * VISEME_ERR_INPUT (unreadable, no sound, a build without FFmpeg), VISEME_ERR_LIMIT,
 * VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_remux(const char *in, const char *out, const struct vis_remux_line *line,
                        struct vis_remux_done *done, viseme_error *err);

#endif
