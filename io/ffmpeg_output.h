/* Writing a media file with FFmpeg's libavformat through vis_output, so that it is whole or not
 * there. Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_OUTPUT_H
#define VIS_IO_FFMPEG_OUTPUT_H

#include <libavformat/avformat.h>

#include "io/output.h"

struct vis_ffoutput {
    AVFormatContext *format;
    struct vis_output *file;
    FILE *stream;
    int error;        /* errno of the first failed write, 0: none */
    const char *path; /* as in the call of vis_ffoutput_open(); must outlive this */
};

/* Opens `path` for the container that its ending names, else for `fallback`, the name of an
 * FFmpeg demuxer or muxer (the first of a list that can be written counts). No streams yet.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (no such container, "-"), VISEME_ERR_OUTPUT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_ffoutput_open(struct vis_ffoutput *out, const char *path, const char *fallback,
                                viseme_error *err);
/* Writes the trailer and puts the file into place. */
viseme_status vis_ffoutput_commit(struct vis_ffoutput *out, viseme_error *err);
/* Throws away what is not committed. */
void vis_ffoutput_close(struct vis_ffoutput *out);

/* The sentence for a failed call of libavformat that returned `result`. */
viseme_status vis_ffoutput_fail(const struct vis_ffoutput *out, int result, viseme_error *err);

#endif
