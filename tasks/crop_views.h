/* From what frames showed to crops at even times.
 *
 * A crop is taken from the last frame that was there at its time, which is known when the next
 * frame comes. Where the landmarks of a frame were not looked at, its part around the mouth is kept
 * until they are in a later frame, and the map between the two is interpolated. */
#ifndef VIS_TASKS_CROP_VIEWS_H
#define VIS_TASKS_CROP_VIEWS_H

#include "tasks/crop_place.h"

/* A frame as crops see it. */
struct vis_view {
    double seconds;         /* from the first frame */
    int found;              /* it had the chosen face */
    int pending;            /* the picture waits for the next look at the face */
    int64_t own, end;       /* crops before `own` are held; `end` is behind its last one so far */
    struct vis_place place; /* where the picture came from */
    viseme_face faces[VIS_FACES];
    size_t face_count;
    uint8_t *picture; /* [height width 3] of the kind; not of aligned crops, which are */
    struct vis_aligned_part kept; /* cut from this when their points are smoothed */
    struct vis_part {
        struct vis_cutting cut; /* of the frame, while pending */
        uint8_t *bytes;
        size_t room;
    } part;
};

struct vis_views;

/* rate: crops a second. longest: crops at most from one look at a face to the next.
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_views_create(struct vis_views **out, viseme_crop_kind kind, double rate,
                               int longest, viseme_error *err);
void vis_views_free(struct vis_views *views);

/* Adds a frame; `seconds` must not go back, and every crop that is ready must have been taken.
 * tracks: what they say of this frame. Returns VISEME_OK, VISEME_ERR_NOMEM or
 * VISEME_ERR_INTERNAL. */
viseme_status vis_views_add(struct vis_views *views, const viseme_image *frame, double seconds,
                            const struct vis_face_tracks *tracks, viseme_error *err);
/* There are no more frames. */
void vis_views_finish(struct vis_views *views);

/* The view that the next crop is taken from; NULL when that is not known yet, or there was no face
 * so far. */
const struct vis_view *vis_views_ready(const struct vis_views *views);
/* Number of the next crop, and whether it shows another time than its own. */
int64_t vis_views_index(const struct vis_views *views);
int vis_views_held(const struct vis_views *views, const struct vis_view *view);
/* That crop has been taken. */
void vis_views_next(struct vis_views *views);

/* The frame added last; NULL when there was no face so far. */
const struct vis_view *vis_views_last(const struct vis_views *views);
/* Whether a crop's time has passed, though there was no face so far. */
int vis_views_late(const struct vis_views *views);

#endif
