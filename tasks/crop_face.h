/* One face through a video: found by the cascade now and then, followed by correlation in between.
 *
 * The tracker gives smooth motion that may drift; the detector gives boxes that do not drift but
 * jitter by a percent or two. So the box is held relative to the tracked patch, and every
 * detection moves it by one n-th of what it is off, n the number of detections up to a limit. */
#ifndef VIS_TASKS_CROP_FACE_H
#define VIS_TASKS_CROP_FACE_H

#include "base/error.h"
#include "signal/cascade.h"

/* The detector's box on the face, in pixels of the frame, continuous coordinates. */
struct vis_face_pose {
    double x, y; /* centre */
    double width;
};

/* What a frame showed. */
struct vis_face_seen {
    int found;
    struct vis_face_pose pose;
    double confidence; /* 0 to 1: of the detection, or the correlation of the tracker */
};

struct vis_follow;

/* Takes over the cascade (also when it fails). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_follow_create(struct vis_follow **out, struct vis_cascade *cascade,
                                viseme_error *err);
void vis_follow_free(struct vis_follow *follow);

/* Height of a box of width 1. */
double vis_follow_aspect(const struct vis_follow *follow);

/* Looks at the next frame. `seconds` must not go back: while there is no face, the whole frame is
 * searched five times a second. Returns VISEME_OK (face or not) or VISEME_ERR_NOMEM. */
viseme_status vis_follow_push(struct vis_follow *follow, const viseme_image *frame, double seconds,
                              struct vis_face_seen *seen, viseme_error *err);

#endif
