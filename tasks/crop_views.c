#include "tasks/crop_views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/warp.h"
#include "tasks/mouth_crop.h"

/* Frames may come this part of a tick late, so that rounded times do not skip or double a frame.
 * Not a half: frames at twice the rate would then lie on the edge. */
#define TOLERANCE 0.25

#define MARGIN 0.3 /* of the crop's width, kept around the crop while it is pending */

/* The last look at the chosen face. */
struct look {
    double seconds;
    viseme_face face;
    struct vis_affine back;
};

struct vis_views {
    double rate, seconds; /* seconds: of the frame added last */
    int64_t next;         /* crop */
    int room, count;
    struct vis_view **view; /* [room], the first `count` in use, in order of time */
    struct look look;
};

viseme_status vis_views_create(struct vis_views **out, double rate, int longest, viseme_error *err)
{
    const int room = longest + 4; /* the pending ones, the last one, the next one */
    struct vis_views *v = calloc(1, sizeof *v);
    *out = NULL;
    if (!v)
        return vis_fail_nomem(err, sizeof *v);
    v->rate = rate;
    v->view = calloc((size_t)room, sizeof *v->view);
    for (; v->view && v->room < room; v->room++) {
        v->view[v->room] = calloc(1, sizeof(struct vis_view));
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
    for (int i = 0; i < v->room; i++) {
        free(v->view[i]->part.bytes);
        free(v->view[i]);
    }
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
    enum { WIDTH = VIS_CROP_WIDTH, HEIGHT = VIS_CROP_HEIGHT };
    if (seen->aligned) {
        vis_mouth_crop(frame, &seen->back, picture);
        return;
    }
    const struct vis_similarity s =
        vis_similarity_box(seen->mouth_x, seen->mouth_y, seen->crop_width, WIDTH, HEIGHT);
    vis_warp_bgr(frame, &s, VIS_BORDER_NEAREST, picture, WIDTH, HEIGHT);
}

/* Keeps the part of the frame that the crop will come from, give or take. */
static viseme_status keep_part(struct vis_part *part, const viseme_image *frame,
                               const struct vis_affine *back, viseme_error *err)
{
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, p[2];
    for (int i = 0; i < 4; i++) {
        vis_affine_apply(back, VIS_TEMPLATE_LEFT + i % 2 * VIS_TEMPLATE_WIDTH,
                         VIS_TEMPLATE_TOP + i / 2 * VIS_TEMPLATE_HEIGHT, p);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], p[k]);
            high[k] = fmax(high[k], p[k]);
        }
    }
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
    part->image =
        (viseme_image){part->bytes, right - left, bottom - top, (ptrdiff_t)row, frame->format};
    part->left = left;
    part->top = top;
    return VISEME_OK;
}

static double mix(double a, double b, double part)
{
    return a + part * (b - a);
}

/* Draws what is pending, between the last look and `to`; NULL: as at the last look. */
static void settle(struct vis_views *v, const struct look *to)
{
    for (int i = 0; i < v->count; i++) {
        struct vis_view *w = v->view[i];
        struct vis_affine back = v->look.back;
        if (!w->pending)
            continue;
        if (to && to->seconds > v->look.seconds) {
            const double part = (w->seconds - v->look.seconds) / (to->seconds - v->look.seconds);
            for (int k = 0; k < 6; k++)
                back.m[k / 3][k % 3] = mix(back.m[k / 3][k % 3], to->back.m[k / 3][k % 3], part);
            const viseme_face a = v->look.face, b = to->face;
            w->face.x = mix(a.x, b.x, part);
            w->face.y = mix(a.y, b.y, part);
            w->face.width = mix(a.width, b.width, part);
            w->face.height = mix(a.height, b.height, part);
            w->face.mouth_x = mix(a.mouth_x, b.mouth_x, part);
            w->face.mouth_y = mix(a.mouth_y, b.mouth_y, part);
        }
        back.m[0][2] -= w->part.left;
        back.m[1][2] -= w->part.top;
        vis_mouth_crop(&w->part.image, &back, w->picture);
        w->pending = 0;
    }
}

/* ---- Frames ------------------------------------------------------------------------------------
 */

/* The picture, and where it comes from, of a frame that shows the chosen face. */
static viseme_status take(struct vis_views *v, struct vis_view *now, const viseme_image *frame,
                          const struct vis_face_tracked *chosen, viseme_error *err)
{
    const struct vis_face_seen *seen = &chosen->seen;
    const int same = v->count > 0 && v->look.face.id == chosen->id;
    now->face = face_of(chosen);
    if (!seen->fresh && same) {
        now->pending = 1;
        return keep_part(&now->part, frame, &seen->back, err);
    }
    const struct look look = {now->seconds, now->face, seen->back};
    settle(v, same ? &look : NULL);
    v->look = look;
    draw(frame, seen, now->picture);
    return VISEME_OK;
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
        now->faces[i] = face_of(&faces[i]);
    if (chosen) {
        viseme_status status = take(v, now, frame, chosen, err);
        if (status != VISEME_OK)
            return status;
    } else {
        settle(v, NULL);
        now->face = before->face;
        memcpy(now->picture, before->picture, sizeof now->picture);
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
