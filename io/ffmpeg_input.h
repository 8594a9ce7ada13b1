/* Opening a media file with FFmpeg's libavformat, so that nothing but that one file is ever read.
 * Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_INPUT_H
#define VIS_IO_FFMPEG_INPUT_H

#include <libavformat/avformat.h>

#include "viseme.h"

struct vis_ffinput {
    AVFormatContext *format;
    AVIOContext *pb;
    int fd;
    uint64_t size;
    uint64_t at;      /* position in the file */
    int error;        /* errno of the first failed read, 0: none */
    const char *path; /* as in the call of vis_ffinput_open(); must outlive this */
};

/* Opens a regular file as a container: its kind is found from its content among those of an
 * allow-list, and its streams are examined. On failure everything is released again.
 * Returns VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_LIMIT (streams, pixels, duration) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_ffinput_open(struct vis_ffinput *in, const char *path, viseme_error *err);
/* The same; files that are known to hold no pictures (WAV, MP3 ...) are opened, too. */
viseme_status vis_ffinput_open_sound(struct vis_ffinput *in, const char *path, viseme_error *err);
void vis_ffinput_close(struct vis_ffinput *in);

/* The stream of that type that the file states as default, else the one with the most pixels or
 * channels; never a cover picture. NULL: there is none. */
AVStream *vis_ffinput_best(const struct vis_ffinput *in, enum AVMediaType type);
/* No packet of any other stream is read from now on. */
void vis_ffinput_only(const struct vis_ffinput *in, AVStream *stream);

/* FFmpeg reports its troubles to a log of the whole process. From the first call on viseme keeps
 * them off the terminal and remembers, per thread, the first error since the call. The text lives
 * until the next call; "" when there was none. */
void vis_fflog_reset(void);
const char *vis_fflog_error(void);

#endif
