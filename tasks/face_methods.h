/* Which method finds faces, by what the options hold: one place for every task that takes
 * viseme_crop_options. */
#ifndef VIS_TASKS_FACE_METHODS_H
#define VIS_TASKS_FACE_METHODS_H

#include "tasks/face_finder.h"
#include "tasks/face_tracks.h"

/* Checks the part of the options that says what faces are found with, which one is chosen and what
 * happens without it. `task` begins the sentence of a failure.
 * Returns VISEME_OK or VISEME_ERR_ARGUMENT. */
viseme_status vis_face_methods_check(const viseme_crop_options *opts, const char *task,
                                     viseme_error *err);

/* Opens the method that the options hold: networks, else the cascade. interval: seconds from one
 * look at a face to the next, where a method leaves out frames; 0: every frame.
 * Free with finder->method->free(finder->self).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (a network that finds no faces), VISEME_ERR_MODEL (a
 * damaged cascade) or VISEME_ERR_NOMEM. */
viseme_status vis_face_methods_open(struct vis_face_finder *finder, const viseme_crop_options *opts,
                                    double interval, viseme_error *err);

/* That method with tracks on it, which choose as the options say. Free with
 * vis_face_tracks_free(). Returns as above. */
viseme_status vis_face_methods_track(struct vis_face_tracks **out, const viseme_crop_options *opts,
                                     double interval, viseme_error *err);

/* Checks a frame that a caller gives a task. Returns VISEME_OK or VISEME_ERR_ARGUMENT. */
viseme_status vis_face_methods_frame(const viseme_image *frame, const char *task,
                                     viseme_error *err);

#endif
