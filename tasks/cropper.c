#include "viseme.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "signal/warp.h"
#include "tasks/face_haar.h"
#include "tasks/face_tracks.h"

enum { CROP_WIDTH = VIS_CROP_WIDTH, CROP_HEIGHT = VIS_CROP_HEIGHT, MAX_SIDE = 16384 };

#define DEFAULT_RATE 25.0
#define MAX_RATE     1000.0
#define MAX_JUMP     3600.0 /* seconds from one frame to the next */

/* Frames may come this part of a tick late, so that rounded times do not skip or double a frame.
 * Not a half: frames at twice the rate would then lie on the edge. */
#define TOLERANCE 0.25

/* What a frame leaves behind. */
struct view {
    double seconds;  /* from the first frame */
    int found;       /* the frame had the chosen face */
    int drawn;       /* there is a picture: its own, or one held from an earlier frame */
    viseme_face own; /* where the picture came from */
    uint8_t picture[CROP_HEIGHT * CROP_WIDTH * 3];
    viseme_face faces[VIS_FACES];
    size_t face_count;
};

/* Crops that were held, first to first + count. */
struct gap {
    int64_t first, count;
};

/* A crop is taken from the last frame that was there at its time, which is known when the next
 * frame comes: so two views are kept. */
struct viseme_cropper {
    struct vis_face_tracks *tracks;
    double rate;
    viseme_no_face on_no_face;
    int started, finished;
    double start_s, last_s;  /* as given by the caller */
    struct view before, now; /* of the last two frames */
    int64_t next_index;
    struct gap *gaps;
    size_t gap_count, gap_room;
};

static viseme_status check_options(const viseme_crop_options *opts, viseme_error *err)
{
    if (!opts || !opts->cascade_xml)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: the options have no cascade");
    if (!(opts->rate >= 0 && opts->rate <= MAX_RATE))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: the rate must be above 0 and at most %g crops a second",
                        MAX_RATE);
    if ((opts->face != VISEME_FACE_LARGEST && opts->face != VISEME_FACE_POINT &&
         opts->face != VISEME_FACE_NUMBER) ||
        (opts->face == VISEME_FACE_NUMBER && opts->face_number < 1) ||
        (opts->face == VISEME_FACE_POINT && !(isfinite(opts->face_x) && isfinite(opts->face_y))))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: a face is chosen by size, by a finite point, or by a number "
                        "from 1 on");
    if (opts->on_no_face != VISEME_NO_FACE_HOLD && opts->on_no_face != VISEME_NO_FACE_FAIL)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: on_no_face is neither hold nor fail");
    return VISEME_OK;
}

viseme_status viseme_cropper_open(viseme_cropper **out, const viseme_crop_options *opts,
                                  viseme_error *err)
{
    struct vis_face_finder finder = {0};
    struct vis_cascade *cascade = NULL;
    viseme_cropper *c = NULL;
    if (!out)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: no place for the result");
    *out = NULL;
    viseme_status status = check_options(opts, err);
    if (status != VISEME_OK)
        return status;
    status = vis_cascade_parse(&cascade, opts->cascade_xml, opts->cascade_bytes, err);
    if (status == VISEME_OK)
        status = vis_face_haar(&finder, cascade, err);
    if (status != VISEME_OK)
        return status;
    const struct vis_face_tracks_options tracks = {.choice = opts->face,
                                                   .number = opts->face_number,
                                                   .x = opts->face_x,
                                                   .y = opts->face_y,
                                                   .all = opts->all_faces != 0};
    c = calloc(1, sizeof *c);
    if (!c) {
        finder.method->free(finder.self);
        return vis_fail_nomem(err, sizeof *c);
    }
    c->rate = opts->rate > 0 ? opts->rate : DEFAULT_RATE;
    c->on_no_face = opts->on_no_face;
    status = vis_face_tracks_create(&c->tracks, finder, &tracks, err);
    if (status != VISEME_OK) {
        viseme_cropper_close(c);
        return status;
    }
    *out = c;
    return VISEME_OK;
}

void viseme_cropper_close(viseme_cropper *c)
{
    if (!c)
        return;
    vis_face_tracks_free(c->tracks);
    free(c->gaps);
    free(c);
}

static viseme_face face_of(const struct vis_face_tracked *t)
{
    const struct vis_face_pose *p = &t->seen.pose;
    return (viseme_face){.x = p->x - p->width / 2,
                         .y = p->y - p->height / 2,
                         .width = p->width,
                         .height = p->height,
                         .mouth_x = t->seen.mouth_x,
                         .mouth_y = t->seen.mouth_y,
                         .confidence = t->seen.confidence,
                         .id = t->id};
}

static void draw(const viseme_image *frame, const struct vis_face_seen *seen, uint8_t *picture)
{
    const struct vis_similarity s =
        vis_similarity_box(seen->mouth_x, seen->mouth_y, seen->crop_width, CROP_WIDTH, CROP_HEIGHT);
    vis_warp_bgr(frame, &s, VIS_BORDER_NEAREST, picture, CROP_WIDTH, CROP_HEIGHT);
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

/* Takes what the tracks say of a frame into `now`. */
static void see(viseme_cropper *c, const viseme_image *frame, double seconds)
{
    const struct vis_face_tracked *chosen = vis_face_tracks_chosen(c->tracks);
    int count = 0;
    const struct vis_face_tracked *faces = vis_face_tracks_faces(c->tracks, &count);
    c->before = c->now;
    c->now.seconds = seconds;
    c->now.found = chosen != NULL;
    if (chosen) {
        c->now.own = face_of(chosen);
        draw(frame, &chosen->seen, c->now.picture);
        c->now.drawn = 1;
    }
    c->now.face_count = (size_t)count;
    for (int i = 0; i < count; i++)
        c->now.faces[i] = face_of(&faces[i]);
}

/* Of an input where every crop must show the face. */
static viseme_status check_no_face(const viseme_cropper *c, viseme_error *err)
{
    int held = 0;
    const double tick = (double)c->next_index;
    const struct view *v = next_view(c, &held);
    const int nothing = !c->now.drawn && tick + TOLERANCE < c->now.seconds * c->rate;
    if (c->on_no_face == VISEME_NO_FACE_FAIL && ((v && held) || nothing))
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face at %.3f s", c->start_s + tick / c->rate);
    return VISEME_OK;
}

/* Room for the gap that a frame may begin, so that viseme_cropper_next() cannot fail. */
static viseme_status reserve_gap(viseme_cropper *c, viseme_error *err)
{
    if (c->gap_count < c->gap_room)
        return VISEME_OK;
    const size_t room = c->gap_room ? 2 * c->gap_room : 8;
    struct gap *gaps = realloc(c->gaps, room * sizeof *gaps);
    if (!gaps)
        return vis_fail_nomem(err, room * sizeof *gaps);
    c->gaps = gaps;
    c->gap_room = room;
    return VISEME_OK;
}

viseme_status viseme_cropper_push(viseme_cropper *c, const viseme_image *frame, double seconds,
                                  viseme_error *err)
{
    viseme_status status = check_push(c, frame, &seconds, err);
    if (status == VISEME_OK)
        status = reserve_gap(c, err);
    if (status != VISEME_OK)
        return status;
    if (!c->started)
        c->start_s = seconds;
    status = vis_face_tracks_push(c->tracks, frame, seconds, err);
    if (status != VISEME_OK)
        return status;
    see(c, frame, seconds - c->start_s);
    c->started = 1;
    c->last_s = seconds;
    return check_no_face(c, err);
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
    viseme_status status = reserve_gap(c, err);
    return status == VISEME_OK ? check_no_face(c, err) : status;
}

static void note_gap(viseme_cropper *c, int64_t index)
{
    struct gap *last = c->gap_count ? &c->gaps[c->gap_count - 1] : NULL;
    if (last && last->first + last->count == index)
        last->count++;
    else
        c->gaps[c->gap_count++] = (struct gap){index, 1};
}

int viseme_cropper_next(viseme_cropper *c, viseme_crop *crop)
{
    int held = 0;
    const struct view *v = c && crop ? next_view(c, &held) : NULL;
    if (!v)
        return 0;
    const int later = v->seconds * c->rate > (double)c->next_index + TOLERANCE;
    if (held)
        note_gap(c, c->next_index);
    *crop = (viseme_crop){.bgr = v->picture,
                          .width = CROP_WIDTH,
                          .height = CROP_HEIGHT,
                          .index = c->next_index,
                          .time_s = c->start_s + (double)c->next_index / c->rate,
                          .held = held,
                          .face = v->own,
                          .faces = v->faces,
                          .face_count = later ? 0 : v->face_count};
    c->next_index++;
    return 1;
}

int viseme_cropper_face(const viseme_cropper *c, viseme_face *face)
{
    if (!c || !face || !c->now.found)
        return 0;
    *face = c->now.own;
    return 1;
}

int viseme_cropper_gap(const viseme_cropper *c, size_t i, viseme_gap *gap)
{
    if (!c || !gap || i >= c->gap_count)
        return 0;
    const struct gap *g = &c->gaps[i];
    *gap = (viseme_gap){c->start_s + (double)g->first / c->rate,
                        c->start_s + (double)(g->first + g->count) / c->rate};
    return 1;
}

int viseme_cropper_track(const viseme_cropper *c, size_t i, viseme_track *track)
{
    size_t count = 0;
    const viseme_track *tracks = c ? vis_face_tracks_history(c->tracks, &count) : NULL;
    if (!track || i >= count)
        return 0;
    *track = tracks[i];
    return 1;
}
