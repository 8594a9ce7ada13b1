/* Decoded frames of any pixel format to BGR24 with square pixels. Internal to io; not built with
 * FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_SCALE_H
#define VIS_IO_FFMPEG_SCALE_H

#include <libavutil/frame.h>
#include <libswscale/swscale.h>

#include "viseme.h"

struct vis_ffscale {
    struct SwsContext *sws;
    int width, height, format, colorspace, range; /* what `sws` was made for: its frames, */
    int fields;                                   /* only the even rows of them are used, */
    int out_width, out_height;                    /* and what they become */
    uint8_t *pixels;                              /* [out_height stride] */
    int stride;
};

/* Width over height of the pixels of a frame that states `aspect`; 1 when it states nothing, less
 * than 1:4 or more than 4:1. */
double vis_ffscale_aspect(AVRational aspect);

/* libswscale's number for the matrix of a frame; BT.601 where it states none. */
int vis_ffscale_matrix(const AVFrame *frame);

/* The size that vis_ffscale_convert() makes of a frame; returns 1 when it uses one field of two. */
int vis_ffscale_size(const AVFrame *frame, AVRational aspect, int *width, int *height);

/* Converts `frame`, whose pixels have the stated `aspect`; *image points into *scale and lives
 * until the next call. Pixels are those that `ffmpeg -pix_fmt bgr24` makes: bicubic chroma where
 * libswscale has no shorter way, the matrix and the range that the frame states, BT.601 and limited
 * range where it states none; alpha is dropped. Pixels that are not square become so: the frame
 * grows in one direction. Of an interlaced frame the even rows are stretched over its height. A
 * zeroed struct is a fresh one. Returns VISEME_OK, VISEME_ERR_INPUT (a pixel format that libswscale
 * cannot read), VISEME_ERR_LIMIT or VISEME_ERR_NOMEM; `name` is for messages. */
viseme_status vis_ffscale_convert(struct vis_ffscale *scale, const AVFrame *frame,
                                  AVRational aspect, viseme_image *image, const char *name,
                                  viseme_error *err);
void vis_ffscale_free(struct vis_ffscale *scale);

#endif
