/* Faces by YuNet: one small network gives boxes and five points (eyes, nose, corners of the mouth).
 * A face that is known is looked at in a small part of every frame; its points, laid over LipNet's
 * template and smoothed over time, give the mouth crop. */
#ifndef VIS_TASKS_FACE_YUNET_H
#define VIS_TASKS_FACE_YUNET_H

#include "tasks/face_finder.h"

/* model: of viseme.arch "yunet"; must outlive the finder, which runs it on one thread. Free with
 * finder->method->free(finder->self).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (another network) or VISEME_ERR_NOMEM. */
viseme_status vis_face_yunet(struct vis_face_finder *finder, const viseme_model *model,
                             viseme_error *err);

#endif
