#include "tasks/face_haar.h"

#include <math.h>
#include <stdlib.h>

#include "signal/haar.h"
#include "signal/track.h"

enum {
    SEARCH_SIDE = 640, /* pixels of the longer side of the picture searched as a whole */
    SEARCH_FACE = 40,  /* pixels of the narrowest face in it */
    FINE_SIDE = 1280,  /* likewise, of a search for small faces, which takes long: */
    FINE_FACE = 24,
    FINE_EVERY = 5,     /* one of so many searches that find nothing else */
    NEAR_FACE = 160,    /* pixels of the face at most in the part that is followed */
    FIND_NEIGHBORS = 5, /* to believe in a new face */
    KEEP_NEIGHBORS = 2, /* to confirm one that is followed */
    PATCH_COLUMNS = 48, /* the part of the face that is followed */
    PATCH_ROWS = 32,
    EAGER = 6,   /* detections in a row when a face is new */
    EVERY = 8,   /* frames between detections later */
    MEMORY = 12, /* detections that the box is averaged over */
    MISSES = 10  /* detections that may fail in a row while the tracker is content */
};

#define SEARCH_STEP    1.1
#define NEAR_STEP      1.05
#define SEARCH_SECONDS 0.2
#define CALM                                                                                       \
    0.2                  /* of a change of size is taken over with every frame: it is noisier than \
                            the place, and faces do not jump */
#define NEAR_MARGIN  0.5 /* of the box's width, around it */
#define NEAR_SIZE    1.3 /* how much larger or smaller a confirmed face may be */
#define NEAR_SHIFT   0.3 /* of the box's width: how far off a confirmed face may be */
#define MIN_QUALITY  0.6 /* below, what is there is not the face that was learned */
#define GOOD_QUALITY 0.85 /* below, learn it anew when the detector confirms it */

/* Eyes and nose, the part that talking moves least: width and centre in the box. */
#define PATCH_WIDTH 0.66
#define PATCH_X     0.5
#define PATCH_Y     0.45

/* The mouth in frontalface_alt2's box and the distance between the outer corners of the eyes, as
 * parts of it. By landmarks the distance is 0.524; crops 3 % wider were read with a smaller CTC
 * loss on clips that LipNet was trained on (1.46 against 1.59 a clip, flat from here to 0.56). */
#define MOUTH_X    0.503
#define MOUTH_Y    0.825
#define EYES_WIDTH 0.54

/* How far the outer corners of the eyes are apart in LipNet's template. */
#define TEMPLATE_EYES 125.7436

/* The box without its height, which follows from the width. */
struct box {
    double x, y; /* centre */
    double width;
};

/* What all faces share. */
struct finder {
    struct vis_haar *haar;
    double aspect; /* height of a box of width 1 */
    uint8_t *gray; /* the part of the frame in use */
    size_t gray_bytes;
    int empty; /* searches in a row that found nothing */
};

struct face {
    struct finder *finder;
    struct vis_track *track;
    int following;
    int known;              /* there was a face at `pose`: look there first */
    struct vis_patch patch; /* where the tracker is, in pixels of the frame */
    struct box box;         /* the box relative to the patch: shift in widths, and width */
    struct box pose;        /* the box in the frame */
    int detections, misses, frames_until_detection;
};

/* ---- Parts of the frame in grey -----------------------------------------------------------------
 */

/* A part of the frame, reduced: a point (x, y) of it is (x, y) * factor + (left, top) in the
 * frame. */
struct part {
    struct vis_gray picture;
    int left, top, factor;
};

static viseme_status make_part(struct finder *f, const viseme_image *frame,
                               const struct vis_rect *area, int factor, struct part *out,
                               viseme_error *err)
{
    const int width = area->width / factor, height = area->height / factor;
    const size_t bytes = (size_t)width * (size_t)height;
    if (bytes > f->gray_bytes) {
        free(f->gray);
        f->gray_bytes = 0;
        f->gray = malloc(bytes);
        if (!f->gray)
            return vis_fail_nomem(err, bytes);
        f->gray_bytes = bytes;
    }
    vis_gray_reduce(frame, area, factor, f->gray);
    *out = (struct part){{f->gray, width, height, (size_t)width}, area->x, area->y, factor};
    return VISEME_OK;
}

/* All of the frame, its longer side at most `side` pixels. */
static viseme_status whole_part(struct finder *f, const viseme_image *frame, int side,
                                struct part *out, viseme_error *err)
{
    const struct vis_rect all = {0, 0, frame->width, frame->height};
    const int shorter = frame->width < frame->height ? frame->width : frame->height;
    const int longer = frame->width < frame->height ? frame->height : frame->width;
    int factor = (longer + side - 1) / side;
    if (factor > shorter)
        factor = shorter;
    return make_part(f, frame, &all, factor, out, err);
}

/* The surroundings of a pose; *out has no picture when they are outside of the frame. */
static viseme_status near_part(struct finder *f, const viseme_image *frame, const struct box *pose,
                               struct part *out, viseme_error *err)
{
    const double half_width = pose->width * (0.5 + NEAR_MARGIN);
    const double half_height = pose->width * (f->aspect * 0.5 + NEAR_MARGIN);
    const int factor = 1 + (int)((pose->width - 1) / NEAR_FACE);
    const int left = (int)fmax(0, floor(pose->x - half_width));
    const int top = (int)fmax(0, floor(pose->y - half_height));
    const int right = (int)fmin(frame->width, ceil(pose->x + half_width));
    const int bottom = (int)fmin(frame->height, ceil(pose->y + half_height));
    const struct vis_rect area = {left, top, right - left, bottom - top};
    *out = (struct part){{NULL, 0, 0, 0}, 0, 0, 1};
    if (area.width < factor || area.height < factor)
        return VISEME_OK;
    return make_part(f, frame, &area, factor, out, err);
}

static struct vis_patch to_part(const struct part *part, const struct vis_patch *p)
{
    return (struct vis_patch){(p->x - part->left) / part->factor, (p->y - part->top) / part->factor,
                              p->width / part->factor};
}

static struct vis_patch from_part(const struct part *part, const struct vis_patch *p)
{
    return (struct vis_patch){p->x * part->factor + part->left, p->y * part->factor + part->top,
                              p->width * part->factor};
}

static struct box pose_of(const struct part *part, const struct vis_rect *box)
{
    return (struct box){(box->x + box->width * 0.5) * part->factor + part->left,
                        (box->y + box->height * 0.5) * part->factor + part->top,
                        (double)box->width * part->factor};
}

/* ---- Detection -------------------------------------------------------------------------------
 */

static double confidence_of(int neighbors)
{
    return (double)neighbors / (neighbors + FIND_NEIGHBORS);
}

/* Faces in the whole frame; smallest, largest: widths in pixels of a picture whose longer side is
 * `side`; largest 0: any. */
static viseme_status search_whole(struct finder *f, const viseme_image *frame, int side,
                                  int smallest, int largest, struct vis_face_candidate *out,
                                  int room, int *count, viseme_error *err)
{
    struct part part = {.factor = 1};
    size_t boxes = 0;
    *count = 0;
    viseme_status status = whole_part(f, frame, side, &part, err);
    if (status != VISEME_OK)
        return status;
    const struct vis_gray *g = &part.picture;
    const struct vis_haar_options o = {.scale_factor = SEARCH_STEP,
                                       .min_neighbors = FIND_NEIGHBORS,
                                       .min_width = smallest,
                                       .min_height = (int)(smallest * f->aspect),
                                       .max_width = largest,
                                       .max_height = (int)(largest * f->aspect)};
    status = vis_haar_detect(f->haar, g->data, g->width, g->height, g->stride, NULL, &o, err);
    const struct vis_haar_box *box = vis_haar_boxes(f->haar, &boxes);
    for (size_t i = 0; i < boxes && status == VISEME_OK && *count < room; i++) {
        const struct box p = pose_of(&part, &box[i].box);
        out[(*count)++] =
            (struct vis_face_candidate){.pose = {p.x, p.y, p.width, p.width * f->aspect},
                                        .confidence = confidence_of(box[i].neighbors)};
    }
    return status;
}

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    struct finder *f = self;
    viseme_status status =
        search_whole(f, frame, SEARCH_SIDE, SEARCH_FACE, 0, out, room, count, err);
    if (status == VISEME_OK && *count == 0 && f->empty++ % FINE_EVERY == 0)
        status = search_whole(f, frame, FINE_SIDE, FINE_FACE,
                              SEARCH_FACE * (FINE_SIDE / SEARCH_SIDE), out, room, count, err);
    if (*count > 0)
        f->empty = 0;
    return status;
}

/* The best founded face near a pose and of about its size. */
static viseme_status detect_near(struct finder *f, const struct part *part, const struct box *pose,
                                 struct box *out, int *neighbors, viseme_error *err)
{
    const struct vis_gray *g = &part->picture;
    const double width = pose->width / part->factor;
    const struct vis_haar_options o = {.scale_factor = NEAR_STEP,
                                       .min_neighbors = KEEP_NEIGHBORS,
                                       .min_width = (int)(width / NEAR_SIZE),
                                       .min_height = (int)(width * f->aspect / NEAR_SIZE),
                                       .max_width = 1 + (int)(width * NEAR_SIZE),
                                       .max_height = 1 + (int)(width * f->aspect * NEAR_SIZE)};
    size_t count = 0;
    *neighbors = 0;
    if (!g->data)
        return VISEME_OK;
    viseme_status status =
        vis_haar_detect(f->haar, g->data, g->width, g->height, g->stride, NULL, &o, err);
    const struct vis_haar_box *boxes = vis_haar_boxes(f->haar, &count);
    for (size_t i = 0; i < count; i++) {
        const struct box p = pose_of(part, &boxes[i].box);
        if (boxes[i].neighbors > *neighbors &&
            hypot(p.x - pose->x, p.y - pose->y) < NEAR_SHIFT * pose->width) {
            *out = p;
            *neighbors = boxes[i].neighbors;
        }
    }
    return status;
}

/* ---- Following ---------------------------------------------------------------------------------
 */

/* Attaches the tracker to the pose; 0 when there is nothing it could follow. */
static int learn(struct face *f, const struct part *part)
{
    const double w = f->pose.width;
    f->patch =
        (struct vis_patch){f->pose.x + (PATCH_X - 0.5) * w,
                           f->pose.y + (PATCH_Y - 0.5) * w * f->finder->aspect, w * PATCH_WIDTH};
    f->box = (struct box){(f->pose.x - f->patch.x) / f->patch.width,
                          (f->pose.y - f->patch.y) / f->patch.width, w / f->patch.width};
    const struct vis_patch at = to_part(part, &f->patch);
    return part->picture.data && vis_track_learn(f->track, &part->picture, &at);
}

static struct box box_of(const struct face *f)
{
    return (struct box){f->patch.x + f->box.x * f->patch.width,
                        f->patch.y + f->box.y * f->patch.width, f->box.width * f->patch.width};
}

/* Moves the box towards a detection. */
static void correct(struct face *f, const struct box *detected)
{
    const struct box box = box_of(f);
    const double part = 1.0 / (f->detections < MEMORY ? ++f->detections : MEMORY);
    f->box.x += part * (detected->x - box.x) / f->patch.width;
    f->box.y += part * (detected->y - box.y) / f->patch.width;
    f->box.width *= pow(detected->width / box.width, part);
}

/* Whether a followed box is still something to cut a mouth from. */
static int plausible(const struct box *p, const viseme_image *frame)
{
    return p->x > 0 && p->y > 0 && p->x < frame->width && p->y < frame->height &&
           p->width >= FINE_FACE / 2.0 && p->width <= 2.0 * frame->width;
}

static void show(const struct face *f, double confidence, struct vis_face_seen *seen)
{
    const struct box *p = &f->pose;
    const double height = p->width * f->finder->aspect;
    *seen = (struct vis_face_seen){.pose = {p->x, p->y, p->width, height},
                                   .mouth_x = p->x + (MOUTH_X - 0.5) * p->width,
                                   .mouth_y = p->y + (MOUTH_Y - 0.5) * height,
                                   .confidence = confidence,
                                   .fresh = 1,
                                   .crop_width =
                                       VIS_TEMPLATE_WIDTH / TEMPLATE_EYES * EYES_WIDTH * p->width};
}

static void begin_at(struct face *f, const struct part *part, const struct box *pose)
{
    f->pose = *pose;
    f->known = 1;
    f->detections = 1;
    f->misses = 0;
    f->frames_until_detection = 1;
    f->following = learn(f, part);
}

static viseme_status begin(void *self, void *face, const viseme_image *frame, double seconds,
                           const struct vis_face_candidate *candidate, struct vis_face_seen *seen,
                           int *found, viseme_error *err)
{
    struct face *f = face;
    struct part part = {.factor = 1};
    const struct box pose = {candidate->pose.x, candidate->pose.y, candidate->pose.width};
    (void)seconds;
    viseme_status status = near_part(self, frame, &pose, &part, err);
    *found = status == VISEME_OK;
    if (status != VISEME_OK)
        return status;
    begin_at(f, &part, &pose);
    show(f, candidate->confidence, seen);
    return VISEME_OK;
}

static viseme_status look(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct face *f = face;
    struct part part = {.factor = 1};
    struct box detected;
    int neighbors = 0;
    (void)seconds;
    *found = 0;
    if (!f->known)
        return VISEME_OK;
    viseme_status status = near_part(self, frame, &f->pose, &part, err);
    if (status == VISEME_OK)
        status = detect_near(self, &part, &f->pose, &detected, &neighbors, err);
    if (status != VISEME_OK || !neighbors)
        return status;
    begin_at(f, &part, &detected);
    show(f, confidence_of(neighbors), seen);
    *found = 1;
    return VISEME_OK;
}

/* Follows the face into this frame and, when it is time or in doubt, confirms it. */
static viseme_status follow(void *self, void *face, const viseme_image *frame, double seconds,
                            struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct face *f = face;
    struct part part = {.factor = 1};
    *found = 0;
    if (!f->following)
        return look(self, face, frame, seconds, seen, found, err);
    viseme_status status = near_part(self, frame, &f->pose, &part, err);
    if (status != VISEME_OK)
        return status;
    struct vis_patch at = to_part(&part, &f->patch);
    struct box pose = f->pose, detected = {0, 0, 0};
    int neighbors = 0;
    const double quality = part.picture.data ? vis_track_find(f->track, &part.picture, &at) : -1;
    const int tracked = quality >= MIN_QUALITY;
    if (tracked) {
        f->patch = from_part(&part, &at);
        pose = box_of(f);
    }
    if (!tracked || --f->frames_until_detection <= 0) {
        status = detect_near(self, &part, &pose, &detected, &neighbors, err);
        if (status != VISEME_OK)
            return status;
        f->misses = neighbors ? 0 : f->misses + 1;
        f->frames_until_detection = f->detections < EAGER && neighbors ? 1 : EVERY;
    }
    if (!tracked) {
        f->following = 0;
        if (neighbors) {
            begin_at(f, &part, &detected);
            show(f, confidence_of(neighbors), seen);
            *found = 1;
        }
        return VISEME_OK;
    }
    if (neighbors)
        correct(f, &detected);
    pose = box_of(f);
    f->pose = (struct box){pose.x, pose.y, f->pose.width + CALM * (pose.width - f->pose.width)};
    if (f->misses > MISSES || !plausible(&f->pose, frame)) {
        f->following = f->known = 0;
        return VISEME_OK;
    }
    show(f, fmin(1.0, quality), seen);
    *found = 1;
    if (neighbors && quality < GOOD_QUALITY)
        f->following = learn(f, &part);
    return VISEME_OK;
}

/* ---- The method --------------------------------------------------------------------------------
 */

static void face_free(void *face)
{
    struct face *f = face;
    if (!f)
        return;
    vis_track_free(f->track);
    free(f);
}

static viseme_status face_create(void *self, void **face, viseme_error *err)
{
    struct face *f = calloc(1, sizeof *f);
    *face = NULL;
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    f->finder = self;
    viseme_status status = vis_track_create(&f->track, PATCH_COLUMNS, PATCH_ROWS, err);
    if (status != VISEME_OK) {
        face_free(f);
        return status;
    }
    *face = f;
    return VISEME_OK;
}

static void finder_free(void *self)
{
    struct finder *f = self;
    if (!f)
        return;
    vis_haar_free(f->haar);
    free(f->gray);
    free(f);
}

static const struct vis_face_method method = {
    .name = "haar",
    .search_seconds = SEARCH_SECONDS,
    .outline = {-0.41, -0.51, 0.35, 0.57},
    .search = search,
    .face_create = face_create,
    .face_free = face_free,
    .begin = begin,
    .follow = follow,
    .look = look,
    .free = finder_free,
};

viseme_status vis_face_haar(struct vis_face_finder *finder, struct vis_cascade *cascade,
                            viseme_error *err)
{
    struct finder *f = calloc(1, sizeof *f);
    if (!f) {
        vis_cascade_free(cascade);
        return vis_fail_nomem(err, sizeof *f);
    }
    f->aspect = (double)cascade->height / cascade->width;
    viseme_status status = vis_haar_create(&f->haar, cascade, err);
    if (status != VISEME_OK) {
        finder_free(f);
        return status;
    }
    *finder = (struct vis_face_finder){&method, f};
    return VISEME_OK;
}
