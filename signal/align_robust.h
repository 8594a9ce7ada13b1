/* The similarity that most of two sets of points agree about. */
#ifndef VIS_SIGNAL_ALIGN_ROBUST_H
#define VIS_SIGNAL_ALIGN_ROBUST_H

#include "signal/affine.h"

enum { VIS_ALIGN_POINTS = 68 }; /* of vis_align_robust() at most */

/* The similarity without a reflection from points p to points q, `count` pairs, 3 to
 * VIS_ALIGN_POINTS, that most of them agree about: of those through two pairs the one whose median
 * miss is the least, then the least-squares fit to the pairs that do not miss it by more than 2.5
 * times the spread that the median tells of, or 2 pixels. So outliers have no say, and without any
 * it is the least-squares fit to all. Source: Rousseeuw, "Least Median of Squares Regression",
 * 1984; as OpenCV's estimateAffinePartial2D with LMEDS, which draws 13 pairs at random and knows no
 * 2 pixels. */
struct vis_affine vis_align_robust(const double (*p)[2], const double (*q)[2], int count);

#endif
