/* A sound file's stream on its way into a container: its packets copied, or decoded and encoded
 * once. Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_SOUND_TRACK_H
#define VIS_IO_FFMPEG_SOUND_TRACK_H

#include <libavformat/avformat.h>

#include "viseme.h"

struct vis_sound_track;

/* Opens the best sound stream of `path` and adds a stream to `to` for it. from_s: what becomes time
 * 0, on that file's clock. copy_pcm: uncompressed sound is copied too. Returns VISEME_OK,
 * VISEME_ERR_INPUT, VISEME_ERR_NO_AUDIO or VISEME_ERR_NOMEM. */
viseme_status vis_sound_track_open(struct vis_sound_track **out, const char *path, double from_s,
                                   AVFormatContext *to, int copy_pcm, viseme_error *err);
void vis_sound_track_free(struct vis_sound_track *track);

/* Writes what begins before `until_s`, and nothing of what begins at `end_s` or later; encoded
 * sound ends there to the sample. The last call has until_s = INFINITY. Returns VISEME_OK,
 * VISEME_ERR_INPUT (reading failed), VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_sound_track_write(struct vis_sound_track *track, double until_s, double end_s,
                                    viseme_error *err);

/* The codec that is written, and whether its packets are copies. */
const char *vis_sound_track_codec(const struct vis_sound_track *track, int *copied);

#endif
