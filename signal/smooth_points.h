/* Landmarks of a face through time, filled in where they are missing and smoothed as they come.
 *
 * Of a stretch of N frames with one face, missing landmarks lie on a line between those before and
 * after; at its ends they are copies. Those of frame t become the mean over frames t - m to t + m,
 * m = min(6, t, N - 1 - t), shifted so that their centre is where the centre of frame t's own was.
 * Source: Ma et al., "Auto-AVSR: Audio-Visual Speech Recognition with Automatic Labels", 2023,
 * the preparation of its repository.
 *
 * Frames come out six frames later than they come in; memory does not grow. */
#ifndef VIS_SIGNAL_SMOOTH_POINTS_H
#define VIS_SIGNAL_SMOOTH_POINTS_H

#include "base/error.h"

enum {
    VIS_SMOOTH_POINTS = 68, /* at most */
    VIS_SMOOTH_REACH = 6,   /* frames on either side */
    VIS_SMOOTH_GAP = 25,    /* missing frames in a row that are filled in */
    VIS_SMOOTH_HELD = VIS_SMOOTH_REACH + VIS_SMOOTH_GAP + 1 /* frames that wait at most */
};

struct vis_smooth_points;

/* count: points of a frame, 1 to VIS_SMOOTH_POINTS. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_smooth_points_create(struct vis_smooth_points **out, int count,
                                       viseme_error *err);
void vis_smooth_points_free(struct vis_smooth_points *s);

/* Takes the next frame's points [count][2], NULL where they are missing: up to VIS_SMOOTH_GAP of
 * those are filled in once the next ones are here, more are copies of the last ones. Take what is
 * done with vis_smooth_points_next() until it returns 0 before the next push. */
void vis_smooth_points_push(struct vis_smooth_points *s, const double (*points)[2]);
/* The stretch ends here: what waits is done. The next push begins another one. */
void vis_smooth_points_finish(struct vis_smooth_points *s);
/* The next frame that is done: 1 and out [count][2] filled, or 0. */
int vis_smooth_points_next(struct vis_smooth_points *s, double (*out)[2]);

#endif
