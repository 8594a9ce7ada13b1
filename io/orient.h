/* Pictures turned by quarters and mirrored, as cameras state it. */
#ifndef VIS_IO_ORIENT_H
#define VIS_IO_ORIENT_H

#include "viseme.h"

/* What makes a picture upright, applied in this order: rows and columns exchanged, then left and
 * right, then top and bottom. 0: nothing. All eight ways a picture can lie are sums of these. */
enum { VIS_ORIENT_TRANSPOSE = 1, VIS_ORIENT_FLIP_X = 2, VIS_ORIENT_FLIP_Y = 4 };

/* The orientation of a display matrix (ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y;
 * nine numbers a b u c d v x y w), of which only the directions count. Within one degree of a
 * quarter turn; anything else gives 0 and *odd = 1. */
int vis_orient_from_matrix(const int32_t matrix[9], int *odd);

/* The same in words: degrees clockwise (0, 90, 180 or 270), and then mirrored left to right. */
void vis_orient_describe(int orientation, int *degrees, int *mirrored);

/* Copies `image` upright to `to`, rows of 3 * (width or, transposed, height) bytes without gaps,
 * and makes *image that copy. */
void vis_orient_apply(viseme_image *image, int orientation, uint8_t *to);

#endif
