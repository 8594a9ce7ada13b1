#include "tasks/face_tracks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/cut.h"

#define PATIENCE      2.0 /* seconds that a lost face is waited for, before another is chosen */
#define NEWCOMERS     0.5 /* seconds between searches for more faces while one is followed */
#define REUNION_SHIFT 1.0 /* of the width: how far off a lost face may be found again */
#define REUNION_SIZE  1.7 /* how much larger or smaller */
#define SAME_SHIFT    0.4 /* of the width: two boxes nearer than this are one face */

/* A face that is followed, or was lost in this shot. */
struct track {
    int id, number; /* in the video, in the shot; 0: the slot is free */
    int here;       /* it is in the last frame */
    double last_s;  /* when it was here last */
    struct vis_face_seen seen;
    void *face; /* of the finder; kept for the next track of the slot */
};

struct vis_face_tracks {
    struct vis_face_finder finder;
    struct vis_face_tracks_options options;
    struct vis_cut cut;
    int frame_width, frame_height, shot;
    int next_id, next_number, chosen; /* chosen: an id, 0 for none yet */
    double next_search;
    struct track slot[VIS_FACES];
    struct vis_face_tracked faces[VIS_FACES];
    int face_count;
    viseme_track *history; /* [next_id - 1] */
    size_t history_room;
};

viseme_status vis_face_tracks_create(struct vis_face_tracks **out, struct vis_face_finder finder,
                                     const struct vis_face_tracks_options *opts, viseme_error *err)
{
    struct vis_face_tracks *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) {
        finder.method->free(finder.self);
        return vis_fail_nomem(err, sizeof *t);
    }
    t->finder = finder;
    t->options = *opts;
    t->next_id = 1;
    *out = t;
    return VISEME_OK;
}

void vis_face_tracks_free(struct vis_face_tracks *t)
{
    if (!t)
        return;
    for (int i = 0; i < VIS_FACES; i++)
        t->finder.method->face_free(t->slot[i].face);
    t->finder.method->free(t->finder.self);
    free(t->history);
    free(t);
}

static void begin_shot(struct vis_face_tracks *t)
{
    for (int i = 0; i < VIS_FACES; i++)
        t->slot[i].id = t->slot[i].here = 0;
    t->shot++;
    t->next_number = 1;
    t->chosen = 0;
    t->next_search = -HUGE_VAL;
}

static struct track *track_of(struct vis_face_tracks *t, int id)
{
    for (int i = 0; i < VIS_FACES && id; i++)
        if (t->slot[i].id == id)
            return &t->slot[i];
    return NULL;
}

static double distance(const struct vis_face_pose *a, const struct vis_face_pose *b)
{
    return hypot(a->x - b->x, a->y - b->y);
}

/* ---- Following ---------------------------------------------------------------------------------
 */

static viseme_status follow_all(struct vis_face_tracks *t, const viseme_image *frame,
                                double seconds, viseme_error *err)
{
    const struct vis_face_method *m = t->finder.method;
    viseme_status status = VISEME_OK;
    for (int i = 0; i < VIS_FACES && status == VISEME_OK; i++) {
        struct track *k = &t->slot[i];
        int found = 0;
        if (!k->id)
            continue;
        if (k->here)
            status = m->follow(t->finder.self, k->face, frame, seconds, &k->seen, &found, err);
        else if (seconds - k->last_s <= PATIENCE)
            status = m->look(t->finder.self, k->face, frame, seconds, &k->seen, &found, err);
        k->here = found;
        if (found)
            k->last_s = seconds;
    }
    return status;
}

/* Two tracks on one face: the chosen one stays, else the older one. */
static void drop_doubles(struct vis_face_tracks *t)
{
    for (int i = 0; i < VIS_FACES; i++)
        for (int j = 0; j < VIS_FACES; j++) {
            const struct track *a = &t->slot[i];
            struct track *b = &t->slot[j];
            if (a->here && b->here && a != b && b->id != t->chosen &&
                (a->id == t->chosen || a->id < b->id) &&
                distance(&a->seen.pose, &b->seen.pose) <
                    SAME_SHIFT * fmin(a->seen.pose.width, b->seen.pose.width))
                b->id = b->here = 0;
        }
}

/* ---- Searching ---------------------------------------------------------------------------------
 */

static int follows_all(const struct vis_face_tracks *t)
{
    return t->options.all || t->options.choice == VISEME_FACE_NUMBER;
}

/* A slot for a new track: a free one, else that of the face lost longest ago but for the chosen
 * one; NULL when all are here. */
static struct track *free_slot(struct vis_face_tracks *t)
{
    struct track *best = NULL;
    for (int i = 0; i < VIS_FACES; i++) {
        struct track *k = &t->slot[i];
        if (!k->id)
            return k;
        if (!k->here && k->id != t->chosen && (!best || k->last_s < best->last_s))
            best = k;
    }
    return best;
}

static viseme_status begin(struct vis_face_tracks *t, struct track *k, const viseme_image *frame,
                           const struct vis_face_candidate *candidate, double seconds,
                           viseme_error *err)
{
    const struct vis_face_method *m = t->finder.method;
    viseme_status status = VISEME_OK;
    int found = 0;
    if (!k->face)
        status = m->face_create(t->finder.self, &k->face, err);
    if (status == VISEME_OK)
        status =
            m->begin(t->finder.self, k->face, frame, seconds, candidate, &k->seen, &found, err);
    k->here = found;
    if (found)
        k->last_s = seconds;
    return status;
}

/* Gives the track of a new face its id and its place in the history. */
static viseme_status enter(struct vis_face_tracks *t, struct track *k, viseme_error *err)
{
    const size_t count = (size_t)t->next_id - 1;
    if (count == t->history_room) {
        const size_t room = count ? 2 * count : 8;
        viseme_track *p = realloc(t->history, room * sizeof *p);
        if (!p)
            return vis_fail_nomem(err, room * sizeof *p);
        t->history = p;
        t->history_room = room;
    }
    k->id = t->next_id++;
    k->number = t->next_number++;
    t->history[count] =
        (viseme_track){.id = k->id, .shot = t->shot, .number = k->number, .start_s = k->last_s};
    return VISEME_OK;
}

/* One candidate for each face: of those on the same place the most confident one. */
static void merge(struct vis_face_candidate *c, int *count)
{
    int left = 0;
    for (int i = 0; i < *count; i++) {
        int same = 0;
        while (same < left && distance(&c[i].pose, &c[same].pose) >=
                                  SAME_SHIFT * fmin(c[i].pose.width, c[same].pose.width))
            same++;
        if (same == left)
            c[left++] = c[i];
        else if (c[i].confidence > c[same].confidence)
            c[same] = c[i];
    }
    *count = left;
}

/* Candidates that are not followed already; those that a lost track takes up are taken out, too. */
static viseme_status reunite(struct vis_face_tracks *t, const viseme_image *frame, double seconds,
                             struct vis_face_candidate *c, int *count, viseme_error *err)
{
    int left = 0;
    for (int i = 0; i < *count; i++) {
        struct track *nearest = NULL;
        double best = HUGE_VAL;
        int known = 0;
        for (int j = 0; j < VIS_FACES; j++) {
            struct track *k = &t->slot[j];
            const double w = fmax(c[i].pose.width, k->seen.pose.width);
            const double d = distance(&c[i].pose, &k->seen.pose);
            if (!k->id)
                continue;
            if (k->here)
                known |= d < SAME_SHIFT * w;
            else if (d < REUNION_SHIFT * w && d < best &&
                     fabs(log(c[i].pose.width / k->seen.pose.width)) < log(REUNION_SIZE)) {
                nearest = k;
                best = d;
            }
        }
        if (known)
            continue;
        if (!nearest) {
            c[left++] = c[i];
            continue;
        }
        viseme_status status = begin(t, nearest, frame, &c[i], seconds, err);
        if (status != VISEME_OK)
            return status;
    }
    *count = left;
    return VISEME_OK;
}

/* The better of two faces to choose, by size or by place. */
static int better(const struct vis_face_tracks *t, const struct vis_face_pose *a,
                  const struct vis_face_pose *b)
{
    if (t->options.choice == VISEME_FACE_POINT)
        return hypot(a->x - t->options.x, a->y - t->options.y) <
               hypot(b->x - t->options.x, b->y - t->options.y);
    return a->width > b->width;
}

static int by_x(const void *a, const void *b)
{
    const struct vis_face_candidate *p = a, *q = b;
    return (p->pose.x > q->pose.x) - (p->pose.x < q->pose.x);
}

/* Whether the choice is open: nobody chosen, or lost for so long that it is forgotten. */
static int may_choose(struct vis_face_tracks *t, double seconds)
{
    const struct track *k = track_of(t, t->chosen);
    return !k ||
           (!k->here && seconds - k->last_s > PATIENCE && t->options.choice != VISEME_FACE_NUMBER);
}

static viseme_status search(struct vis_face_tracks *t, const viseme_image *frame, double seconds,
                            viseme_error *err)
{
    struct vis_face_candidate c[VIS_FACES];
    int count = 0;
    viseme_status status =
        t->finder.method->search(t->finder.self, frame, c, VIS_FACES, &count, err);
    merge(c, &count);
    if (status == VISEME_OK)
        status = reunite(t, frame, seconds, c, &count, err);
    if (status != VISEME_OK)
        return status;
    if (follows_all(t)) {
        qsort(c, (size_t)count, sizeof c[0], by_x);
    } else {
        for (int i = 1; i < count; i++)
            if (better(t, &c[i].pose, &c[0].pose))
                c[0] = c[i];
        count = count && may_choose(t, seconds);
    }
    for (int i = 0; i < count && status == VISEME_OK; i++) {
        struct track *k = free_slot(t);
        if (!k)
            break;
        k->id = 0;
        status = begin(t, k, frame, &c[i], seconds, err);
        if (status == VISEME_OK && k->here)
            status = enter(t, k, err);
    }
    return status;
}

/* ---- Choosing ----------------------------------------------------------------------------------
 */

static void choose(struct vis_face_tracks *t, double seconds)
{
    const struct track *best = NULL;
    if (!may_choose(t, seconds))
        return;
    for (int i = 0; i < VIS_FACES; i++) {
        const struct track *k = &t->slot[i];
        if (!k->id || !k->here)
            continue;
        if (t->options.choice == VISEME_FACE_NUMBER) {
            if (k->number == t->options.number)
                best = k;
        } else if (!best || better(t, &k->seen.pose, &best->seen.pose)) {
            best = k;
        }
    }
    if (!best)
        return;
    t->chosen = best->id;
    for (int i = 0; i < VIS_FACES && !follows_all(t); i++)
        if (t->slot[i].id != t->chosen)
            t->slot[i].id = t->slot[i].here = 0;
}

static int by_id(const void *a, const void *b)
{
    const struct vis_face_tracked *p = a, *q = b;
    return (p->id > q->id) - (p->id < q->id);
}

static void list_faces(struct vis_face_tracks *t, double seconds)
{
    t->face_count = 0;
    for (int i = 0; i < VIS_FACES; i++) {
        const struct track *k = &t->slot[i];
        if (!k->id || !k->here)
            continue;
        viseme_track *h = &t->history[k->id - 1];
        h->end_s = seconds;
        h->frames++;
        h->chosen_frames += k->id == t->chosen;
        t->faces[t->face_count++] = (struct vis_face_tracked){k->id, k->seen};
    }
    qsort(t->faces, (size_t)t->face_count, sizeof t->faces[0], by_id);
}

/* Whether the chosen face is in the frame. */
static int is_here(struct vis_face_tracks *t)
{
    const struct track *k = track_of(t, t->chosen);
    return k && k->here;
}

viseme_status vis_face_tracks_push(struct vis_face_tracks *t, const viseme_image *frame,
                                   double seconds, viseme_error *err)
{
    const int resized = frame->width != t->frame_width || frame->height != t->frame_height;
    const int is_cut = vis_cut_push(&t->cut, frame);
    if (resized || is_cut)
        begin_shot(t);
    t->frame_width = frame->width;
    t->frame_height = frame->height;
    t->face_count = 0;
    viseme_status status = follow_all(t, frame, seconds, err);
    if (status != VISEME_OK)
        return status;
    drop_doubles(t);
    const int searched = seconds >= t->next_search && (follows_all(t) || !is_here(t));
    if (searched)
        status = search(t, frame, seconds, err);
    if (status != VISEME_OK)
        return status;
    choose(t, seconds);
    if (searched)
        t->next_search = seconds + (is_here(t) ? NEWCOMERS : t->finder.method->search_seconds);
    list_faces(t, seconds);
    return VISEME_OK;
}

const struct vis_face_tracked *vis_face_tracks_faces(const struct vis_face_tracks *t, int *count)
{
    *count = t->face_count;
    return t->faces;
}

const struct vis_face_tracked *vis_face_tracks_chosen(const struct vis_face_tracks *t)
{
    for (int i = 0; i < t->face_count; i++)
        if (t->faces[i].id == t->chosen)
            return &t->faces[i];
    return NULL;
}

const viseme_track *vis_face_tracks_history(const struct vis_face_tracks *t, size_t *count)
{
    *count = (size_t)t->next_id - 1;
    return t->history;
}

const struct vis_face_method *vis_face_tracks_method(const struct vis_face_tracks *t)
{
    return t->finder.method;
}

int vis_face_tracks_shot(const struct vis_face_tracks *t)
{
    return t->shot;
}
