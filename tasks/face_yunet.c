#include "tasks/face_yunet.h"

#include <math.h>
#include <stdlib.h>

#include "signal/align.h"
#include "tasks/face_detector.h"
#include "tasks/mouth_crop.h"

enum {
    SEARCH_SIDE = 640, /* pixels of the longer side of the picture searched as a whole */
    FINE_SIDE = 1280,  /* likewise, of a search for small faces: */
    FINE_EVERY = 8,    /* one of so many searches that find nothing else */
    NEAR_SIDE = 192,   /* pixels of the square around a face that is followed */
    SEARCH_FACES = 64,
    POINTS = VIS_DETECTION_KEYS
};

#define SEARCH_SECONDS 0.12
#define SMALLEST       8.0 /* pixels of the narrowest box that is looked at */

/* Where YuNet's points lie in LipNet's template: */
static const double template[POINTS][2] = {
    {76.78, 78.69}, {175.85, 78.69}, {126.32, 130.67}, {86.04, 175.83}, {166.59, 175.83}};

struct finder {
    struct vis_face_detector *detector;
    int empty; /* searches in a row that found nothing */
};

struct face {
    struct vis_face_pose pose; /* where it was last */
};

static struct vis_face_pose pose_of(const struct vis_detection *d)
{
    return (struct vis_face_pose){((double)d->x0 + (double)d->x1) / 2,
                                  ((double)d->y0 + (double)d->y1) / 2,
                                  (double)d->x1 - (double)d->x0, (double)d->y1 - (double)d->y0};
}

/* Faces in a picture of the frame whose longer side is at most `side`. */
static viseme_status search_whole(struct finder *f, const viseme_image *frame, int side,
                                  struct vis_face_candidate *out, int room, int *count,
                                  viseme_error *err)
{
    const struct vis_rect all = {0, 0, frame->width, frame->height};
    struct vis_detection seen[SEARCH_FACES];
    int n = 0;
    viseme_status status =
        vis_face_detector_find(f->detector, frame, &all, side, 0, seen, SEARCH_FACES, &n, err);
    for (int i = 0; i < n && *count < room; i++) {
        const struct vis_face_pose pose = pose_of(&seen[i]);
        if (pose.width >= SMALLEST)
            out[(*count)++] =
                (struct vis_face_candidate){.pose = pose, .confidence = (double)seen[i].score};
    }
    return status;
}

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    struct finder *f = self;
    const int large = frame->width > SEARCH_SIDE || frame->height > SEARCH_SIDE;
    *count = 0;
    viseme_status status = search_whole(f, frame, SEARCH_SIDE, out, room, count, err);
    if (status == VISEME_OK && *count == 0 && f->empty++ % FINE_EVERY == 0 && large)
        status = search_whole(f, frame, FINE_SIDE, out, room, count, err);
    if (*count > 0)
        f->empty = 0;
    return status;
}

/* What is seen of a face; 0 where its points make no sense. */
static int describe(const struct vis_detection *d, struct vis_face_seen *seen)
{
    double p[POINTS][2], mouth[2];
    for (int i = 0; i < POINTS; i++)
        for (int k = 0; k < 2; k++)
            p[i][k] = (double)d->key[i][k];
    const struct vis_affine to = vis_align_similarity((const double(*)[2])p, template, POINTS);
    const struct vis_affine back = vis_affine_inverse(&to);
    const double upright = back.m[0][0] * back.m[1][1] - back.m[0][1] * back.m[1][0];
    if (!(upright > 0) || !isfinite(upright)) /* mirrored, or no similarity at all */
        return 0;
    vis_mouth_centre(&back, mouth);
    *seen = (struct vis_face_seen){.pose = pose_of(d),
                                   .mouth_x = mouth[0],
                                   .mouth_y = mouth[1],
                                   .confidence = (double)d->score,
                                   .aligned = 1,
                                   .fresh = 1,
                                   .back = back};
    return 1;
}

static viseme_status look(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct finder *f = self;
    struct face *known = face;
    const struct vis_face_pose *p = &known->pose;
    struct vis_detection d;
    (void)seconds;
    viseme_status status = vis_face_detector_near(f->detector, frame, p->x, p->y, p->width,
                                                  p->height, NEAR_SIDE, &d, found, err);
    if (status != VISEME_OK || !*found)
        return status;
    *found = describe(&d, seen) && seen->pose.width >= SMALLEST;
    if (*found)
        known->pose = seen->pose;
    return VISEME_OK;
}

static viseme_status begin(void *self, void *face, const viseme_image *frame, double seconds,
                           const struct vis_face_candidate *candidate, struct vis_face_seen *seen,
                           int *found, viseme_error *err)
{
    struct face *f = face;
    f->pose = candidate->pose;
    return look(self, face, frame, seconds, seen, found, err);
}

static viseme_status face_create(void *self, void **face, viseme_error *err)
{
    (void)self;
    *face = calloc(1, sizeof(struct face));
    return *face ? VISEME_OK : vis_fail_nomem(err, sizeof(struct face));
}

static void finder_free(void *self)
{
    struct finder *f = self;
    vis_face_detector_free(f->detector);
    free(f);
}

static const struct vis_face_method method = {
    .name = "yunet",
    .search_seconds = SEARCH_SECONDS,
    .outline = {-0.5, -0.5, 0.5, 0.5},
    .search = search,
    .face_create = face_create,
    .face_free = free,
    .begin = begin,
    .follow = look,
    .look = look,
    .free = finder_free,
};

viseme_status vis_face_yunet(struct vis_face_finder *finder, const viseme_model *model,
                             viseme_error *err)
{
    struct finder *f = calloc(1, sizeof *f);
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    viseme_status status = vis_face_detector_create(&f->detector, model, err);
    if (status != VISEME_OK) {
        free(f);
        return status;
    }
    *finder = (struct vis_face_finder){&method, f};
    return VISEME_OK;
}
