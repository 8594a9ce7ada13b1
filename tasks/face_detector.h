/* YuNet or S3FD on a part of a frame: the picture that the network gets, and the faces that come
 * out, in pixels of the frame. */
#ifndef VIS_TASKS_FACE_DETECTOR_H
#define VIS_TASKS_FACE_DETECTOR_H

#include "base/error.h"
#include "nets/detections.h"
#include "signal/gray.h"

struct vis_face_detector;

/* Opens a network of viseme.arch "yunet" or "s3fd", which must outlive the object and runs on one
 * thread. Returns VISEME_OK, VISEME_ERR_ARGUMENT (another network) or VISEME_ERR_NOMEM. */
viseme_status vis_face_detector_create(struct vis_face_detector **out, const viseme_model *model,
                                       viseme_error *err);
void vis_face_detector_free(struct vis_face_detector *detector);

/* Faces in `area`, a part of the frame, best first, scores as in nets/detections.h.
 *
 *  side   pixels of the longer side that the part is brought to. Bilinear as cv2.resize; what
 *         shrinks to a half or less is averaged over whole blocks before.
 *  fixed  1: the part is enlarged, too, and lies in the upper left of a square of side x side, so
 *         that parts of any shape share one plan of memory; 0: it is never enlarged.
 *  out    room for `room`, of which *count are filled.
 *
 * YuNet wants sides that are multiples of 32; what is missing is black, of S3FD's square the mean
 * colour. Returns VISEME_OK, VISEME_ERR_MODEL or VISEME_ERR_NOMEM. */
viseme_status vis_face_detector_find(struct vis_face_detector *detector, const viseme_image *frame,
                                     const struct vis_rect *area, int side, int fixed,
                                     struct vis_detection *out, int room, int *count,
                                     viseme_error *err);

/* The same around a face: a square part of the frame whose face is about half as wide as it is;
 * of the faces found the best one near (x, y) and of about its height. *found: 0 or 1. */
viseme_status vis_face_detector_near(struct vis_face_detector *detector, const viseme_image *frame,
                                     double x, double y, double width, double height, int side,
                                     struct vis_detection *out, int *found, viseme_error *err);

#endif
