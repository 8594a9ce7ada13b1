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

/* Where YuNet's points lie in LipNet's template: their means on 34 clips of GRID (2549 frames),
 * brought there by FaceMesh's alignment of the same frames, left and right made alike, and moved
 * down by 2.5 of its pixels, since they lie a little higher where the network looks at a small part
 * of the frame. They spread by 3 to 4 of them. */
static const double template[POINTS][2] = {
    {83.4, 80.6}, {169.6, 80.6}, {126.5, 135.5}, {87.1, 173.0}, {165.9, 173.0}};

/* The points jitter by a percent or two of the face, more than heads move from frame to frame. Of
 * what is new so much is taken over; on the same clips this halves what the crop is off within a
 * clip and how it jumps, and less would lag behind moving heads. */
#define NEW_PLACE 0.4
#define NEW_SIZE  0.25 /* and turn */
#define LEAP      10.0 /* pixels of the template: what is off by more has moved */
#define GROWTH    0.12 /* likewise, of the size */

struct finder {
    struct vis_face_detector *detector;
    int empty; /* searches in a row that found nothing */
};

/* Where LipNet's crop lies: its centre, and pixels of the frame to one of the template; turned by
 * `turn` (radians). */
struct crop {
    double x, y, size, turn;
};

struct face {
    struct vis_face_pose pose; /* where it was last, smoothed, */
    struct crop crop;          /* likewise */
    int known;                 /* 0: it has not been seen yet */
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

/* The crop that the points give; 0 where they make no sense. */
static int crop_of(const struct vis_detection *d, struct crop *crop)
{
    double p[POINTS][2], mouth[2];
    for (int i = 0; i < POINTS; i++)
        for (int k = 0; k < 2; k++)
            p[i][k] = (double)d->key[i][k];
    const struct vis_affine to = vis_align_similarity((const double(*)[2])p, template, POINTS);
    const struct vis_affine back = vis_affine_inverse(&to);
    const double area = back.m[0][0] * back.m[1][1] - back.m[0][1] * back.m[1][0];
    if (!(area > 0) || !isfinite(area)) /* mirrored, or no similarity at all */
        return 0;
    vis_mouth_centre(&back, mouth);
    *crop = (struct crop){mouth[0], mouth[1], sqrt(area), atan2(back.m[1][0], back.m[0][0])};
    return 1;
}

static double mix(double a, double b, double part)
{
    return a + part * (b - a);
}

/* Takes a new look at the face into account. */
static void update(struct face *f, const struct vis_face_pose *pose, const struct crop *crop)
{
    struct crop *c = &f->crop;
    struct vis_face_pose *p = &f->pose;
    const double turn = remainder(crop->turn - c->turn, 2 * acos(-1));
    if (!f->known || hypot(crop->x - c->x, crop->y - c->y) > LEAP * c->size ||
        fabs(log(crop->size / c->size)) > GROWTH) {
        *p = *pose;
        *c = *crop;
        f->known = 1;
        return;
    }
    *p = (struct vis_face_pose){mix(p->x, pose->x, NEW_PLACE), mix(p->y, pose->y, NEW_PLACE),
                                mix(p->width, pose->width, NEW_SIZE),
                                mix(p->height, pose->height, NEW_SIZE)};
    *c = (struct crop){mix(c->x, crop->x, NEW_PLACE), mix(c->y, crop->y, NEW_PLACE),
                       mix(c->size, crop->size, NEW_SIZE), c->turn + NEW_SIZE * turn};
}

static void show(const struct face *f, double confidence, struct vis_face_seen *seen)
{
    const double a = f->crop.size * cos(f->crop.turn), b = f->crop.size * sin(f->crop.turn);
    struct vis_affine back = {{{a, -b, 0}, {b, a, 0}}};
    double centre[2];
    vis_mouth_centre(&back, centre);
    back.m[0][2] = f->crop.x - centre[0];
    back.m[1][2] = f->crop.y - centre[1];
    *seen = (struct vis_face_seen){.pose = f->pose,
                                   .mouth_x = f->crop.x,
                                   .mouth_y = f->crop.y,
                                   .confidence = confidence,
                                   .aligned = 1,
                                   .fresh = 1,
                                   .back = back};
}

static viseme_status look(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct finder *finder = self;
    struct face *f = face;
    const struct vis_face_pose *p = &f->pose;
    struct vis_detection d;
    struct crop crop;
    (void)seconds;
    viseme_status status = vis_face_detector_near(finder->detector, frame, p->x, p->y, p->width,
                                                  p->height, NEAR_SIDE, &d, found, err);
    if (status != VISEME_OK || !*found)
        return status;
    const struct vis_face_pose pose = pose_of(&d);
    *found = pose.width >= SMALLEST && crop_of(&d, &crop);
    if (!*found)
        return VISEME_OK;
    update(f, &pose, &crop);
    show(f, (double)d.score, seen);
    return VISEME_OK;
}

static viseme_status begin(void *self, void *face, const viseme_image *frame, double seconds,
                           const struct vis_face_candidate *candidate, struct vis_face_seen *seen,
                           int *found, viseme_error *err)
{
    struct face *f = face;
    f->pose = candidate->pose;
    f->known = 0;
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
