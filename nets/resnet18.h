/* The picture part of networks that read lips: a 3-D stem and the four stages of a ResNet-18 (He et
 * al. 2016, "Deep Residual Learning for Image Recognition"), then the mean of each frame. */
#ifndef VIS_NETS_RESNET18_H
#define VIS_NETS_RESNET18_H

#include "engine/graph.h"

enum { VIS_RESNET18_STAGES = 4 };

struct vis_resnet18 {
    const char *stem, *stem_norm; /* names of the 3-D convolution, without bias, and its norm */
    enum vis_act stem_act;
    const char *trunk; /* in front of "layer1.0.conv1" and so on, its last dot included */
    enum vis_act act;  /* of the stages */
    int widths[VIS_RESNET18_STAGES];
};

/* [N T H W 1] -> [N T 1 1 widths[3]]. Stem: 5 x 7 x 7, stride 1 2 2, then 3 x 3 maximum, stride 2.
 */
vis_val vis_resnet18(struct vis_graph *g, vis_val x, const struct vis_resnet18 *net);

#endif
