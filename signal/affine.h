/* Warping 8-bit pictures by a 2 x 3 matrix, with the numbers of OpenCV's cv2.warpAffine
 * (INTER_LINEAR, black outside): positions in 1/32 pixel, weights of 15 bits. For a warp that
 * smooths where it shrinks see signal/warp.h. */
#ifndef VIS_SIGNAL_AFFINE_H
#define VIS_SIGNAL_AFFINE_H

#include "signal/resize.h"

/* Maps (x, y) to (m[0][0] x + m[0][1] y + m[0][2], m[1][0] x + m[1][1] y + m[1][2]). Points are
 * numbers of pixels: the centre of the first one is (0, 0). */
struct vis_affine {
    double m[2][3];
};

/* The inverse as OpenCV computes it; a matrix without one gives zeros in place of it. */
struct vis_affine vis_affine_inverse(const struct vis_affine *m);

void vis_affine_apply(const struct vis_affine *m, double x, double y, double out[2]);

/* Fills dst [height width channels] with a window of the warped picture, whose upper left pixel is
 * (left, top) of it.
 *
 *  back  from points of the warped picture to points of the source, as cv2.warpAffine with
 *        WARP_INVERSE_MAP takes it: pass vis_affine_inverse() of a map from source to result.
 *        Senseless numbers give a black picture or a senseless one.
 */
void vis_affine_warp(const struct vis_bytes *source, const struct vis_affine *back, int left,
                     int top, uint8_t *dst, int width, int height);

#endif
