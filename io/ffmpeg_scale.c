#include "io/ffmpeg_scale.h"

#include <math.h>

#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include "base/error.h"
#include "io/frames_source.h"

/* Rows start at multiples of this, and libswscale may write as far as the end of a row's
 * padding. */
#define ALIGN 64

#define MAX_ASPECT 4.0 /* what a file states beyond is more likely damage than a lens */
#define MIN_FIELDS 16  /* rows; a lower frame has nothing to spare */

int vis_ffscale_matrix(const AVFrame *frame)
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
    return sws_setColorspaceDetails(sws, sws_getCoefficients(vis_ffscale_matrix(frame)), from_full,
                                    table, to_full, brightness, contrast, saturation);
}

double vis_ffscale_aspect(AVRational aspect)
{
    double ratio = aspect.num > 0 && aspect.den > 0 ? av_q2d(aspect) : 1;
    return ratio >= 1 / MAX_ASPECT && ratio <= MAX_ASPECT ? ratio : 1;
}

/* Whether `frame` is two pictures, of the even rows and of the odd ones. */
static int has_fields(const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    return frame->interlaced_frame && frame->height >= MIN_FIELDS && desc &&
           !(desc->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM));
}

/* What the conversion of this frame depends on. */
static struct vis_ffscale wanted(const AVFrame *frame, AVRational aspect)
{
    double ratio = vis_ffscale_aspect(aspect);
    double width = ratio > 1 ? round(frame->width * ratio) : frame->width;
    double height = ratio < 1 ? round(frame->height / ratio) : frame->height;
    return (struct vis_ffscale){
        .width = frame->width,
        .height = frame->height,
        .format = frame->format,
        .colorspace = (int)frame->colorspace,
        .range = (int)frame->color_range,
        .fields = has_fields(frame),
        /* An int can hold them: the sides of a frame are below 2^29. */
        .out_width = (int)width,
        .out_height = (int)height,
    };
}

int vis_ffscale_size(const AVFrame *frame, AVRational aspect, int *width, int *height)
{
    const struct vis_ffscale s = wanted(frame, aspect);
    *width = s.out_width;
    *height = s.out_height;
    return s.fields;
}

static int same(const struct vis_ffscale *a, const struct vis_ffscale *b)
{
    return a->width == b->width && a->height == b->height && a->format == b->format &&
           a->colorspace == b->colorspace && a->range == b->range && a->fields == b->fields &&
           a->out_width == b->out_width && a->out_height == b->out_height;
}

/* Rows of the frame that are converted. */
static int rows_of(const struct vis_ffscale *s)
{
    return s->fields ? (s->height + 1) / 2 : s->height;
}

static viseme_status prepare(struct vis_ffscale *s, const struct vis_ffscale *want,
                             const AVFrame *frame, const char *name, viseme_error *err)
{
    int stride = (want->out_width * 3 + ALIGN - 1) / ALIGN * ALIGN;
    size_t bytes = (size_t)stride * (size_t)want->out_height + ALIGN;

    vis_ffscale_free(s);
    if (!sws_isSupportedInput(frame->format)) {
        const char *format = av_get_pix_fmt_name(frame->format);
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: its pixels are of the kind '%s', which cannot be converted", name,
                        format ? format : "unknown");
    }
    *s = *want;
    s->stride = stride;
    s->pixels = av_malloc(bytes);
    s->sws = sws_alloc_context();
    if (!s->pixels || !s->sws)
        return vis_fail_nomem(err, bytes);
    av_opt_set_int(s->sws, "srcw", frame->width, 0);
    av_opt_set_int(s->sws, "srch", rows_of(s), 0);
    av_opt_set_int(s->sws, "src_format", frame->format, 0);
    av_opt_set_int(s->sws, "dstw", s->out_width, 0);
    av_opt_set_int(s->sws, "dsth", s->out_height, 0);
    av_opt_set_int(s->sws, "dst_format", AV_PIX_FMT_BGR24, 0);
    av_opt_set_int(s->sws, "sws_flags", SWS_BICUBIC, 0);
    if (frame->format == AV_PIX_FMT_YUV420P)
        av_opt_set_int(s->sws, "src_v_chr_pos", 128, 0); /* between two rows, as in MPEG-2 */
    if (sws_init_context(s->sws, NULL, NULL) < 0 || set_colours(s->sws, frame) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its pixels ('%s', %d x %d) cannot be converted",
                        name, av_get_pix_fmt_name(frame->format), frame->width, frame->height);
    return VISEME_OK;
}

viseme_status vis_ffscale_convert(struct vis_ffscale *s, const AVFrame *frame, AVRational aspect,
                                  viseme_image *image, const char *name, viseme_error *err)
{
    const struct vis_ffscale want = wanted(frame, aspect);
    int strides[AV_NUM_DATA_POINTERS];

    if (frame->width < 1 || frame->height < 1)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: holds a frame of no size", name);
    if (want.out_width > VIS_FRAMES_MAX_SIDE || want.out_height > VIS_FRAMES_MAX_SIDE ||
        (uint64_t)want.out_width * (uint64_t)want.out_height > VIS_FRAMES_MAX_PIXELS)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: its frames are %d x %d pixels, above the limit of %u pixels and %d a "
                        "side",
                        name, want.out_width, want.out_height, VIS_FRAMES_MAX_PIXELS,
                        VIS_FRAMES_MAX_SIDE);
    if (!s->sws || !same(s, &want)) {
        viseme_status status = prepare(s, &want, frame, name, err);
        if (status != VISEME_OK) {
            vis_ffscale_free(s);
            return status;
        }
    }
    for (int i = 0; i < AV_NUM_DATA_POINTERS; i++)
        strides[i] = frame->linesize[i] * (s->fields ? 2 : 1);
    if (sws_scale(s->sws, (const uint8_t *const *)frame->data, strides, 0, rows_of(s), &s->pixels,
                  &s->stride) != s->out_height)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: the pixels of a frame cannot be converted",
                        name);
    *image = (viseme_image){.data = s->pixels,
                            .width = s->out_width,
                            .height = s->out_height,
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
