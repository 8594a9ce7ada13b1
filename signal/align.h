/* The similarity that lays one set of points over another. */
#ifndef VIS_SIGNAL_ALIGN_H
#define VIS_SIGNAL_ALIGN_H

#include "signal/affine.h"

/* The map from points p to points q, `count` (x, y) pairs each, as LipNet-PyTorch aligns faces
 * (VIPL, demo.py): the means are laid over each other, the scale is the ratio of the standard
 * deviations over all coordinates, the turn is U V' of the singular value decomposition of P' Q
 * (the closest orthogonal matrix, in closed form here). A reflection is given where it fits
 * better. Points that all coincide give zeros, or a map that makes one point of all. */
struct vis_affine vis_align_similarity(const double (*p)[2], const double (*q)[2], int count);

#endif
