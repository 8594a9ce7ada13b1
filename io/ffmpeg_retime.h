/* A sound stream on its way from one container to another with its speed changed: decoded,
 * resampled by libswresample, and encoded by the codec that it had. Internal to io; not built with
 * FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_RETIME_H
#define VIS_IO_FFMPEG_RETIME_H

#include <libavformat/avformat.h>

#include "viseme.h"

struct vis_retime;

/* Sound of the time `origin_s` + t goes to `origin_s` + delay_s + stretch t, all in seconds of the
 * stream's own clock, and nothing comes before `origin_s`. */
struct vis_retime_line {
    double origin_s, delay_s, stretch; /* stretch: above 0 */
};

/* from: a stream of the input; path names the input in failures. Fills `stream`, a new one of `to`,
 * before the header is written. The codec stays the same where FFmpeg can encode it and the
 * container takes it, otherwise it is the container's usual one; the bit rate is the input's.
 * Returns VISEME_OK, VISEME_ERR_INPUT (cannot be decoded), VISEME_ERR_OUTPUT (cannot be encoded) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_retime_open(struct vis_retime **out, const AVStream *from, AVFormatContext *to,
                              AVStream *stream, const struct vis_retime_line *line,
                              const char *path, viseme_error *err);
void vis_retime_free(struct vis_retime *r);

/* Takes the next packet of the input's stream (which the caller still owns), NULL at the end, and
 * writes what has become ready. Damaged packets are lost, and gaps stay gaps: silence. Returns
 * VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_retime_push(struct vis_retime *r, const AVPacket *packet, viseme_error *err);

/* Seconds of sound at the beginning that were cut off. */
double vis_retime_cut(const struct vis_retime *r);

#endif
