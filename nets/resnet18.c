#include "nets/resnet18.h"

#include <stdio.h>

/* Two 3 x 3 convolutions around which the input is added; a 1 x 1 convolution takes it there where
 * the size changes. */
static vis_val basic_block(struct vis_graph *g, vis_val x, const char *name, int out, int stride,
                           enum vis_act act)
{
    enum { CONV1, BN1, CONV2, BN2, DOWN, DOWN_BN, NAMES };
    static const char *const part[NAMES] = {"conv1", "bn1",          "conv2",
                                            "bn2",   "downsample.0", "downsample.1"};
    char names[NAMES][96];
    if (g->status != VISEME_OK)
        return 0;
    for (int i = 0; i < NAMES; i++)
        snprintf(names[i], sizeof names[i], "%s.%s", name, part[i]);
    vis_val around = x;
    if (stride != 1 || vis_graph_value(g, x)->dim[VIS_C] != out)
        around = vis_conv(
            g, x, names[DOWN],
            (struct vis_conv){
                .out = out, .stride = {1, stride, stride}, .no_bias = 1, .norm = names[DOWN_BN]});
    x = vis_conv(g, x, names[CONV1],
                 (struct vis_conv){.out = out,
                                   .k = {1, 3, 3},
                                   .stride = {1, stride, stride},
                                   .pad = {0, 1, 1},
                                   .act = act,
                                   .no_bias = 1,
                                   .norm = names[BN1]});
    return vis_conv(g, x, names[CONV2],
                    (struct vis_conv){.out = out,
                                      .k = {1, 3, 3},
                                      .pad = {0, 1, 1},
                                      .act = act,
                                      .no_bias = 1,
                                      .norm = names[BN2],
                                      .residual = around});
}

vis_val vis_resnet18(struct vis_graph *g, vis_val x, const struct vis_resnet18 *net)
{
    enum { BLOCKS = 2 };
    char name[80];
    x = vis_conv(g, x, net->stem,
                 (struct vis_conv){.out = net->widths[0],
                                   .k = {5, 7, 7},
                                   .stride = {1, 2, 2},
                                   .pad = {2, 3, 3},
                                   .act = net->stem_act,
                                   .no_bias = 1,
                                   .norm = net->stem_norm});
    x = vis_maxpool(g, x, (struct vis_pool){.k = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}});
    for (int stage = 0; stage < VIS_RESNET18_STAGES; stage++)
        for (int i = 0; i < BLOCKS; i++) {
            snprintf(name, sizeof name, "%slayer%d.%d", net->trunk, stage + 1, i);
            x = basic_block(g, x, name, net->widths[stage], stage && !i ? 2 : 1, net->act);
        }
    return vis_mean(g, x);
}
