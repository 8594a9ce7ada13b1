#include "nets/blaze.h"

#include <stdio.h>

vis_val vis_blaze_block(struct vis_graph *g, vis_val x, const char *name, int out, int stride,
                        enum vis_act act)
{
    char depthwise[64], pointwise[64], slope[64];
    snprintf(depthwise, sizeof depthwise, "%s.convs.0", name);
    snprintf(pointwise, sizeof pointwise, "%s.convs.1", name);
    snprintf(slope, sizeof slope, "%s.act.weight", name);
    struct vis_conv conv = {.out = out,
                            .k = {1, 3, 3},
                            .stride = {1, stride, stride},
                            .act = act,
                            .slope = slope,
                            .residual = x};
    for (int i = 1; i < 3; i++) { /* H W */
        conv.pad[i] = stride == 1;
        conv.pad_end[i] = stride == 2;
    }
    if (stride == 2)
        conv.residual = vis_maxpool(g, x, (struct vis_pool){.k = {1, 2, 2}});
    return vis_separable(g, x, depthwise, pointwise, conv);
}
