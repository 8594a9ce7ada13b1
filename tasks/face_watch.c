#include "tasks/face_watch.h"

#include <math.h>
#include <stdlib.h>

#include "tasks/face_methods.h"

#define DEFAULT_RATE 25.0
#define MAX_RATE     1000.0

struct vis_face_watch {
    struct vis_face_tracks *tracks;
    viseme_no_face on_no_face;
    struct vis_face_place faces[VIS_FACES];
    int face_count, chosen; /* chosen: index, -1 for none */
    int started, finished, ever;
    double last_s, step_s; /* time of the last frame, and since the one before */
    int in_gap;            /* the last of `gaps` is open */
    viseme_gap *gaps;
    size_t gap_count, gap_room;
};

viseme_status vis_face_watch_open(struct vis_face_watch **out, const viseme_crop_options *opts,
                                  viseme_error *err)
{
    *out = NULL;
    viseme_status status = vis_face_methods_check(opts, "faces", err);
    if (status != VISEME_OK)
        return status;
    if (!(opts->rate >= 0 && opts->rate <= MAX_RATE))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "faces: the rate must be above 0 and at most %g frames a second", MAX_RATE);
    struct vis_face_watch *w = calloc(1, sizeof *w);
    if (!w)
        return vis_fail_nomem(err, sizeof *w);
    const double rate = opts->rate > 0 ? opts->rate : DEFAULT_RATE;
    const int every = opts->landmarks_every;
    w->on_no_face = opts->on_no_face;
    w->chosen = -1;
    status = vis_face_methods_track(&w->tracks, opts, every > 1 ? (every - 0.5) / rate : 0, err);
    if (status != VISEME_OK) {
        vis_face_watch_free(w);
        return status;
    }
    *out = w;
    return VISEME_OK;
}

void vis_face_watch_free(struct vis_face_watch *w)
{
    if (!w)
        return;
    vis_face_tracks_free(w->tracks);
    free(w->gaps);
    free(w);
}

/* Copies what the tracks say of the last frame, boxes in WIDER FACE's manner. */
static void take_faces(struct vis_face_watch *w)
{
    const struct vis_face_tracked *chosen = vis_face_tracks_chosen(w->tracks);
    const struct vis_face_tracked *faces = vis_face_tracks_faces(w->tracks, &w->face_count);
    const double *outline = vis_face_tracks_method(w->tracks)->outline;
    w->chosen = -1;
    for (int i = 0; i < w->face_count; i++) {
        const struct vis_face_pose *p = &faces[i].seen.pose;
        w->faces[i] = (struct vis_face_place){.id = faces[i].id,
                                              .x0 = p->x + outline[0] * p->width,
                                              .y0 = p->y + outline[1] * p->height,
                                              .x1 = p->x + outline[2] * p->width,
                                              .y1 = p->y + outline[3] * p->height,
                                              .confidence = faces[i].seen.confidence};
        if (chosen && faces[i].id == chosen->id)
            w->chosen = i;
    }
}

static viseme_status open_gap(struct vis_face_watch *w, double seconds, viseme_error *err)
{
    if (w->gap_count == w->gap_room) {
        const size_t room = w->gap_room ? 2 * w->gap_room : 8;
        viseme_gap *gaps = realloc(w->gaps, room * sizeof *gaps);
        if (!gaps)
            return vis_fail_nomem(err, room * sizeof *gaps);
        w->gaps = gaps;
        w->gap_room = room;
    }
    w->gaps[w->gap_count++] = (viseme_gap){seconds, seconds};
    w->in_gap = 1;
    return VISEME_OK;
}

viseme_status vis_face_watch_push(struct vis_face_watch *w, const viseme_image *frame,
                                  double seconds, viseme_error *err)
{
    viseme_status status = vis_face_methods_frame(frame, "faces", err);
    if (status != VISEME_OK)
        return status;
    if (w->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "faces: a frame after the last one");
    if (!isfinite(seconds))
        return vis_fail(err, VISEME_ERR_INPUT, "faces: a frame has no finite time");
    if (w->started && seconds < w->last_s)
        seconds = w->last_s;
    status = vis_face_tracks_push(w->tracks, frame, seconds, err);
    if (status != VISEME_OK)
        return status;
    w->step_s = w->started ? seconds - w->last_s : 0;
    w->last_s = seconds;
    w->started = 1;
    take_faces(w);
    if (w->in_gap)
        w->gaps[w->gap_count - 1].end_s = seconds;
    if (w->chosen >= 0) {
        w->ever = 1;
        w->in_gap = 0;
        return VISEME_OK;
    }
    if (w->on_no_face == VISEME_NO_FACE_FAIL)
        return vis_fail(err, VISEME_ERR_NO_FACE, "no face at %.3f s", seconds);
    return w->in_gap ? VISEME_OK : open_gap(w, seconds, err);
}

viseme_status vis_face_watch_finish(struct vis_face_watch *w, viseme_error *err)
{
    w->finished = 1;
    if (!w->started)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame in the input");
    if (w->in_gap)
        w->gaps[w->gap_count - 1].end_s = w->last_s + w->step_s;
    w->in_gap = 0;
    return w->ever ? VISEME_OK : vis_fail(err, VISEME_ERR_NO_FACE, "no face in the whole input");
}

const struct vis_face_place *vis_face_watch_faces(const struct vis_face_watch *w, int *count)
{
    *count = w->face_count;
    return w->faces;
}

const struct vis_face_place *vis_face_watch_chosen(const struct vis_face_watch *w)
{
    return w->chosen >= 0 ? &w->faces[w->chosen] : NULL;
}

int vis_face_watch_shot(const struct vis_face_watch *w)
{
    return vis_face_tracks_shot(w->tracks);
}

int vis_face_watch_gap(const struct vis_face_watch *w, size_t i, viseme_gap *gap)
{
    if (i >= w->gap_count)
        return 0;
    *gap = w->gaps[i];
    return 1;
}

int vis_face_watch_track(const struct vis_face_watch *w, size_t i, viseme_track *track)
{
    size_t count = 0;
    const viseme_track *tracks = vis_face_tracks_history(w->tracks, &count);
    if (i >= count)
        return 0;
    *track = tracks[i];
    return 1;
}

/* A coordinate within 0 .. size; NaN is 0. */
static int within(double x, int size)
{
    return x > 0 ? (int)fmin(x, size) : 0;
}

int vis_face_place_pixels(const struct vis_face_place *p, int width, int height, int box[4])
{
    const int b[4] = {within(p->x0, width), within(p->y0, height), within(p->x1, width),
                      within(p->y1, height)};
    if (b[2] <= b[0] || b[3] <= b[1])
        return 0;
    for (int i = 0; i < 4; i++)
        box[i] = b[i];
    return 1;
}
