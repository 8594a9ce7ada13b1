#include "viseme.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "signal/warp.h"
#include "tasks/crop_face.h"

enum { CROP_WIDTH = 128, CROP_HEIGHT = 64, MAX_SIDE = 16384 };

#define DEFAULT_RATE 25.0
#define MAX_RATE     1000.0
#define MAX_JUMP     3600.0 /* seconds from one frame to the next */

/* Frames may come this part of a tick late, so that rounded times do not skip or double a frame.
 * Not a half: frames at twice the rate would then lie on the edge. */
#define TOLERANCE 0.25

/* The mouth in frontalface_alt2's box and the distance between the outer corners of the eyes, as
 * parts of it. By landmarks the distance is 0.524; crops 3 % wider were read with a smaller CTC
 * loss on clips that LipNet was trained on (1.46 against 1.59 a clip, flat from here to 0.56). */
#define MOUTH_X    0.503
#define MOUTH_Y    0.825
#define EYES_WIDTH 0.54

/* LipNet's template of a face is 256 x 256; the outer corners of the eyes are this far apart in
 * it, and the crop is 160 x 80 of it around the mouth. */
#define TEMPLATE_EYES 125.7436
#define TEMPLATE_CROP 160.0

/* What a frame leaves behind. */
struct view {
    double seconds;            /* from the first frame */
    int found;                 /* the frame had a face */
    int drawn;                 /* there is a picture: its own, or one held from an earlier frame */
    struct vis_face_seen face; /* where the picture came from */
    uint8_t picture[CROP_HEIGHT * CROP_WIDTH * 3];
};

/* A crop is taken from the last frame that was there at its time, which is known when the next
 * frame comes: so two views are kept. */
struct viseme_cropper {
    struct vis_follow *follow;
    double rate, aspect;
    int started, finished;
    double start_s, last_s;  /* as given by the caller */
    struct view before, now; /* of the last two frames */
    int64_t next_index;
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
    vis_follow_free(c->follow);
    free(c);
}

/* ---- Geometry -----------------------------------------------------------------------------------
 */

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

static void draw(const viseme_cropper *c, const viseme_image *frame, struct view *to)
{
    const struct mouth m = mouth_of(c, &to->face.pose);
    const struct vis_similarity s =
        vis_similarity_box(m.x, m.y, m.crop_width, CROP_WIDTH, CROP_HEIGHT);
    vis_warp_bgr(frame, &s, VIS_BORDER_NEAREST, to->picture, CROP_WIDTH, CROP_HEIGHT);
    to->drawn = 1;
}

/* ---- The task -----------------------------------------------------------------------------------
 */

/* The view that crop `next_index` is taken from; NULL when it is not known yet or there is none.
 * *held is set when that is not the frame at its time. */
static const struct view *next_view(const viseme_cropper *c, int *held)
{
    const double tick = (double)c->next_index, now = c->now.seconds * c->rate;
    const struct view *v = NULL;
    if (!c->now.drawn)
        return NULL;
    if (tick + TOLERANCE < now)
        v = c->before.drawn ? &c->before : &c->now; /* the latter before the first face */
    else if (c->finished && tick <= now + TOLERANCE)
        v = &c->now;
    *held = v && (!v->found || (v == &c->now && tick + TOLERANCE < now));
    return v;
}

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
    int held = 0;
    if (next_view(c, &held))
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
    struct vis_face_seen seen;
    viseme_status status = check_push(c, frame, &seconds, err);
    if (status != VISEME_OK)
        return status;
    if (!c->started)
        c->start_s = seconds;
    status = vis_follow_push(c->follow, frame, seconds - c->start_s, &seen, err);
    if (status != VISEME_OK)
        return status;
    c->before = c->now;
    c->now.seconds = seconds - c->start_s;
    c->now.found = seen.found;
    if (seen.found) {
        c->now.face = seen;
        draw(c, frame, &c->now);
    }
    c->started = 1;
    c->last_s = seconds;
    return VISEME_OK;
}

viseme_status viseme_cropper_finish(viseme_cropper *c, viseme_error *err)
{
    if (!c || c->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: already finished");
    c->finished = 1;
    if (!c->started)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame in the input");
    if (!c->now.drawn)
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face in the whole input");
    return VISEME_OK;
}

int viseme_cropper_next(viseme_cropper *c, viseme_crop *crop)
{
    int held = 0;
    const struct view *v = c && crop ? next_view(c, &held) : NULL;
    if (!v)
        return 0;
    *crop = (viseme_crop){.bgr = v->picture,
                          .width = CROP_WIDTH,
                          .height = CROP_HEIGHT,
                          .index = c->next_index,
                          .time_s = c->start_s + (double)c->next_index / c->rate,
                          .held = held,
                          .face = face_of(c, &v->face)};
    c->next_index++;
    return 1;
}

int viseme_cropper_face(const viseme_cropper *c, viseme_face *face)
{
    if (!c || !face || !c->now.found)
        return 0;
    *face = face_of(c, &c->now.face);
    return 1;
}
