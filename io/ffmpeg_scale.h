/* Decoded frames of any pixel format to BGR24. Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_SCALE_H
#define VIS_IO_FFMPEG_SCALE_H

#include <libavutil/frame.h>
#include <libswscale/swscale.h>

#include "viseme.h"

struct vis_ffscale {
    struct SwsContext *sws;
    int width, height, format, colorspace, range; /* what `sws` was made for */
    uint8_t *pixels;                              /* [height stride] */
    int stride;
};

/* Converts `frame`; *image points into *scale and lives until the next call. Pixels are those
 * that `ffmpeg -pix_fmt bgr24` makes: bicubic chroma where libswscale has no shorter way, the
 * matrix and the range that the frame states, BT.601 and limited range where it states none;
 * alpha is dropped. A zeroed struct is a fresh one. Returns VISEME_OK, VISEME_ERR_INPUT (a pixel
 * format that libswscale cannot read), VISEME_ERR_LIMIT or VISEME_ERR_NOMEM; `name` is for
 * messages. */
viseme_status vis_ffscale_convert(struct vis_ffscale *scale, const AVFrame *frame,
                                  viseme_image *image, const char *name, viseme_error *err);
void vis_ffscale_free(struct vis_ffscale *scale);

#endif
