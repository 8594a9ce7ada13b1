#include "tasks/face_s3fd.h"

#include "tasks/face_box.h"
#include "tasks/face_detector.h"

enum {
    SEARCH_SIDE = 640, /* pixels of the longer side of the picture searched as a whole */
    NEAR_SIDE = 160,   /* of the square around a face that is followed */
    SEARCH_FACES = 64
};

#define SMALLEST 8.0 /* pixels of the narrowest box that is looked at */

static struct vis_face_pose pose_of(const struct vis_detection *d)
{
    return (struct vis_face_pose){((double)d->x0 + (double)d->x1) / 2,
                                  ((double)d->y0 + (double)d->y1) / 2,
                                  (double)d->x1 - (double)d->x0, (double)d->y1 - (double)d->y0};
}

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    const struct vis_rect all = {0, 0, frame->width, frame->height};
    struct vis_detection seen[SEARCH_FACES];
    int n = 0;
    *count = 0;
    viseme_status status =
        vis_face_detector_find(self, frame, &all, SEARCH_SIDE, 0, seen, SEARCH_FACES, &n, err);
    for (int i = 0; i < n && *count < room; i++) {
        const struct vis_face_pose pose = pose_of(&seen[i]);
        if (pose.width >= SMALLEST)
            out[(*count)++] =
                (struct vis_face_candidate){.pose = pose, .confidence = (double)seen[i].score};
    }
    return status;
}

static viseme_status near(void *self, const viseme_image *frame, const struct vis_box_part *part,
                          const struct vis_face_pose *pose, struct vis_face_pose *out,
                          double *confidence, viseme_error *err)
{
    struct vis_detection seen;
    int found = 0;
    (void)part;
    viseme_status status = vis_face_detector_near(self, frame, pose->x, pose->y, pose->width,
                                                  pose->height, NEAR_SIDE, &seen, &found, err);
    if (found) {
        *out = pose_of(&seen);
        *confidence = (double)seen.score;
    }
    return status;
}

static void finder_free(void *self)
{
    vis_face_detector_free(self);
}

/* What lies where in a box was measured with YuNet's, which was trained with the same boxes (WIDER
 * FACE): on 34 clips of GRID, by FaceMesh's points, the mouth's crop is centred at (0.546, 0.762)
 * and the eyes are 0.703 of the width apart; on 9 rendered ones, by their true points, (0.504,
 * 0.762) and 0.656. People in GRID look a little to their right, so the middle is kept. */
static const struct vis_box_detector detector = {
    .name = "s3fd",
    .search_seconds = 0.5,
    .outline = {-0.5, -0.5, 0.5, 0.5},
    .smallest = SMALLEST,
    .mouth_x = 0.51,
    .mouth_y = 0.762,
    .eyes_width = 0.70,
    .patch_x = 0.51,
    .patch_y = 0.43,
    .patch_width = 0.87,
    .search = search,
    .near = near,
    .free = finder_free,
};

viseme_status vis_face_s3fd(struct vis_face_finder *finder, const viseme_model *model,
                            viseme_error *err)
{
    struct vis_face_detector *d;
    viseme_status status = vis_face_detector_create(&d, model, err);
    return status == VISEME_OK ? vis_face_box(finder, &detector, d, err) : status;
}
