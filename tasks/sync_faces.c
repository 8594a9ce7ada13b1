#include "tasks/sync_faces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/resize.h"
#include "tasks/face_watch.h"

#define RATE       25.0
#define CROP_SCALE 0.40
#define MAX_JUMP   3600.0 /* seconds from one frame to the next */

enum { HALF = 6, SPAN = 2 * HALF + 1, FACES = 16, GREY = 110, MAX_SQUARE = 16384 };

/* The centre of a face and half its longer side; and its box. */
struct spot {
    double x, y, s;
    double box[4];
};

/* The faces at one time. */
struct moment {
    int count;
    int id[FACES];
    struct spot spot[FACES];
};

struct frame {
    uint8_t *bgr; /* [height width 3] */
    size_t room;
    int width, height;
};

struct vis_sync_faces {
    struct vis_face_watch *watch;
    vis_sync_taker *take;
    void *user;
    int side;
    uint8_t *picture, *square; /* [side side 3]; what it is made of */
    size_t square_room;
    struct moment moments[SPAN]; /* [index % SPAN] */
    struct frame frames[HALF + 1];
    int64_t count, given, seen; /* moments so far, of these given out; with a face */
    double start_s, last_s;
    int started;
};

viseme_status vis_sync_faces_open(struct vis_sync_faces **out, const viseme_crop_options *opts,
                                  int side, vis_sync_taker *take, void *user, viseme_error *err)
{
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    struct vis_sync_faces *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    f->take = take;
    f->user = user;
    f->side = side;
    f->picture = malloc(bytes);
    viseme_status status =
        f->picture ? vis_face_watch_open(&f->watch, opts, err) : vis_fail_nomem(err, bytes);
    if (status != VISEME_OK) {
        vis_sync_faces_close(f);
        return status;
    }
    *out = f;
    return VISEME_OK;
}

void vis_sync_faces_close(struct vis_sync_faces *f)
{
    if (!f)
        return;
    vis_face_watch_free(f->watch);
    for (int i = 0; i <= HALF; i++)
        free(f->frames[i].bgr);
    free(f->picture);
    free(f->square);
    free(f);
}

/* ---- One picture ------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *values)
{
    double x[SPAN];
    memcpy(x, values, sizeof x);
    qsort(x, SPAN, sizeof x[0], ascending);
    return x[HALF];
}

/* The face `id` at times index - HALF to index + HALF: where it is missing between two sightings
 * interpolated, before the first and after the last one repeated. Returns 0 when it is not there
 * at `index`, nor both before and after it. */
static int gather(const struct vis_sync_faces *f, int id, int64_t index, struct spot spots[SPAN])
{
    int known[SPAN] = {0}, first = -1, last = -1;
    for (int k = 0; k < SPAN; k++) {
        const int64_t at = index - HALF + k;
        const struct moment *m = &f->moments[(at + SPAN) % SPAN];
        for (int i = 0; at >= 0 && at < f->count && i < m->count; i++)
            if (m->id[i] == id) {
                spots[k] = m->spot[i];
                known[k] = 1;
                first = first < 0 ? k : first;
                last = k;
            }
    }
    if (first < 0 || first > HALF || last < HALF)
        return 0;
    for (int k = 0; k < SPAN; k++) {
        int before = k, after = k;
        if (known[k])
            continue;
        while (before > first && !known[before])
            before--;
        while (after < last && !known[after])
            after++;
        before = k < first ? first : before;
        after = k > last ? last : after;
        const double w =
            after > before ? fmin(1, fmax(0, (double)(k - before) / (after - before))) : 0;
        const struct spot *a = &spots[before], *b = &spots[after];
        spots[k] = (struct spot){
            a->x + w * (b->x - a->x), a->y + w * (b->y - a->y), a->s + w * (b->s - a->s), {0}};
        for (int c = 0; c < 4; c++)
            spots[k].box[c] = a->box[c] + w * (b->box[c] - a->box[c]);
    }
    return 1;
}

static struct spot smooth(const struct spot spots[SPAN])
{
    double x[SPAN], y[SPAN], s[SPAN];
    for (int k = 0; k < SPAN; k++) {
        x[k] = spots[k].x;
        y[k] = spots[k].y;
        s[k] = spots[k].s;
    }
    struct spot spot = spots[HALF];
    spot.x = median_of(x);
    spot.y = median_of(y);
    spot.s = median_of(s);
    return spot;
}

/* Cuts the square around a face out of its frame and makes f->picture of it. */
static viseme_status cut(struct vis_sync_faces *f, const struct frame *frame,
                         const struct spot *spot, viseme_error *err)
{
    /* The original pads the frame by this much first, which decides how its numbers round. */
    const int pad = (int)(spot->s * (1 + 2 * CROP_SCALE));
    const int top = (int)(spot->y + pad - spot->s) - pad;
    const int bottom = (int)(spot->y + pad + spot->s * (1 + 2 * CROP_SCALE)) - pad;
    const int left = (int)(spot->x + pad - spot->s * (1 + CROP_SCALE)) - pad;
    const int right = (int)(spot->x + pad + spot->s * (1 + CROP_SCALE)) - pad;
    const int width = right > left ? right - left : 1, height = bottom > top ? bottom - top : 1;
    const size_t row = 3 * (size_t)width, bytes = row * (size_t)height;
    if (bytes > f->square_room) {
        uint8_t *p = realloc(f->square, bytes);
        if (!p)
            return vis_fail_nomem(err, bytes);
        f->square = p;
        f->square_room = bytes;
    }
    const int from = left < 0 ? 0 : left, to = right > frame->width ? frame->width : right;
    for (int y = 0; y < height; y++) {
        uint8_t *out = f->square + (size_t)y * row;
        memset(out, GREY, row);
        if (top + y < 0 || top + y >= frame->height || from >= to)
            continue;
        const size_t at = (size_t)(top + y) * (size_t)frame->width + (size_t)from;
        memcpy(out + 3 * (size_t)(from - left), frame->bgr + 3 * at, 3 * (size_t)(to - from));
    }
    const struct vis_bytes source = {f->square, width, height, 3, (ptrdiff_t)row};
    vis_resize(&source, f->picture, f->side, f->side);
    return VISEME_OK;
}

static viseme_status give(struct vis_sync_faces *f, int id, int64_t index, viseme_error *err)
{
    struct spot spots[SPAN];
    if (!gather(f, id, index, spots))
        return VISEME_OK;
    const struct spot spot = smooth(spots);
    if (!(spot.s >= 1 && spot.s * (2 + 2 * CROP_SCALE) <= MAX_SQUARE && fabs(spot.x) < 1e6 &&
          fabs(spot.y) < 1e6))
        return VISEME_OK;
    viseme_status status = cut(f, &f->frames[index % (HALF + 1)], &spot, err);
    if (status != VISEME_OK)
        return status;
    const struct vis_sync_picture picture = {
        .id = id,
        .index = index,
        .bgr = f->picture,
        .x0 = spot.x + spots[HALF].box[0],
        .y0 = spot.y + spots[HALF].box[1],
        .x1 = spot.x + spots[HALF].box[2],
        .y1 = spot.y + spots[HALF].box[3],
    };
    return f->take(f->user, &picture, err);
}

/* All faces of the moment `index`; those around it are known as far as there are any. */
static viseme_status give_moment(struct vis_sync_faces *f, int64_t index, viseme_error *err)
{
    int ids[SPAN * FACES], count = 0;
    viseme_status status = VISEME_OK;
    for (int64_t at = index - HALF; at <= index + HALF; at++) {
        const struct moment *m = &f->moments[(at + SPAN) % SPAN];
        for (int i = 0; at >= 0 && at < f->count && i < m->count; i++) {
            int known = 0;
            for (int j = 0; j < count; j++)
                known |= ids[j] == m->id[i];
            if (!known)
                ids[count++] = m->id[i];
        }
    }
    for (int i = 0; i < count && status == VISEME_OK; i++)
        status = give(f, ids[i], index, err);
    return status;
}

/* ---- Frames -----------------------------------------------------------------------------------
 */

static viseme_status keep_frame(struct frame *to, const viseme_image *from, viseme_error *err)
{
    const size_t row = 3 * (size_t)from->width, bytes = row * (size_t)from->height;
    if (bytes > to->room) {
        uint8_t *p = realloc(to->bgr, bytes);
        if (!p)
            return vis_fail_nomem(err, bytes);
        to->bgr = p;
        to->room = bytes;
    }
    to->width = from->width;
    to->height = from->height;
    for (int y = 0; y < from->height; y++)
        memcpy(to->bgr + (size_t)y * row, from->data + y * from->stride, row);
    for (size_t i = 0; from->format == VISEME_RGB24 && i < bytes; i += 3) {
        const uint8_t red = to->bgr[i];
        to->bgr[i] = to->bgr[i + 2];
        to->bgr[i + 2] = red;
    }
    return VISEME_OK;
}

static void note_faces(struct vis_sync_faces *f, struct moment *m)
{
    int count;
    const struct vis_face_place *places = vis_face_watch_faces(f->watch, &count);
    m->count = count < FACES ? count : FACES;
    for (int i = 0; i < m->count; i++) {
        const struct vis_face_place *p = &places[i];
        const double x = (p->x0 + p->x1) / 2, y = (p->y0 + p->y1) / 2;
        m->id[i] = p->id;
        m->spot[i] = (struct spot){x,
                                   y,
                                   fmax(p->x1 - p->x0, p->y1 - p->y0) / 2,
                                   {p->x0 - x, p->y0 - y, p->x1 - x, p->y1 - y}};
    }
}

/* Makes the next moment of a frame, NULL: of the one before; gives out what has become complete. */
static viseme_status add_moment(struct vis_sync_faces *f, const viseme_image *frame,
                                viseme_error *err)
{
    const int64_t index = f->count, before = index - 1;
    struct moment *m = &f->moments[index % SPAN];
    struct frame *kept = &f->frames[index % (HALF + 1)];
    viseme_status status;
    if (frame) {
        note_faces(f, m);
        status = keep_frame(kept, frame, err);
    } else {
        const struct frame *old = &f->frames[before % (HALF + 1)];
        const viseme_image image = {old->bgr, old->width, old->height, 3 * (ptrdiff_t)old->width,
                                    VISEME_BGR24};
        *m = f->moments[before % SPAN];
        status = keep_frame(kept, &image, err);
    }
    if (status != VISEME_OK)
        return status;
    f->count++;
    f->seen += m->count > 0;
    return f->count > HALF ? give_moment(f, f->given++, err) : VISEME_OK;
}

viseme_status vis_sync_faces_push(struct vis_sync_faces *f, const viseme_image *frame,
                                  double seconds, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (f->started && seconds - f->last_s > MAX_JUMP)
        return vis_fail(err, VISEME_ERR_INPUT, "time jumps from %.3f s to %.3f s, more than %g s",
                        f->last_s, seconds, MAX_JUMP);
    if (f->started && seconds < f->last_s)
        seconds = f->last_s;
    const double since = f->started ? seconds - f->last_s : 0;
    const double reach = fmin(since, 1 / RATE) / 2; /* a frame's share of time on both sides */
    double next = f->started ? f->start_s + (double)f->count / RATE : seconds;
    /* What lies nearer to the frame before is its, so it is looked at before this one is. */
    for (; f->started && status == VISEME_OK && next < seconds - since / 2; next += 1 / RATE)
        status = add_moment(f, NULL, err);
    if (status != VISEME_OK || next > seconds + reach + 1e-9) {
        f->last_s = seconds;
        return status; /* no picture is made of this frame */
    }
    status = vis_face_watch_push(f->watch, frame, seconds, err);
    if (status != VISEME_OK)
        return status;
    if (!f->started)
        f->start_s = seconds;
    f->started = 1;
    f->last_s = seconds;
    while (status == VISEME_OK && f->start_s + (double)f->count / RATE <= seconds + reach + 1e-9)
        status = add_moment(f, frame, err);
    return status;
}

viseme_status vis_sync_faces_finish(struct vis_sync_faces *f, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (!f->started)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame in the input");
    while (status == VISEME_OK && f->given < f->count)
        status = give_moment(f, f->given++, err);
    return status;
}

int64_t vis_sync_faces_count(const struct vis_sync_faces *f)
{
    return f->count;
}

double vis_sync_faces_start(const struct vis_sync_faces *f)
{
    return f->start_s;
}

int64_t vis_sync_faces_seen(const struct vis_sync_faces *f)
{
    return f->seen;
}

int vis_sync_faces_track(const struct vis_sync_faces *f, size_t i, viseme_track *track)
{
    return vis_face_watch_track(f->watch, i, track);
}
