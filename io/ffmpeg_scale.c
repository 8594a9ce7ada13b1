#include "io/ffmpeg_scale.h"

#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include "base/error.h"
#include "io/frames_source.h"

/* Rows start at multiples of this, and libswscale may write as far as the end of a row's
 * padding. */
#define ALIGN 64

/* libswscale's number for the matrix of the frame. */
static int matrix_of(const AVFrame *frame)
{
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return frame->colorspace == AVCOL_SPC_BT2020_CL ? AVCOL_SPC_BT2020_NCL : frame->colorspace;
    default:
        return AVCOL_SPC_BT470BG;
    }
}

static int set_colours(struct SwsContext *sws, const AVFrame *frame)
{
    int *inverse, *table, from_full, to_full, brightness, contrast, saturation;

    if (sws_getColorspaceDetails(sws, &inverse, &from_full, &table, &to_full, &brightness,
                                 &contrast, &saturation) < 0)
        return 0; /* a conversion without such details */
    if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
        from_full = frame->color_range == AVCOL_RANGE_JPEG;
    return sws_setColorspaceDetails(sws, sws_getCoefficients(matrix_of(frame)), from_full, table,
                                    to_full, brightness, contrast, saturation);
}

static viseme_status prepare(struct vis_ffscale *s, const AVFrame *frame, const char *name,
                             viseme_error *err)
{
    int stride = (frame->width * 3 + ALIGN - 1) / ALIGN * ALIGN;
    size_t bytes = (size_t)stride * (size_t)frame->height + ALIGN;

    vis_ffscale_free(s);
    if (!sws_isSupportedInput(frame->format)) {
        const char *format = av_get_pix_fmt_name(frame->format);
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: its pixels are of the kind '%s', which cannot be converted", name,
                        format ? format : "unknown");
    }
    s->pixels = av_malloc(bytes);
    s->sws = sws_alloc_context();
    if (!s->pixels || !s->sws)
        return vis_fail_nomem(err, bytes);
    av_opt_set_int(s->sws, "srcw", frame->width, 0);
    av_opt_set_int(s->sws, "srch", frame->height, 0);
    av_opt_set_int(s->sws, "src_format", frame->format, 0);
    av_opt_set_int(s->sws, "dstw", frame->width, 0);
    av_opt_set_int(s->sws, "dsth", frame->height, 0);
    av_opt_set_int(s->sws, "dst_format", AV_PIX_FMT_BGR24, 0);
    av_opt_set_int(s->sws, "sws_flags", SWS_BICUBIC, 0);
    if (frame->format == AV_PIX_FMT_YUV420P)
        av_opt_set_int(s->sws, "src_v_chr_pos", 128, 0); /* between two rows, as in MPEG-2 */
    if (sws_init_context(s->sws, NULL, NULL) < 0 || set_colours(s->sws, frame) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its pixels ('%s', %d x %d) cannot be converted",
                        name, av_get_pix_fmt_name(frame->format), frame->width, frame->height);
    s->stride = stride;
    s->width = frame->width;
    s->height = frame->height;
    s->format = frame->format;
    s->colorspace = frame->colorspace;
    s->range = frame->color_range;
    return VISEME_OK;
}

viseme_status vis_ffscale_convert(struct vis_ffscale *s, const AVFrame *frame, viseme_image *image,
                                  const char *name, viseme_error *err)
{
    if (frame->width < 1 || frame->height < 1)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: holds a frame of no size", name);
    if (frame->width > VIS_FRAMES_MAX_SIDE || frame->height > VIS_FRAMES_MAX_SIDE ||
        (uint64_t)frame->width * (uint64_t)frame->height > VIS_FRAMES_MAX_PIXELS)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: its frames are %d x %d pixels, above the limit of %u pixels and %d a "
                        "side",
                        name, frame->width, frame->height, VIS_FRAMES_MAX_PIXELS,
                        VIS_FRAMES_MAX_SIDE);
    if (!s->sws || s->width != frame->width || s->height != frame->height ||
        s->format != frame->format || s->colorspace != (int)frame->colorspace ||
        s->range != (int)frame->color_range) {
        viseme_status status = prepare(s, frame, name, err);
        if (status != VISEME_OK) {
            vis_ffscale_free(s);
            return status;
        }
    }
    if (sws_scale(s->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                  &s->pixels, &s->stride) != frame->height)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: the pixels of a frame cannot be converted",
                        name);
    *image = (viseme_image){.data = s->pixels,
                            .width = frame->width,
                            .height = frame->height,
                            .stride = s->stride,
                            .format = VISEME_BGR24};
    return VISEME_OK;
}

void vis_ffscale_free(struct vis_ffscale *s)
{
    sws_freeContext(s->sws);
    av_free(s->pixels);
    *s = (struct vis_ffscale){0};
}
