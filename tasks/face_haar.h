/* Faces by a Haar cascade: found now and then, followed by correlation in between.
 *
 * The tracker gives smooth motion that may drift; the detector gives boxes that do not drift but
 * jitter by a percent or two. So the box is held relative to the tracked patch, and every
 * detection moves it by one n-th of what it is off, n the number of detections up to a limit. */
#ifndef VIS_TASKS_FACE_HAAR_H
#define VIS_TASKS_FACE_HAAR_H

#include "signal/cascade.h"
#include "tasks/face_finder.h"

/* Takes over the cascade (also when it fails). Free with finder->method->free(finder->self).
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_face_haar(struct vis_face_finder *finder, struct vis_cascade *cascade,
                            viseme_error *err);

#endif
