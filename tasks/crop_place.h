/* Where a crop of one kind lies in a frame, and cutting it out. */
#ifndef VIS_TASKS_CROP_PLACE_H
#define VIS_TASKS_CROP_PLACE_H

#include "tasks/aligned_mouth.h"
#include "tasks/face_tracks.h"

/* Width and height of a kind's crops, in pixels. */
struct vis_crop_size {
    int width, height;
};
struct vis_crop_size vis_crop_size(viseme_crop_kind kind);

/* What one look at the chosen face tells. */
struct vis_place {
    viseme_face face;
    struct vis_face_seen seen;     /* of LipNet's crop: `aligned`, `back`, `crop_width` */
    struct vis_face_pose box;      /* of a window: the face as WIDER FACE draws it */
    double size;                   /* likewise: its mean height so far */
    double points[VIS_FACE_68][2]; /* of an aligned crop */
    double roi[2];                 /* of a window of LRW: the point that it lies around */
};

viseme_face vis_place_face(const struct vis_face_tracked *tracked);

/* The place in a frame that shows the face. before: the last one of the same face, NULL without;
 * looks: how many there were. */
void vis_place_of(struct vis_place *out, viseme_crop_kind kind,
                  const struct vis_face_tracked *tracked, const struct vis_face_method *method,
                  const struct vis_place *before, int looks);

/* *a becomes what lies `part` of the way from it to b. */
void vis_place_mix(struct vis_place *a, const struct vis_place *b, double part);

/* The part of a frame that a crop at this place needs: low and high [2], x and y, of a frame of
 * width x height pixels. Not for aligned crops (see vis_aligned_keep()). */
void vis_place_bounds(const struct vis_place *place, viseme_crop_kind kind, int width, int height,
                      double low[2], double high[2]);

/* A frame, or a part of one whose first pixel is (left, top) of it. */
struct vis_cutting {
    viseme_image image;
    int left, top;
    int frame_width, frame_height;
};

/* Cuts the crop of this kind, B G R: LipNet's in colour, windows in grey, all three bytes alike.
 * Not for aligned crops (see vis_aligned_crop()). */
void vis_place_cut(const struct vis_place *place, viseme_crop_kind kind,
                   const struct vis_cutting *from, uint8_t *crop);

#endif
