/* Faces by S3FD, the detector of the original Wav2Lip: found now and then, followed by correlation
 * in between (tasks/face_box.h), since a look at a frame takes about a hundred times as long as a
 * cascade's. */
#ifndef VIS_TASKS_FACE_S3FD_H
#define VIS_TASKS_FACE_S3FD_H

#include "tasks/face_finder.h"

/* model: of viseme.arch "s3fd"; must outlive the finder, which runs it on one thread. Free with
 * finder->method->free(finder->self).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (another network) or VISEME_ERR_NOMEM. */
viseme_status vis_face_s3fd(struct vis_face_finder *finder, const viseme_model *model,
                            viseme_error *err);

#endif
