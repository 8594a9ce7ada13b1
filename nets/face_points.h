/* Between FaceMesh's crop and the picture: where the crop comes from, where its points lie, the
 * region of the next frame, and the 68 points that other networks are trained with.
 * Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
 * GPUs", 2019, with the constants of MediaPipe and the rounding of its PyTorch conversion. */
#ifndef VIS_NETS_FACE_POINTS_H
#define VIS_NETS_FACE_POINTS_H

#include "nets/face_boxes.h"

enum {
    VIS_FACE_POINTS = 468,
    VIS_FACE_CROP = 192, /* pixels of FaceMesh's input, square */
    VIS_FACE_68 = 68,
    VIS_FACE_INNER = 17 /* of the 68: the first that is not on the outline */
};
#define VIS_FACE_MIN_FLAG 0.5f /* a face: the network's flag is above it */

/* From pixels (x, y) of the crop to pixels of the picture:
 *   (m[0][0] x + m[0][1] y + m[0][2], m[1][0] x + m[1][1] y + m[1][2])
 * The corners (0, 0), (191, 0), (0, 191) of the crop are those of the region. */
void vis_face_crop_map(double m[2][3], const struct vis_face_region *region);

/* The points in the picture: (x, y) in its pixels, z as it comes, in shares of the crop.
 * raw [468 3], the network's output of one crop. */
void vis_face_points_in_picture(float (*points)[3], const float *raw, const double m[2][3]);

/* The region for the next frame: a square 1.5 times the longer side of the points' bounding box,
 * turned as the outer corners of the eyes are. */
struct vis_face_region vis_face_region_of_points(const float (*points)[3]);

/* (x, y) of the 68 points of iBUG 300-W: 0-16 outline, from the subject's right ear over the chin;
 * 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 lips. The outline is only near: the mesh ends where
 * the face does, the markup follows the jaw. */
void vis_face_68(float (*out)[2], const float (*points)[3]);

#endif
