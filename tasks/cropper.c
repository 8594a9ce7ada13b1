#include "viseme.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "signal/gray.h"
#include "signal/warp.h"
#include "tasks/crop_face.h"

enum {
    CROP_WIDTH = 128,
    CROP_HEIGHT = 64,
    MAX_SIDE = 16384,
    LOOK_AHEAD = 8,         /* frames that a crop waits for better knowledge of the box */
    QUEUE = LOOK_AHEAD + 1, /* frames held at most */
    PATCH_DETAIL = 2        /* pixels that a patch keeps for each of the crop's, at least */
};

#define DEFAULT_RATE 25.0
#define MAX_RATE 1000.0
#define MAX_JUMP 3600.0 /* seconds from one frame to the next */

/* Frames may come this part of a tick late, so that rounded times do not skip or double a frame.
 * Not a half: frames at twice the rate would then lie on the edge. */
#define TOLERANCE 0.25

/* The mouth in frontalface_alt2's box and the distance between the outer corners of the eyes, as
 * parts of it, measured on clips with landmarks. */
#define MOUTH_X 0.503
#define MOUTH_Y 0.825
#define EYES_WIDTH 0.524

/* LipNet's template of a face is 256 x 256; the outer corners of the eyes are this far apart in
 * it, and the crop is 160 x 80 of it around the mouth. */
#define TEMPLATE_EYES 125.7436
#define TEMPLATE_CROP 160.0

/* Part of the crop's width that a patch has to spare on each side for later corrections. */
#define PATCH_MARGIN 0.2

/* A frame that waits: what was seen, and the pixels that its crop may need. */
struct waiting {
    double seconds; /* from the first frame */
    struct vis_face_seen seen;
    uint8_t *bgr; /* the patch [height, width, 3] */
    size_t capacity;
    int left, top, width, height, factor; /* patch pixel (x, y) is frame pixel
                                             (left + x * factor, top + y * factor) */
    int drawn;                            /* its crop is in `picture` */
};

struct viseme_cropper {
    struct vis_follow *follow;
    double rate, aspect;
    struct waiting queue[QUEUE];
    int first, count;
    int started, finished;
    double start_s, last_s; /* as given by the caller */
    struct vis_face_seen last_seen;
    int any_face;
    int64_t next_index;
    uint8_t picture[CROP_HEIGHT * CROP_WIDTH * 3]; /* the crop drawn last */
    int drawn;                                     /* there is one */
    struct vis_face_seen picture_seen;
};

viseme_status viseme_cropper_open(viseme_cropper **out, const viseme_crop_options *opts,
                                  viseme_error *err)
{
    struct vis_cascade *cascade = NULL;
    viseme_cropper *c = NULL;
    viseme_status status = VISEME_OK;
    if (!out)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: no place for the result");
    *out = NULL;
    if (!opts || !opts->cascade_xml)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: the options have no cascade");
    if (!(opts->rate >= 0 && opts->rate <= MAX_RATE))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: the rate must be above 0 and at most %g crops a second",
                        MAX_RATE);
    status = vis_cascade_parse(&cascade, opts->cascade_xml, opts->cascade_bytes, err);
    if (status != VISEME_OK)
        return status;
    c = calloc(1, sizeof *c);
    if (!c) {
        vis_cascade_free(cascade);
        return vis_fail_nomem(err, sizeof *c);
    }
    c->rate = opts->rate > 0 ? opts->rate : DEFAULT_RATE;
    status = vis_follow_create(&c->follow, cascade, err);
    if (status != VISEME_OK) {
        viseme_cropper_close(c);
        return status;
    }
    c->aspect = vis_follow_aspect(c->follow);
    *out = c;
    return VISEME_OK;
}

void viseme_cropper_close(viseme_cropper *c)
{
    if (!c)
        return;
    for (int i = 0; i < QUEUE; i++)
        free(c->queue[i].bgr);
    vis_follow_free(c->follow);
    free(c);
}

/* ---- Geometry ----------------------------------------------------------------------------------- */

struct mouth {
    double x, y;
    double crop_width; /* in pixels of the frame */
};

static struct mouth mouth_of(const viseme_cropper *c, const struct vis_face_pose *p)
{
    return (struct mouth){p->x + (MOUTH_X - 0.5) * p->width,
                          p->y + (MOUTH_Y - 0.5) * p->width * c->aspect,
                          TEMPLATE_CROP / TEMPLATE_EYES * EYES_WIDTH * p->width};
}

static viseme_face face_of(const viseme_cropper *c, const struct vis_face_seen *seen)
{
    const struct vis_face_pose *p = &seen->pose;
    const struct mouth m = mouth_of(c, p);
    return (viseme_face){.x = p->x - p->width / 2,
                         .y = p->y - p->width * c->aspect / 2,
                         .width = p->width,
                         .height = p->width * c->aspect,
                         .mouth_x = m.x,
                         .mouth_y = m.y,
                         .confidence = seen->confidence};
}

/* ---- The queue ---------------------------------------------------------------------------------- */

static struct waiting *queued(viseme_cropper *c, int i)
{
    return &c->queue[(c->first + i) % QUEUE];
}

/* Keeps the pixels around the mouth, in full detail or, where the crop has much less, averaged. */
static viseme_status keep_patch(viseme_cropper *c, struct waiting *w, const viseme_image *frame,
                                viseme_error *err)
{
    const struct mouth m = mouth_of(c, &w->seen.pose);
    const double half_width = m.crop_width * (0.5 + PATCH_MARGIN) + 1;
    const double half_height =
        m.crop_width * ((double)CROP_HEIGHT / CROP_WIDTH * 0.5 + PATCH_MARGIN) + 1;
    int factor = (int)(m.crop_width / (CROP_WIDTH * PATCH_DETAIL));
    factor = factor < 1 ? 1 : factor > 64 ? 64 : factor;
    /* at least one block of the frame's nearest edge, should the mouth be outside */
    const int left = (int)fmax(0, fmin(floor(m.x - half_width), frame->width - factor));
    const int top = (int)fmax(0, fmin(floor(m.y - half_height), frame->height - factor));
    const int right = (int)fmax(left + factor, fmin(ceil(m.x + half_width), frame->width));
    const int bottom = (int)fmax(top + factor, fmin(ceil(m.y + half_height), frame->height));
    const struct vis_rect area = {left, top, right - left, bottom - top};
    w->left = left;
    w->top = top;
    w->factor = factor;
    w->width = area.width / factor;
    w->height = area.height / factor;
    const size_t bytes = (size_t)w->width * (size_t)w->height * 3;
    if (bytes > w->capacity) {
        free(w->bgr);
        w->capacity = 0;
        w->bgr = malloc(bytes);
        if (!w->bgr)
            return vis_fail_nomem(err, bytes);
        w->capacity = bytes;
    }
    vis_bgr_reduce(frame, &area, factor, w->bgr);
    return VISEME_OK;
}

/* Cuts the crop of a frame out of its patch. */
static void draw(viseme_cropper *c, struct waiting *w)
{
    const struct mouth m = mouth_of(c, &w->seen.pose);
    const viseme_image patch = {w->bgr, w->width, w->height, (ptrdiff_t)w->width * 3, VISEME_BGR24};
    const struct vis_similarity s =
        vis_similarity_box((m.x - w->left) / w->factor, (m.y - w->top) / w->factor,
                           m.crop_width / w->factor, CROP_WIDTH, CROP_HEIGHT);
    vis_warp_bgr(&patch, &s, VIS_BORDER_NEAREST, c->picture, CROP_WIDTH, CROP_HEIGHT);
    c->picture_seen = w->seen;
    c->drawn = 1;
    w->drawn = 1;
}

/* What a detection taught about the box holds for the waiting frames of the same run, too. */
static void correct_waiting(viseme_cropper *c, const struct vis_face_seen *seen)
{
    for (int i = 0; i < c->count; i++) {
        struct waiting *w = queued(c, i);
        if (!w->seen.found || w->seen.run != seen->run)
            continue;
        w->seen.pose.x += seen->correction.x * w->seen.pose.width;
        w->seen.pose.y += seen->correction.y * w->seen.pose.width;
        w->seen.pose.width *= seen->correction.width;
    }
}

/* Whether crop `next_index` is taken from the first waiting frame rather than from a later one. */
static int belongs_to_first(viseme_cropper *c)
{
    const double tick = (double)c->next_index;
    if (c->count > 1)
        return tick + TOLERANCE < queued(c, 1)->seconds * c->rate;
    return tick <= queued(c, 0)->seconds * c->rate + TOLERANCE;
}

/* Brings the frame that crop `next_index` is taken from to the front; 0 when it is not known yet
 * or there is none. */
static int advance(viseme_cropper *c)
{
    while (c->count > (c->finished ? 0 : LOOK_AHEAD)) {
        struct waiting *w = queued(c, 0);
        if (w->seen.found && !w->drawn)
            draw(c, w);
        if (c->drawn && belongs_to_first(c))
            return 1;
        w->drawn = 0;
        c->first = (c->first + 1) % QUEUE;
        c->count--;
    }
    return 0;
}

/* ---- The task ----------------------------------------------------------------------------------- */

static viseme_status check_push(viseme_cropper *c, const viseme_image *frame, double *seconds,
                                viseme_error *err)
{
    if (!c || !frame || !frame->data || frame->width < 1 || frame->height < 1 ||
        frame->width > MAX_SIDE || frame->height > MAX_SIDE ||
        (frame->format != VISEME_BGR24 && frame->format != VISEME_RGB24))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: a frame must be BGR24 or RGB24 with sides of 1 to %d pixels",
                        (int)MAX_SIDE);
    if ((frame->stride < 0 ? -frame->stride : frame->stride) < (ptrdiff_t)frame->width * 3)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: rows of %d pixels do not fit a stride of %td bytes", frame->width,
                        frame->stride);
    if (c->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: a frame after viseme_cropper_finish()");
    if (advance(c))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: a frame before viseme_cropper_next() returned 0");
    if (!isfinite(*seconds))
        return vis_fail(err, VISEME_ERR_INPUT, "cropper: a frame has no finite time");
    if (c->started && *seconds < c->last_s)
        *seconds = c->last_s;
    if (c->started && *seconds - c->last_s > MAX_JUMP)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "cropper: time jumps from %.3f s to %.3f s, more than %.0f s", c->last_s,
                        *seconds, MAX_JUMP);
    return VISEME_OK;
}

viseme_status viseme_cropper_push(viseme_cropper *c, const viseme_image *frame, double seconds,
                                  viseme_error *err)
{
    viseme_status status = check_push(c, frame, &seconds, err);
    if (status != VISEME_OK)
        return status;
    if (!c->started)
        c->start_s = seconds;
    struct waiting *w = queued(c, c->count);
    w->drawn = 0;
    w->seconds = seconds - c->start_s;
    status = vis_follow_push(c->follow, frame, w->seconds, &w->seen, err);
    if (status == VISEME_OK && w->seen.found)
        status = keep_patch(c, w, frame, err);
    if (status != VISEME_OK)
        return status;
    c->started = 1;
    c->last_s = seconds;
    c->last_seen = w->seen;
    c->any_face = c->any_face || w->seen.found;
    correct_waiting(c, &w->seen);
    c->count++;
    return VISEME_OK;
}

viseme_status viseme_cropper_finish(viseme_cropper *c, viseme_error *err)
{
    if (!c || c->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: already finished");
    c->finished = 1;
    if (!c->started)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame in the input");
    if (!c->any_face)
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face in the whole input");
    return VISEME_OK;
}

int viseme_cropper_next(viseme_cropper *c, viseme_crop *crop)
{
    if (!c || !crop || !advance(c))
        return 0;
    const struct waiting *w = queued(c, 0);
    *crop = (viseme_crop){.bgr = c->picture,
                          .width = CROP_WIDTH,
                          .height = CROP_HEIGHT,
                          .index = c->next_index,
                          .time_s = (double)c->next_index / c->rate,
                          .face = face_of(c, &c->picture_seen)};
    /* before the first face, the crop of a later frame stands in */
    crop->held = !w->seen.found || (double)c->next_index + TOLERANCE < w->seconds * c->rate;
    c->next_index++;
    return 1;
}

int viseme_cropper_face(const viseme_cropper *c, viseme_face *face)
{
    if (!c || !face || !c->last_seen.found)
        return 0;
    *face = face_of(c, &c->last_seen);
    return 1;
}
