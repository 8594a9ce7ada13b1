#include "viseme.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "signal/smooth_points.h"
#include "tasks/face_methods.h"
#include "tasks/smooth_crops.h"

enum {
    EVERY = 4 /* crops from one look at the landmarks to the next. On 10 clips of speakers that
                 LipNet was not trained on, the CTC loss of a clip was 52.1 with every crop, 54.1,
                 56.4, 58.0 with every second, third, fourth; 75.1 with the cascade */
};

#define DEFAULT_RATE 25.0
#define MAX_RATE     1000.0
#define MAX_JUMP     3600.0 /* seconds from one frame to the next */

/* Crops that were held, first to first + count. */
struct gap {
    int64_t first, count;
};

struct viseme_cropper {
    struct vis_face_tracks *tracks;
    struct vis_views *views;
    struct vis_smooth_crops *smooth; /* of Auto-AVSR's crops, else NULL */
    viseme_crop_kind kind;
    struct vis_crop_size size;
    double rate;
    viseme_no_face on_no_face;
    int started, finished;
    double start_s, last_s; /* as given by the caller */
    struct gap *gaps;
    size_t gap_count, gap_room;
};

static viseme_status check_options(const viseme_crop_options *opts, viseme_error *err)
{
    viseme_status status = vis_face_methods_check(opts, "cropper", err);
    if (status == VISEME_OK && !(opts->rate >= 0 && opts->rate <= MAX_RATE))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "cropper: the rate must be above 0 and at most %g crops a second",
                        MAX_RATE);
    if (status == VISEME_OK &&
        (opts->kind < VISEME_CROP_LIPNET || opts->kind > VISEME_CROP_SYNCVSR_LRW))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: crops of an unknown kind, %d",
                        (int)opts->kind);
    return status;
}

static viseme_status fill(viseme_cropper *c, const viseme_crop_options *opts, viseme_error *err)
{
    const int every = opts->landmarks_every ? opts->landmarks_every : EVERY;
    c->rate = opts->rate > 0 ? opts->rate : DEFAULT_RATE;
    c->on_no_face = opts->on_no_face;
    c->kind = opts->kind;
    c->size = vis_crop_size(opts->kind);
    /* a little early, so that rounded times do not make it a crop late */
    viseme_status status =
        vis_face_methods_track(&c->tracks, opts, every > 1 ? (every - 0.5) / c->rate : 0, err);
    if (status == VISEME_OK)
        status =
            vis_views_create(&c->views, opts->kind, c->rate, opts->face_detector ? every : 0, err);
    if (status == VISEME_OK && opts->kind == VISEME_CROP_AUTOAVSR)
        status = vis_smooth_crops_create(&c->smooth, err);
    return status;
}

viseme_status viseme_cropper_open(viseme_cropper **out, const viseme_crop_options *opts,
                                  viseme_error *err)
{
    if (!out)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: no place for the result");
    *out = NULL;
    viseme_status status = check_options(opts, err);
    if (status != VISEME_OK)
        return status;
    viseme_cropper *c = calloc(1, sizeof *c);
    if (!c)
        return vis_fail_nomem(err, sizeof *c);
    status = fill(c, opts, err);
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
    vis_smooth_crops_free(c->smooth);
    vis_views_free(c->views);
    free(c->gaps);
    free(c);
}

static viseme_status check_push(viseme_cropper *c, const viseme_image *frame, double *seconds,
                                viseme_error *err)
{
    if (!c)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: there is none");
    viseme_status status = vis_face_methods_frame(frame, "cropper", err);
    if (status != VISEME_OK)
        return status;
    if (c->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: a frame after viseme_cropper_finish()");
    if (vis_views_ready(c->views))
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

/* Of an input where every crop must show the face. */
static viseme_status check_no_face(const viseme_cropper *c, viseme_error *err)
{
    const struct vis_view *v = vis_views_ready(c->views);
    if (c->on_no_face == VISEME_NO_FACE_FAIL &&
        ((v && vis_views_held(c->views, v)) || vis_views_late(c->views)))
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face at %.3f s",
                        c->start_s + (double)vis_views_index(c->views) / c->rate);
    return VISEME_OK;
}

/* Room for the gaps of all crops that may be taken before the next frame, so that
 * viseme_cropper_next() cannot fail. */
static viseme_status reserve_gap(viseme_cropper *c, viseme_error *err)
{
    if (c->gap_count + VIS_SMOOTH_HELD <= c->gap_room)
        return VISEME_OK;
    const size_t room = 2 * (c->gap_count + VIS_SMOOTH_HELD);
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
    status = vis_views_add(c->views, frame, seconds - c->start_s, c->tracks, err);
    if (status != VISEME_OK)
        return status;
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
    if (!vis_views_last(c->views))
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face in the whole input");
    vis_views_finish(c->views);
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

/* The next crop, but for its size and time; 0: there is none yet. */
static int next_smooth(viseme_cropper *c, viseme_crop *crop)
{
    const struct vis_smooth_crop *s = vis_smooth_crops_next(c->smooth, c->views, c->finished);
    if (!s)
        return 0;
    *crop = (viseme_crop){.bgr = s->picture,
                          .index = s->index,
                          .held = s->held,
                          .face = s->face,
                          .faces = s->faces,
                          .face_count = s->face_count};
    return 1;
}

static int next_view(viseme_cropper *c, viseme_crop *crop)
{
    const struct vis_view *v = vis_views_ready(c->views);
    const int64_t index = vis_views_index(c->views);
    if (!v)
        return 0;
    const int held = vis_views_held(c->views, v);
    const int points = c->kind == VISEME_CROP_SYNCVSR_LRW && v->place.seen.meshed && !held;
    *crop = (viseme_crop){.bgr = v->picture,
                          .index = index,
                          .held = held,
                          .face = v->place.face,
                          .faces = v->faces,
                          .face_count = index < v->own ? 0 : v->face_count,
                          .landmarks = points ? v->place.seen.mesh[0] : NULL};
    vis_views_next(c->views);
    return 1;
}

int viseme_cropper_next(viseme_cropper *c, viseme_crop *crop)
{
    if (!c || !crop || !(c->smooth ? next_smooth(c, crop) : next_view(c, crop)))
        return 0;
    crop->width = c->size.width;
    crop->height = c->size.height;
    crop->time_s = c->start_s + (double)crop->index / c->rate;
    if (crop->held)
        note_gap(c, crop->index);
    return 1;
}

int viseme_cropper_face(const viseme_cropper *c, viseme_face *face)
{
    const struct vis_view *v = c ? vis_views_last(c->views) : NULL;
    if (!v || !face || !v->found)
        return 0;
    *face = v->place.face;
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
