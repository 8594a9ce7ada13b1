/* Pasting a piece of the BGR picture into what the decoder made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "base/error.h"
#include "io/ffmpeg_frame.h"
#include "io/ffmpeg_scale.h"
#include "io/orient.h"

/* Canvases come in these steps, so that a face that moves a little needs no new conversion. */
enum { STEP = 64 };

struct vis_paster {
    struct SwsContext *sws;
    AVFrame *bgr, *made; /* the canvas: before and after the conversion */
    int matrix, range;   /* that it was made for */
    uint8_t *pixels;     /* [height width 3] and */
    uint8_t *mask;       /* [height width], the patch as the frame lies */
    size_t pixels_bytes, mask_bytes;
};

/* A piece of the frame as it is stored, in its pixels. */
struct piece {
    int x, y, width, height;
};

int vis_ffpaste_knows(int format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const uint64_t odd = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                         AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BE;

    if (!d || (d->flags & odd) || d->nb_components < 1 || !sws_isSupportedInput(format) ||
        !sws_isSupportedOutput(format))
        return 0;
    for (int i = 0; i < d->nb_components; i++)
        if (d->comp[i].depth < 8 || d->comp[i].depth > 16)
            return 0;
    return 1;
}

viseme_status vis_paster_create(struct vis_paster **out, viseme_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? VISEME_OK : vis_fail_nomem(err, sizeof **out);
}

static void free_canvas(struct vis_paster *p)
{
    sws_freeContext(p->sws);
    p->sws = NULL;
    av_frame_free(&p->bgr);
    av_frame_free(&p->made);
}

void vis_paster_free(struct vis_paster *p)
{
    if (p) {
        free_canvas(p);
        free(p->pixels);
        free(p->mask);
        free(p);
    }
}

/* ---- From the picture to the frame as it is stored ---------------------------------------- */

static viseme_status reserve(uint8_t **bytes, size_t *room, size_t needed, viseme_error *err)
{
    if (needed > *room) {
        uint8_t *grown = realloc(*bytes, needed);
        if (!grown)
            return vis_fail_nomem(err, needed);
        *bytes = grown;
        *room = needed;
    }
    return VISEME_OK;
}

/* What a frame's size is in the picture before it is turned: larger where its pixels are not
 * square. */
static void shown_size(const struct vis_video_frame *f, int *width, int *height)
{
    const int transposed = f->native.orientation & VIS_ORIENT_TRANSPOSE;
    *width = transposed ? f->image.height : f->image.width;
    *height = transposed ? f->image.width : f->image.height;
}

/* The patch with the turn undone: rows and columns of it in the frame's directions. */
static struct piece lay_back(const struct vis_video_frame *f, const viseme_patch *patch)
{
    struct piece p = {patch->x, patch->y, patch->width, patch->height};
    if (f->native.orientation & VIS_ORIENT_FLIP_X)
        p.x = f->image.width - patch->x - patch->width;
    if (f->native.orientation & VIS_ORIENT_FLIP_Y)
        p.y = f->image.height - patch->y - patch->height;
    if (f->native.orientation & VIS_ORIENT_TRANSPOSE)
        p = (struct piece){p.y, p.x, p.height, p.width};
    return p;
}

/* The pixel of the patch that lies at (x, y) of it once it is laid back. */
static size_t patch_index(const struct vis_video_frame *f, const viseme_patch *patch, int x, int y)
{
    const int o = f->native.orientation;
    int column = o & VIS_ORIENT_TRANSPOSE ? y : x, row = o & VIS_ORIENT_TRANSPOSE ? x : y;
    if (o & VIS_ORIENT_FLIP_X)
        column = patch->width - 1 - column;
    if (o & VIS_ORIENT_FLIP_Y)
        row = patch->height - 1 - row;
    return (size_t)row * (size_t)patch->width + (size_t)column;
}

/* Fills the paster's pixels and mask with the patch as the frame has it, on the piece *to of the
 * frame. Pixels that are not square are found again by the nearest neighbour. */
static viseme_status as_stored(struct vis_paster *p, const struct vis_video_frame *f,
                               const viseme_patch *patch, struct piece *to, viseme_error *err)
{
    const struct piece from = lay_back(f, patch);
    int width, height;
    viseme_status status;

    shown_size(f, &width, &height);
    const double sx = (double)f->frame->width / width, sy = (double)f->frame->height / height;
    to->x = (int)ceil(from.x * sx - 0.5);
    to->y = (int)ceil(from.y * sy - 0.5);
    to->width = (int)ceil((from.x + from.width) * sx - 0.5) - to->x;
    to->height = (int)ceil((from.y + from.height) * sy - 0.5) - to->y;
    if (to->width < 1 || to->height < 1)
        return VISEME_OK;
    const size_t pixels = (size_t)to->width * (size_t)to->height;
    status = reserve(&p->pixels, &p->pixels_bytes, 3 * pixels, err);
    if (status == VISEME_OK)
        status = reserve(&p->mask, &p->mask_bytes, pixels, err);
    if (status != VISEME_OK)
        return status;
    uint8_t *bgr = p->pixels, *mask = p->mask;
    for (int y = 0; y < to->height; y++) {
        int row = (int)((to->y + y + 0.5) / sy) - from.y;
        row = row < 0 ? 0 : row > from.height - 1 ? from.height - 1 : row;
        for (int x = 0; x < to->width; x++, bgr += 3, mask++) {
            int column = (int)((to->x + x + 0.5) / sx) - from.x;
            column = column < 0 ? 0 : column > from.width - 1 ? from.width - 1 : column;
            const size_t i = patch_index(f, patch, column, row);
            memcpy(bgr, patch->bgr + 3 * i, 3);
            *mask = patch->mask[i];
        }
    }
    return VISEME_OK;
}

/* ---- From BGR to the frame's pixels -------------------------------------------------------- */

static AVFrame *make_canvas(int format, int width, int height)
{
    AVFrame *f = av_frame_alloc();
    if (f) {
        f->format = format;
        f->width = width;
        f->height = height;
        if (av_frame_get_buffer(f, 0) < 0)
            av_frame_free(&f);
    }
    return f;
}

/* A conversion of at least width x height pixels to those of `frame`. */
static viseme_status prepare(struct vis_paster *p, const AVFrame *frame, int width, int height,
                             viseme_error *err)
{
    const int w = (width + STEP - 1) / STEP * STEP, h = (height + STEP - 1) / STEP * STEP;
    const int matrix = vis_ffscale_matrix(frame), range = frame->color_range == AVCOL_RANGE_JPEG;
    int *inverse, *table, from_full, to_full, brightness, contrast, saturation;

    if (p->sws && p->bgr->width == w && p->bgr->height == h && p->made->format == frame->format &&
        p->matrix == matrix && p->range == range)
        return VISEME_OK;
    free_canvas(p);
    p->matrix = matrix;
    p->range = range;
    p->bgr = make_canvas(AV_PIX_FMT_BGR24, w, h);
    p->made = make_canvas(frame->format, w, h);
    p->sws = sws_alloc_context();
    if (!p->bgr || !p->made || !p->sws)
        return vis_fail_nomem(err, 3 * (size_t)w * (size_t)h);
    av_opt_set_int(p->sws, "srcw", w, 0);
    av_opt_set_int(p->sws, "srch", h, 0);
    av_opt_set_int(p->sws, "src_format", AV_PIX_FMT_BGR24, 0);
    av_opt_set_int(p->sws, "dstw", w, 0);
    av_opt_set_int(p->sws, "dsth", h, 0);
    av_opt_set_int(p->sws, "dst_format", frame->format, 0);
    av_opt_set_int(p->sws, "sws_flags", SWS_BICUBIC | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND, 0);
    if (frame->format == AV_PIX_FMT_YUV420P)
        av_opt_set_int(p->sws, "dst_v_chr_pos", 128, 0); /* as io/ffmpeg_scale.c reads them */
    if (sws_init_context(p->sws, NULL, NULL) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "BGR pixels cannot be converted to '%s'",
                        av_get_pix_fmt_name(frame->format));
    if (sws_getColorspaceDetails(p->sws, &inverse, &from_full, &table, &to_full, &brightness,
                                 &contrast, &saturation) >= 0) {
        if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
            to_full = range;
        sws_setColorspaceDetails(p->sws, inverse, from_full, sws_getCoefficients(matrix), to_full,
                                 brightness, contrast, saturation);
    }
    return VISEME_OK;
}

/* Lays the piece onto the canvas, `left` and `top` pixels from its corner, the edges repeated over
 * the rest, and converts it. */
static viseme_status convert(struct vis_paster *p, const struct piece *piece, int left, int top,
                             viseme_error *err)
{
    for (int y = 0; y < p->bgr->height; y++) {
        int row = y - top;
        row = row < 0 ? 0 : row > piece->height - 1 ? piece->height - 1 : row;
        const uint8_t *src = p->pixels + 3 * (size_t)row * (size_t)piece->width;
        uint8_t *dst = p->bgr->data[0] + (ptrdiff_t)y * p->bgr->linesize[0];
        for (int x = 0; x < left; x++)
            memcpy(dst + 3 * x, src, 3);
        memcpy(dst + 3 * left, src, 3 * (size_t)piece->width);
        for (int x = left + piece->width; x < p->bgr->width; x++)
            memcpy(dst + 3 * x, src + 3 * (piece->width - 1), 3);
    }
    if (sws_scale(p->sws, (const uint8_t *const *)p->bgr->data, p->bgr->linesize, 0, p->bgr->height,
                  p->made->data, p->made->linesize) != p->bgr->height)
        return vis_fail(err, VISEME_ERR_INPUT, "the pixels of a face cannot be converted");
    return VISEME_OK;
}

/* ---- Mixing -------------------------------------------------------------------------------- */

/* Mean of the mask over the pixels of one sample; the canvas begins `left` and `top` pixels before
 * the piece. */
static unsigned mask_of(const struct vis_paster *p, const struct piece *piece, int x, int y, int w,
                        int h, int left, int top)
{
    unsigned sum = 0;
    for (int j = y * h - top; j < y * h - top + h; j++)
        for (int i = x * w - left; i < x * w - left + w; i++)
            if (i >= 0 && j >= 0 && i < piece->width && j < piece->height)
                sum += p->mask[(size_t)j * (size_t)piece->width + (size_t)i];
    return (sum + (unsigned)(w * h) / 2) / (unsigned)(w * h);
}

static unsigned mix(unsigned old, unsigned made, unsigned mask)
{
    return (old * (255 - mask) + made * mask + 127) / 255;
}

/* Mixes one component of the canvas into the frame. */
static void mix_component(const struct vis_paster *p, AVFrame *frame, const struct piece *piece,
                          int index, int left, int top)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format);
    const AVComponentDescriptor c = d->comp[index];
    const int chroma = (index == 1 || index == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB);
    const int lw = chroma ? d->log2_chroma_w : 0, lh = chroma ? d->log2_chroma_h : 0;
    const int x0 = (piece->x - left) >> lw, y0 = (piece->y - top) >> lh;
    const int columns = AV_CEIL_RSHIFT(left + piece->width, lw);
    const int rows = AV_CEIL_RSHIFT(top + piece->height, lh);
    const int wide = c.depth + c.shift > 8;
    const unsigned all = ((1u << c.depth) - 1) << c.shift;

    for (int y = 0; y < rows; y++) {
        uint8_t *to = frame->data[c.plane] + (ptrdiff_t)(y0 + y) * frame->linesize[c.plane] +
                      (ptrdiff_t)x0 * c.step + c.offset;
        const uint8_t *from =
            p->made->data[c.plane] + (ptrdiff_t)y * p->made->linesize[c.plane] + c.offset;
        for (int x = 0; x < columns; x++, to += c.step, from += c.step) {
            const unsigned mask = mask_of(p, piece, x, y, 1 << lw, 1 << lh, left, top);
            if (mask == 0)
                continue;
            if (!wide) {
                *to = (uint8_t)mix(*to, *from, mask);
                continue;
            }
            const unsigned was = to[0] | (unsigned)to[1] << 8;
            const unsigned is = from[0] | (unsigned)from[1] << 8;
            const unsigned now = mix((was & all) >> c.shift, (is & all) >> c.shift, mask)
                                 << c.shift;
            to[0] = (uint8_t)((was & ~all) | now);
            to[1] = (uint8_t)(((was & ~all) | now) >> 8);
        }
    }
}

viseme_status vis_paster_paste(struct vis_paster *p, struct vis_video_frame *f,
                               const viseme_patch *patch, viseme_error *err)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->frame->format);
    struct piece piece;
    viseme_status status;

    if (patch->width < 1 || patch->height < 1 || patch->x < 0 || patch->y < 0 ||
        patch->width > f->image.width - patch->x || patch->height > f->image.height - patch->y)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a patch lies outside of its picture");
    status = as_stored(p, f, patch, &piece, err);
    if (status != VISEME_OK || piece.width < 1 || piece.height < 1)
        return status;
    /* The canvas begins where a chroma sample does. */
    const int left = piece.x & ((1 << d->log2_chroma_w) - 1);
    const int top = piece.y & ((1 << d->log2_chroma_h) - 1);
    status = prepare(p, f->frame, left + piece.width, top + piece.height, err);
    if (status != VISEME_OK) {
        free_canvas(p);
        return status;
    }
    status = convert(p, &piece, left, top, err);
    if (status != VISEME_OK)
        return status;
    av_buffer_unref(&f->bgr); /* which a frame may share with it */
    f->image.data = NULL;
    if (av_frame_make_writable(f->frame) < 0)
        return vis_fail_nomem(err, 3 * (size_t)f->frame->width * (size_t)f->frame->height);
    const int alpha = (d->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    for (int i = 0; i < d->nb_components - alpha; i++)
        mix_component(p, f->frame, &piece, i, left, top);
    return VISEME_OK;
}
