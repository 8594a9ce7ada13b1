/* Auto-AVSR's mouth crop: the face laid over a mean face, 96 x 96 pixels around the mouth of it.
 * Source: Ma et al., "Auto-AVSR: Audio-Visual Speech Recognition with Automatic Labels", 2023;
 * mpc001/auto_avsr, preparation (RetinaFace variant). */
#ifndef VIS_TASKS_ALIGNED_MOUTH_H
#define VIS_TASKS_ALIGNED_MOUTH_H

#include "tasks/face_finder.h"

enum {
    VIS_ALIGNED_FRAME = 256, /* pixels of the mean face's frame, square */
    VIS_ALIGNED_SIDE = 96,   /* of the crop */
    VIS_ALIGNED_PART = 440   /* of the part of a frame that is kept, at most */
};

/* The 68 points of a face: those that were found, else the mean face's where the face lies. */
void vis_aligned_points(const struct vis_face_seen *seen, double out[VIS_FACE_68][2]);

/* Where a point (x, y) of the mean face's frame lies in the frame, as far as is known where the
 * face lies. */
void vis_aligned_point(const struct vis_face_seen *seen, double x, double y, double out[2]);

/* The map from the frame to the mean face's: a robust similarity of eight points that speech does
 * not move much. */
struct vis_affine vis_aligned_map(const double (*points)[2]);

/* Where the crop begins in the mean face's frame, given the centre of the mouth in it: half the
 * crop away, rounded to even, inside the frame. */
void vis_aligned_window(const double mouth[2], int *left, int *top);

/* The surroundings of a mouth in grey, made smaller by a whole factor where they are more than
 * twice as large as the mean face's, so that nothing is skipped later. */
struct vis_aligned_part {
    int left, top, factor, width, height;
    uint8_t *gray; /* [height width] of VIS_ALIGNED_PART squared, of the caller */
};

/* Keeps what the crop may come from, give or take, of a frame whose face has these points. */
void vis_aligned_keep(struct vis_aligned_part *part, const viseme_image *frame,
                      const double (*points)[2]);

/* Cuts the crop [96 96 3] of equal bytes out of a part: bilinear with OpenCV's numbers, black
 * where the part ends. points: of the face, in pixels of the frame. */
void vis_aligned_crop(const struct vis_aligned_part *part, const double (*points)[2],
                      uint8_t *crop);

#endif
