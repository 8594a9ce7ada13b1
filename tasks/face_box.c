#include "tasks/face_box.h"

#include <math.h>
#include <stdlib.h>

enum {
    NEAR_FACE = 160,    /* pixels of the face at most in the part that is followed */
    PATCH_COLUMNS = 48, /* the part of the face that is followed */
    PATCH_ROWS = 32,
    EAGER = 6,   /* detections in a row when a face is new */
    EVERY = 8,   /* frames between detections later */
    MEMORY = 12, /* detections that the box is averaged over */
    MISSES = 10  /* detections that may fail in a row while the tracker is content */
};

#define CALM                                                                                       \
    0.2                   /* of a change of size is taken over with every frame: it is noisier     \
                             than the place, and faces do not jump */
#define NEAR_MARGIN  0.5  /* of the box's width, around it */
#define MIN_QUALITY  0.6  /* below, what is there is not the face that was learned */
#define GOOD_QUALITY 0.85 /* below, learn it anew when the detector confirms it */

/* How far the outer corners of the eyes are apart in LipNet's template. */
#define TEMPLATE_EYES 125.7436

/* What all faces share. */
struct finder {
    struct vis_face_method method;
    const struct vis_box_detector *detector;
    void *self;    /* of the detector */
    uint8_t *gray; /* the part of the frame in use */
    size_t gray_bytes;
};

struct face {
    struct finder *finder;
    struct vis_track *track;
    int following;
    int known;                 /* there was a face at `pose`: look there first */
    struct vis_patch patch;    /* where the tracker is, in pixels of the frame */
    struct vis_face_pose box;  /* the box relative to the patch: shift and size in its widths */
    struct vis_face_pose pose; /* the box in the frame */
    int detections, misses, frames_until_detection;
};

/* ---- Parts of the frame in grey -----------------------------------------------------------------
 */

viseme_status vis_box_part(uint8_t **bytes, size_t *room, const viseme_image *frame,
                           const struct vis_rect *area, int factor, struct vis_box_part *out,
                           viseme_error *err)
{
    const int width = area->width / factor, height = area->height / factor;
    const size_t need = (size_t)width * (size_t)height;
    if (need > *room) {
        free(*bytes);
        *room = 0;
        *bytes = malloc(need);
        if (!*bytes)
            return vis_fail_nomem(err, need);
        *room = need;
    }
    vis_gray_reduce(frame, area, factor, *bytes);
    *out = (struct vis_box_part){{*bytes, width, height, (size_t)width}, area->x, area->y, factor};
    return VISEME_OK;
}

/* The surroundings of a pose; *out has no picture when they are outside of the frame. */
static viseme_status near_part(struct finder *f, const viseme_image *frame,
                               const struct vis_face_pose *pose, struct vis_box_part *out,
                               viseme_error *err)
{
    const double half_width = pose->width * (0.5 + NEAR_MARGIN);
    const double half_height = pose->height * 0.5 + pose->width * NEAR_MARGIN;
    const int factor = 1 + (int)((pose->width - 1) / NEAR_FACE);
    const int left = (int)fmax(0, floor(pose->x - half_width));
    const int top = (int)fmax(0, floor(pose->y - half_height));
    const int right = (int)fmin(frame->width, ceil(pose->x + half_width));
    const int bottom = (int)fmin(frame->height, ceil(pose->y + half_height));
    const struct vis_rect area = {left, top, right - left, bottom - top};
    *out = (struct vis_box_part){{NULL, 0, 0, 0}, 0, 0, 1};
    if (area.width < factor || area.height < factor)
        return VISEME_OK;
    return vis_box_part(&f->gray, &f->gray_bytes, frame, &area, factor, out, err);
}

static struct vis_patch to_part(const struct vis_box_part *part, const struct vis_patch *p)
{
    return (struct vis_patch){(p->x - part->left) / part->factor, (p->y - part->top) / part->factor,
                              p->width / part->factor};
}

static struct vis_patch from_part(const struct vis_box_part *part, const struct vis_patch *p)
{
    return (struct vis_patch){p->x * part->factor + part->left, p->y * part->factor + part->top,
                              p->width * part->factor};
}

/* ---- Following ---------------------------------------------------------------------------------
 */

/* Attaches the tracker to the pose; 0 when there is nothing it could follow. */
static int learn(struct face *f, const struct vis_box_part *part)
{
    const struct vis_box_detector *d = f->finder->detector;
    const struct vis_face_pose *p = &f->pose;
    f->patch = (struct vis_patch){p->x + (d->patch_x - 0.5) * p->width,
                                  p->y + (d->patch_y - 0.5) * p->height, p->width * d->patch_width};
    f->box = (struct vis_face_pose){(p->x - f->patch.x) / f->patch.width,
                                    (p->y - f->patch.y) / f->patch.width, p->width / f->patch.width,
                                    p->height / f->patch.width};
    const struct vis_patch at = to_part(part, &f->patch);
    return part->picture.data && vis_track_learn(f->track, &part->picture, &at);
}

static struct vis_face_pose box_of(const struct face *f)
{
    const double w = f->patch.width;
    return (struct vis_face_pose){f->patch.x + f->box.x * w, f->patch.y + f->box.y * w,
                                  f->box.width * w, f->box.height * w};
}

/* Moves the box towards a detection. */
static void correct(struct face *f, const struct vis_face_pose *detected)
{
    const struct vis_face_pose box = box_of(f);
    const double part = 1.0 / (f->detections < MEMORY ? ++f->detections : MEMORY);
    f->box.x += part * (detected->x - box.x) / f->patch.width;
    f->box.y += part * (detected->y - box.y) / f->patch.width;
    f->box.width *= pow(detected->width / box.width, part);
    f->box.height *= pow(detected->height / box.height, part);
}

/* Whether a followed box is still something to cut a mouth from. */
static int plausible(const struct face *f, const viseme_image *frame)
{
    const struct vis_face_pose *p = &f->pose;
    return p->x > 0 && p->y > 0 && p->x < frame->width && p->y < frame->height &&
           p->width >= f->finder->detector->smallest && p->width <= 2.0 * frame->width;
}

static void show(const struct face *f, double confidence, struct vis_face_seen *seen)
{
    const struct vis_box_detector *d = f->finder->detector;
    const struct vis_face_pose *p = &f->pose;
    *seen = (struct vis_face_seen){.pose = *p,
                                   .mouth_x = p->x + (d->mouth_x - 0.5) * p->width,
                                   .mouth_y = p->y + (d->mouth_y - 0.5) * p->height,
                                   .confidence = confidence,
                                   .fresh = 1,
                                   .crop_width = VIS_TEMPLATE_WIDTH / TEMPLATE_EYES *
                                                 d->eyes_width * p->width};
}

static void begin_at(struct face *f, const struct vis_box_part *part,
                     const struct vis_face_pose *pose)
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
    struct vis_box_part part = {.factor = 1};
    (void)seconds;
    viseme_status status = near_part(self, frame, &candidate->pose, &part, err);
    *found = status == VISEME_OK;
    if (status != VISEME_OK)
        return status;
    begin_at(f, &part, &candidate->pose);
    show(f, candidate->confidence, seen);
    return VISEME_OK;
}

static viseme_status detect(struct finder *f, const viseme_image *frame,
                            const struct vis_box_part *part, const struct vis_face_pose *pose,
                            struct vis_face_pose *out, double *confidence, viseme_error *err)
{
    *confidence = 0;
    if (!part->picture.data)
        return VISEME_OK;
    return f->detector->near(f->self, frame, part, pose, out, confidence, err);
}

static viseme_status look(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct face *f = face;
    struct vis_box_part part = {.factor = 1};
    struct vis_face_pose detected;
    double confidence = 0;
    (void)seconds;
    *found = 0;
    if (!f->known)
        return VISEME_OK;
    viseme_status status = near_part(self, frame, &f->pose, &part, err);
    if (status == VISEME_OK)
        status = detect(self, frame, &part, &f->pose, &detected, &confidence, err);
    if (status != VISEME_OK || !(confidence > 0))
        return status;
    begin_at(f, &part, &detected);
    show(f, confidence, seen);
    *found = 1;
    return VISEME_OK;
}

/* Follows the face into this frame and, when it is time or in doubt, confirms it. */
static viseme_status follow(void *self, void *face, const viseme_image *frame, double seconds,
                            struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct face *f = face;
    struct vis_box_part part = {.factor = 1};
    *found = 0;
    if (!f->following)
        return look(self, face, frame, seconds, seen, found, err);
    viseme_status status = near_part(self, frame, &f->pose, &part, err);
    if (status != VISEME_OK)
        return status;
    struct vis_patch at = to_part(&part, &f->patch);
    struct vis_face_pose pose = f->pose, detected = f->pose;
    double confidence = 0;
    const double quality = part.picture.data ? vis_track_find(f->track, &part.picture, &at) : -1;
    const int tracked = quality >= MIN_QUALITY;
    if (tracked) {
        f->patch = from_part(&part, &at);
        pose = box_of(f);
    }
    if (!tracked || --f->frames_until_detection <= 0) {
        status = detect(self, frame, &part, &pose, &detected, &confidence, err);
        if (status != VISEME_OK)
            return status;
        f->misses = confidence > 0 ? 0 : f->misses + 1;
        f->frames_until_detection = f->detections < EAGER && confidence > 0 ? 1 : EVERY;
    }
    if (!tracked) {
        f->following = 0;
        if (confidence > 0) {
            begin_at(f, &part, &detected);
            show(f, confidence, seen);
            *found = 1;
        }
        return VISEME_OK;
    }
    if (confidence > 0)
        correct(f, &detected);
    pose = box_of(f);
    f->pose =
        (struct vis_face_pose){pose.x, pose.y, f->pose.width + CALM * (pose.width - f->pose.width),
                               f->pose.height + CALM * (pose.height - f->pose.height)};
    if (f->misses > MISSES || !plausible(f, frame)) {
        f->following = f->known = 0;
        return VISEME_OK;
    }
    show(f, fmin(1.0, quality), seen);
    *found = 1;
    if (confidence > 0 && quality < GOOD_QUALITY)
        f->following = learn(f, &part);
    return VISEME_OK;
}

/* ---- The method --------------------------------------------------------------------------------
 */

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    const struct finder *f = self;
    return f->detector->search(f->self, frame, out, room, count, err);
}

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
    f->detector->free(f->self);
    free(f->gray);
    free(f);
}

viseme_status vis_face_box(struct vis_face_finder *finder, const struct vis_box_detector *detector,
                           void *self, viseme_error *err)
{
    struct finder *f = calloc(1, sizeof *f);
    if (!f) {
        detector->free(self);
        return vis_fail_nomem(err, sizeof *f);
    }
    f->method = (struct vis_face_method){
        .name = detector->name,
        .search_seconds = detector->search_seconds,
        .outline = {detector->outline[0], detector->outline[1], detector->outline[2],
                    detector->outline[3]},
        .search = search,
        .face_create = face_create,
        .face_free = face_free,
        .begin = begin,
        .follow = follow,
        .look = look,
        .free = finder_free,
    };
    f->detector = detector;
    f->self = self;
    *finder = (struct vis_face_finder){&f->method, f};
    return VISEME_OK;
}
