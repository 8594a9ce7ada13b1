#include "tasks/crop_views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Frames may come this part of a tick late, so that rounded times do not skip or double a frame.
 * Not a half: frames at twice the rate would then lie on the edge. */
#define TOLERANCE 0.25

#define MARGIN 0.3 /* of the crop's width, kept around the crop while it is pending */

/* The last look at the chosen face. */
struct look {
    double seconds;
    struct vis_place place;
    int number; /* looks at this face so far */
};

struct vis_views {
    viseme_crop_kind kind;
    double rate, seconds; /* seconds: of the frame added last */
    int64_t next;         /* crop */
    int room, count;
    struct vis_view **view; /* [room], the first `count` in use, in order of time */
    struct look look;
};

static void free_view(struct vis_view *view)
{
    if (!view)
        return;
    free(view->picture);
    free(view->kept.gray);
    free(view->part.bytes);
    free(view);
}

static struct vis_view *new_view(viseme_crop_kind kind)
{
    const struct vis_crop_size size = vis_crop_size(kind);
    struct vis_view *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    if (kind == VISEME_CROP_AUTOAVSR)
        view->kept.gray = malloc((size_t)VIS_ALIGNED_PART * VIS_ALIGNED_PART);
    else
        view->picture = malloc((size_t)size.width * (size_t)size.height * 3);
    if (view->picture || view->kept.gray)
        return view;
    free_view(view);
    return NULL;
}

viseme_status vis_views_create(struct vis_views **out, viseme_crop_kind kind, double rate,
                               int longest, viseme_error *err)
{
    const int room = longest + 4; /* the pending ones, the last one, the next one */
    struct vis_views *v = calloc(1, sizeof *v);
    *out = NULL;
    if (!v)
        return vis_fail_nomem(err, sizeof *v);
    v->kind = kind;
    v->rate = rate;
    v->view = calloc((size_t)room, sizeof *v->view);
    for (; v->view && v->room < room; v->room++) {
        v->view[v->room] = new_view(kind);
        if (!v->view[v->room])
            break;
    }
    if (v->room < room) {
        vis_views_free(v);
        return vis_fail_nomem(err, (size_t)room * sizeof(struct vis_view));
    }
    *out = v;
    return VISEME_OK;
}

void vis_views_free(struct vis_views *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->room; i++)
        free_view(v->view[i]);
    free(v->view);
    free(v);
}

static void drop(struct vis_views *v, int i)
{
    struct vis_view *gone = v->view[i];
    v->count--;
    memmove(v->view + i, v->view + i + 1, (size_t)(v->count - i) * sizeof *v->view);
    v->view[v->count] = gone;
}

/* The crops whose time lies before a frame at `seconds`. */
static int64_t crops_before(const struct vis_views *v, double seconds)
{
    const double n = ceil(seconds * v->rate - TOLERANCE);
    return n > 0 ? (int64_t)n : 0;
}

/* ---- Pictures ----------------------------------------------------------------------------------
 */

/* Keeps the part of the frame that the crop will come from, give or take. */
static viseme_status keep_part(struct vis_part *part, viseme_crop_kind kind,
                               const viseme_image *frame, const struct vis_place *place,
                               viseme_error *err)
{
    double low[2], high[2];
    vis_place_bounds(place, kind, frame->width, frame->height, low, high);
    const double margin = MARGIN * (high[0] - low[0]);
    const int left = (int)fmax(0, fmin(floor(low[0] - margin), frame->width - 1));
    const int top = (int)fmax(0, fmin(floor(low[1] - margin), frame->height - 1));
    const int right = (int)fmax(left + 1, fmin(ceil(high[0] + margin), frame->width));
    const int bottom = (int)fmax(top + 1, fmin(ceil(high[1] + margin), frame->height));
    const size_t row = (size_t)(right - left) * 3, bytes = row * (size_t)(bottom - top);
    if (bytes > part->room) {
        free(part->bytes);
        part->room = 0;
        part->bytes = malloc(bytes);
        if (!part->bytes)
            return vis_fail_nomem(err, bytes);
        part->room = bytes;
    }
    for (int y = top; y < bottom; y++)
        memcpy(part->bytes + (size_t)(y - top) * row,
               frame->data + y * frame->stride + (ptrdiff_t)left * 3, row);
    part->cut = (struct vis_cutting){
        {part->bytes, right - left, bottom - top, (ptrdiff_t)row, frame->format},
        left,
        top,
        frame->width,
        frame->height};
    return VISEME_OK;
}

/* Draws what is pending, between the last look and `to`; NULL: as at the last look. */
static void settle(struct vis_views *v, const struct look *to)
{
    for (int i = 0; i < v->count; i++) {
        struct vis_view *w = v->view[i];
        if (!w->pending)
            continue;
        w->place = v->look.place;
        if (to && to->seconds > v->look.seconds)
            vis_place_mix(&w->place, &to->place,
                          (w->seconds - v->look.seconds) / (to->seconds - v->look.seconds));
        if (v->kind != VISEME_CROP_AUTOAVSR)
            vis_place_cut(&w->place, v->kind, &w->part.cut, w->picture);
        w->pending = 0;
    }
}

/* Cuts the crop out of a frame whose place is known, or keeps what it will be cut out of. */
static void cut(struct vis_view *now, viseme_crop_kind kind, const viseme_image *frame)
{
    const struct vis_cutting all = {*frame, 0, 0, frame->width, frame->height};
    if (kind == VISEME_CROP_AUTOAVSR)
        vis_aligned_keep(&now->kept, frame, (const double(*)[2])now->place.points);
    else
        vis_place_cut(&now->place, kind, &all, now->picture);
}

/* ---- Frames ------------------------------------------------------------------------------------
 */

/* The picture, and where it comes from, of a frame that shows the chosen face. */
static viseme_status take(struct vis_views *v, struct vis_view *now, const viseme_image *frame,
                          const struct vis_face_tracked *chosen,
                          const struct vis_face_method *method, viseme_error *err)
{
    const int same = v->count > 0 && v->look.place.face.id == chosen->id;
    struct look look = {.seconds = now->seconds, .number = same ? v->look.number + 1 : 1};
    if (!chosen->seen.fresh && same) {
        now->pending = 1;
        now->place = v->look.place;
        if (v->kind == VISEME_CROP_AUTOAVSR) {
            cut(now, v->kind, frame);
            return VISEME_OK;
        }
        return keep_part(&now->part, v->kind, frame, &now->place, err);
    }
    vis_place_of(&look.place, v->kind, chosen, method, same ? &v->look.place : NULL,
                 look.number - 1);
    settle(v, same ? &look : NULL);
    v->look = look;
    now->place = look.place;
    cut(now, v->kind, frame);
    return VISEME_OK;
}

/* Of a frame without it: LipNet's crop is repeated, others are cut where the last one was. */
static void take_without(struct vis_views *v, struct vis_view *now, const struct vis_view *before,
                         const viseme_image *frame)
{
    const struct vis_crop_size size = vis_crop_size(v->kind);
    settle(v, NULL);
    now->place = before->place;
    if (v->kind == VISEME_CROP_LIPNET)
        memcpy(now->picture, before->picture, (size_t)size.width * (size_t)size.height * 3);
    else
        cut(now, v->kind, frame);
}

viseme_status vis_views_add(struct vis_views *v, const viseme_image *frame, double seconds,
                            const struct vis_face_tracks *tracks, viseme_error *err)
{
    int count = 0;
    const struct vis_face_tracked *chosen = vis_face_tracks_chosen(tracks);
    const struct vis_face_tracked *faces = vis_face_tracks_faces(tracks, &count);
    struct vis_view *before = v->count ? v->view[v->count - 1] : NULL;
    v->seconds = seconds;
    if (!chosen && !before)
        return VISEME_OK;
    if (v->count == v->room)
        return vis_fail(err, VISEME_ERR_INTERNAL, "cropper: no room for a frame at %.3f s",
                        seconds);
    struct vis_view *now = v->view[v->count];
    const int64_t begin = crops_before(v, seconds);
    now->seconds = seconds;
    now->found = chosen != NULL;
    now->pending = 0;
    now->own = now->end = begin;
    now->face_count = (size_t)count;
    for (int i = 0; i < count; i++)
        now->faces[i] = vis_place_face(&faces[i]);
    if (chosen) {
        viseme_status status = take(v, now, frame, chosen, vis_face_tracks_method(tracks), err);
        if (status != VISEME_OK)
            return status;
    } else {
        take_without(v, now, before, frame);
    }
    v->count++;
    if (before) {
        const int64_t first = v->count > 2 ? v->view[v->count - 3]->end : v->next;
        before->end = begin > before->end ? begin : before->end;
        if (before->end <= first) /* it gives no crop */
            drop(v, v->count - 2);
    }
    return VISEME_OK;
}

void vis_views_finish(struct vis_views *v)
{
    struct vis_view *last = v->count ? v->view[v->count - 1] : NULL;
    settle(v, NULL);
    if (last) {
        const int64_t end = (int64_t)floor(v->seconds * v->rate + TOLERANCE) + 1;
        last->end = end > last->end ? end : last->end;
    }
}

const struct vis_view *vis_views_ready(const struct vis_views *v)
{
    const struct vis_view *first = v->count ? v->view[0] : NULL;
    return first && !first->pending && v->next < first->end ? first : NULL;
}

int64_t vis_views_index(const struct vis_views *v)
{
    return v->next;
}

int vis_views_held(const struct vis_views *v, const struct vis_view *view)
{
    return !view->found || v->next < view->own;
}

void vis_views_next(struct vis_views *v)
{
    v->next++;
    while (v->count > 1 && v->view[0]->end <= v->next)
        drop(v, 0);
}

const struct vis_view *vis_views_last(const struct vis_views *v)
{
    return v->count ? v->view[v->count - 1] : NULL;
}

int vis_views_late(const struct vis_views *v)
{
    return v->count == 0 && v->next < crops_before(v, v->seconds);
}
