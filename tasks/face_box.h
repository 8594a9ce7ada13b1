/* Faces as upright boxes: found now and then by a detector, followed by correlation in between.
 *
 * The tracker gives smooth motion that may drift; the detector gives boxes that do not drift but
 * jitter by a percent or two. So the box is held relative to the tracked patch, and every
 * detection moves it by one n-th of what it is off, n the number of detections up to a limit. */
#ifndef VIS_TASKS_FACE_BOX_H
#define VIS_TASKS_FACE_BOX_H

#include "signal/gray.h"
#include "signal/track.h"
#include "tasks/face_finder.h"

/* A part of the frame in grey, reduced: a point (x, y) of it is (x, y) * factor + (left, top) in
 * the frame. picture.data is NULL where there is none. */
struct vis_box_part {
    struct vis_gray picture;
    int left, top, factor;
};

/* A detector and what its boxes mean. */
struct vis_box_detector {
    const char *name;
    double search_seconds;   /* see struct vis_face_method */
    double outline[4];       /* likewise */
    double smallest;         /* width of a box below which a face is given up, pixels */
    double mouth_x, mouth_y; /* the mouth's centre in a box, in shares of its sides */
    double eyes_width;       /* from one outer corner of the eyes to the other, likewise */
    double patch_x, patch_y; /* eyes and nose, the part that talking moves least: centre ... */
    double patch_width;      /* ... and width, likewise */
    viseme_status (*search)(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err);
    /* The face near a pose and of about its size: *confidence above 0 and `out`, or 0. part: the
     * pose's surroundings, half a box around it. */
    viseme_status (*near)(void *self, const viseme_image *frame, const struct vis_box_part *part,
                          const struct vis_face_pose *pose, struct vis_face_pose *out,
                          double *confidence, viseme_error *err);
    void (*free)(void *self);
};

/* All of `area`, made smaller by a whole factor, in memory that *room bytes of *bytes are and that
 * grows as needed; free() it. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_box_part(uint8_t **bytes, size_t *room, const viseme_image *frame,
                           const struct vis_rect *area, int factor, struct vis_box_part *out,
                           viseme_error *err);

/* Makes a method of a detector, taking over `self` (also when it fails). Free with
 * finder->method->free(finder->self). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_face_box(struct vis_face_finder *finder, const struct vis_box_detector *detector,
                           void *self, viseme_error *err);

#endif
