#include "io/ffmpeg_frame.h"

#include <stdlib.h>
#include <string.h>

#include <libavutil/buffer.h>
#include <libavutil/imgutils.h>

#include "base/error.h"

void vis_video_frame_free(struct vis_video_frame *f)
{
    if (f) {
        av_frame_free(&f->frame);
        av_buffer_unref(&f->bgr);
        free(f);
    }
}

/* The BGR picture, rows next to each other. */
static viseme_status copy_image(struct vis_video_frame *f, const viseme_image *image,
                                viseme_error *err)
{
    const size_t row = 3 * (size_t)image->width, bytes = row * (size_t)image->height;

    f->bgr = av_buffer_alloc(bytes);
    if (!f->bgr)
        return vis_fail_nomem(err, bytes);
    for (int y = 0; y < image->height; y++)
        memcpy(f->bgr->data + row * (size_t)y, image->data + y * image->stride, row);
    f->image = (viseme_image){.data = f->bgr->data,
                              .width = image->width,
                              .height = image->height,
                              .stride = (ptrdiff_t)row,
                              .format = VISEME_BGR24};
    return VISEME_OK;
}

/* A frame around the BGR picture, for want of a decoder's. */
static viseme_status wrap_image(struct vis_video_frame *f, const struct vis_frames *frames,
                                viseme_error *err)
{
    struct vis_frames_info info;

    if (f->native.rate_num < 1 || f->native.tick_num < 1) { /* pictures, at a rate of their own */
        frames->ops->get_info(frames->self, &info);
        const AVRational rate = av_d2q(info.frame_rate, 1000000);
        f->native.rate_num = f->native.tick_den = rate.num;
        f->native.rate_den = f->native.tick_num = rate.den;
    }
    f->frame = av_frame_alloc();
    if (f->frame)
        f->frame->buf[0] = av_buffer_ref(f->bgr);
    if (!f->frame || !f->frame->buf[0])
        return vis_fail_nomem(err, sizeof *f->frame);
    f->frame->format = AV_PIX_FMT_BGR24;
    f->frame->width = f->image.width;
    f->frame->height = f->image.height;
    f->frame->data[0] = f->bgr->data;
    f->frame->linesize[0] = (int)f->image.stride;
    f->frame->color_range = AVCOL_RANGE_JPEG;
    f->native.orientation = f->native.has_matrix = 0;
    f->native.aspect_num = f->native.aspect_den = 1;
    return VISEME_OK;
}

viseme_status vis_video_frame_take(struct vis_video_frame **out, const struct vis_frames *frames,
                                   const viseme_image *image, viseme_error *err)
{
    struct vis_video_frame *f = calloc(1, sizeof *f);
    viseme_status status;

    *out = NULL;
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    status = copy_image(f, image, err);
    if (status != VISEME_OK)
        goto fail;
    if (frames->ops->native)
        frames->ops->native(frames->self, &f->native);
    if (f->native.frame && vis_ffpaste_knows(f->native.frame->format)) {
        f->frame = av_frame_clone(f->native.frame);
        status = f->frame ? VISEME_OK : vis_fail_nomem(err, sizeof *f->frame);
    } else {
        status = wrap_image(f, frames, err);
    }
    f->native.frame = NULL;
    if (status != VISEME_OK)
        goto fail;
    *out = f;
    return VISEME_OK;
fail:
    vis_video_frame_free(f);
    return status;
}

viseme_status vis_video_frame_clone(struct vis_video_frame **out,
                                    const struct vis_video_frame *frame, viseme_error *err)
{
    struct vis_video_frame *f = malloc(sizeof *f);

    *out = NULL;
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    *f = *frame;
    f->frame = av_frame_clone(frame->frame);
    f->bgr = av_buffer_ref(frame->bgr);
    if (!f->frame || !f->bgr) {
        vis_video_frame_free(f);
        return vis_fail_nomem(err, sizeof *f->frame);
    }
    *out = f;
    return VISEME_OK;
}

const viseme_image *vis_video_frame_image(const struct vis_video_frame *frame)
{
    return &frame->image;
}

size_t vis_video_frame_bytes(const struct vis_video_frame *frame)
{
    const AVFrame *f = frame->frame;
    int bytes = av_image_get_buffer_size(f->format, f->width, f->height, 1);
    return 3 * (size_t)frame->image.width * (size_t)frame->image.height +
           (bytes > 0 ? (size_t)bytes : 0);
}
