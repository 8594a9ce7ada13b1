/* What BlazeFace and FaceMesh are made of. */
#ifndef VIS_NETS_BLAZE_H
#define VIS_NETS_BLAZE_H

#include "engine/graph.h"

/* A BlazeBlock (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
 * GPUs", 2019): a depthwise 3 x 3 convolution, a pointwise one, the sum with the input, an
 * activation.
 *   [N 1 H W C] -> [N 1 H/stride W/stride out], stride 1 or 2, out >= C
 * With stride 2 the input has one row and column of zeros at its end only, and its 2 x 2 maximum
 * is what is added; channels that it lacks are zeros. Tensors "<name>.convs.0", "<name>.convs.1"
 * and, for VIS_ACT_PRELU, "<name>.act.weight". */
vis_val vis_blaze_block(struct vis_graph *g, vis_val x, const char *name, int out, int stride,
                        enum vis_act act);

#endif
