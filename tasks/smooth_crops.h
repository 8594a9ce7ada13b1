/* Auto-AVSR's crops in the order of time, a little later than the frames: their landmarks are
 * smoothed over six crops on either side (signal/smooth_points.h). */
#ifndef VIS_TASKS_SMOOTH_CROPS_H
#define VIS_TASKS_SMOOTH_CROPS_H

#include "tasks/crop_views.h"

struct vis_smooth_crops;

/* A crop that is done. */
struct vis_smooth_crop {
    int64_t index;
    int held; /* the face was not seen; the crop lies where it must have been */
    viseme_face face, faces[VIS_FACES];
    size_t face_count;
    uint8_t picture[VIS_ALIGNED_SIDE * VIS_ALIGNED_SIDE * 3];
};

/* Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_smooth_crops_create(struct vis_smooth_crops **out, viseme_error *err);
void vis_smooth_crops_free(struct vis_smooth_crops *s);

/* Takes from the views what is ready until a crop is done, and returns it; NULL: there is none yet.
 * last: there will be no more views. It lives until the next call. */
const struct vis_smooth_crop *vis_smooth_crops_next(struct vis_smooth_crops *s,
                                                    struct vis_views *views, int last);

#endif
