/* Faces by two networks: BlazeFace finds them, FaceMesh gives 468 points on each, and the mouth is
 * cut out through the similarity that lays 51 of them over LipNet's template.
 *
 * FaceMesh looks at a square around the points of its last look, so that BlazeFace is needed only
 * where a face is new or lost. It need not look at every frame: what lies between two looks is
 * interpolated once the second is there (tasks/crop_views.h). Where the face moves much, it looks
 * at once. */
#ifndef VIS_TASKS_FACE_MESH_H
#define VIS_TASKS_FACE_MESH_H

#include "tasks/face_finder.h"

/* detector: a model of BlazeFace, landmarks: one of FaceMesh; both must outlive the finder, which
 * runs each on one thread. interval: seconds from one look of FaceMesh to the next; 0: every
 * frame. Free with finder->method->free(finder->self).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (a model of another network) or VISEME_ERR_NOMEM. */
viseme_status vis_face_mesh(struct vis_face_finder *finder, const viseme_model *detector,
                            const viseme_model *landmarks, double interval, viseme_error *err);

#endif
