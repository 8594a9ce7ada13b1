#include "tasks/smooth_crops.h"

#include <stdlib.h>
#include <string.h>

#include "signal/smooth_points.h"

enum { ROOM = VIS_SMOOTH_HELD };

/* A crop that waits for its points. */
struct waiting {
    struct vis_aligned_part part;
    int64_t index;
    int held;
    viseme_face face, faces[VIS_FACES];
    size_t face_count;
};

struct vis_smooth_crops {
    struct vis_smooth_points *points;
    struct waiting waiting[ROOM]; /* a ring */
    int first, count;
    int id, finished; /* the face of the stretch; nothing of it is to come */
    struct vis_smooth_crop crop;
};

viseme_status vis_smooth_crops_create(struct vis_smooth_crops **out, viseme_error *err)
{
    const size_t bytes = (size_t)VIS_ALIGNED_PART * VIS_ALIGNED_PART;
    struct vis_smooth_crops *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    viseme_status status = vis_smooth_points_create(&s->points, VIS_FACE_68, err);
    for (int i = 0; i < ROOM && status == VISEME_OK; i++) {
        s->waiting[i].part.gray = malloc(bytes);
        if (!s->waiting[i].part.gray)
            status = vis_fail_nomem(err, bytes);
    }
    if (status != VISEME_OK) {
        vis_smooth_crops_free(s);
        return status;
    }
    *out = s;
    return VISEME_OK;
}

void vis_smooth_crops_free(struct vis_smooth_crops *s)
{
    if (!s)
        return;
    vis_smooth_points_free(s->points);
    for (int i = 0; i < ROOM; i++)
        free(s->waiting[i].part.gray);
    free(s);
}

/* Takes the next crop of a view. */
static void take(struct vis_smooth_crops *s, const struct vis_view *v, int64_t index, int held)
{
    struct waiting *w = &s->waiting[(s->first + s->count++) % ROOM];
    uint8_t *gray = w->part.gray;
    w->part = v->kept;
    w->part.gray = gray;
    memcpy(gray, v->kept.gray, (size_t)v->kept.width * (size_t)v->kept.height);
    w->index = index;
    w->held = held;
    w->face = v->place.face;
    w->face_count = index < v->own ? 0 : v->face_count;
    memcpy(w->faces, v->faces, sizeof w->faces);
    vis_smooth_points_push(s->points, v->found ? (const double(*)[2])v->place.points : NULL);
}

/* The crop that has waited longest, if its points are there. */
static const struct vis_smooth_crop *give(struct vis_smooth_crops *s)
{
    const struct waiting *w = &s->waiting[s->first];
    double points[VIS_FACE_68][2];
    if (!vis_smooth_points_next(s->points, points))
        return NULL;
    s->crop.index = w->index;
    s->crop.held = w->held;
    s->crop.face = w->face;
    s->crop.face_count = w->face_count;
    memcpy(s->crop.faces, w->faces, sizeof w->faces);
    vis_aligned_crop(&w->part, (const double(*)[2])points, s->crop.picture);
    s->first = (s->first + 1) % ROOM;
    s->count--;
    return &s->crop;
}

const struct vis_smooth_crop *vis_smooth_crops_next(struct vis_smooth_crops *s,
                                                    struct vis_views *views, int last)
{
    for (;;) {
        const struct vis_view *v = vis_views_ready(views);
        const struct vis_smooth_crop *crop = give(s);
        if (crop)
            return crop;
        if (s->id && !s->finished && (v ? v->place.face.id != s->id : last)) {
            vis_smooth_points_finish(s->points);
            s->finished = 1;
        } else if (v) {
            s->id = v->place.face.id;
            s->finished = 0;
            take(s, v, vis_views_index(views), vis_views_held(views, v));
            vis_views_next(views);
        } else {
            return NULL;
        }
    }
}
