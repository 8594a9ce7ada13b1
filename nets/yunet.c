/* YuNet: a picture of any size -> scores, boxes and five landmarks for every cell of three maps.
 * Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023, as yunet_n of
 * libfacedetection.train: B G R from 0 to 255 as they are, sides multiples of 32.
 * What comes after it is in nets/detections.h. */
#include "nets/nets.h"

#include <stdio.h>

enum { WIDTH = 64, LEVELS = 3, SMALLEST = 32 }; /* channels; maps of stride 8, 16, 32; pixels */

/* Pointwise, then depthwise 3 x 3; with batch norm and ReLU inside the network, without in its
 * heads. */
static vis_val unit(struct vis_graph *g, vis_val x, const char *name, int out, int head)
{
    char pointwise[80], depthwise[80], norm[80];
    snprintf(pointwise, sizeof pointwise, "%s.conv1", name);
    snprintf(depthwise, sizeof depthwise, "%s.conv2", name);
    snprintf(norm, sizeof norm, "%s.bn", name);
    struct vis_conv conv = {.k = {1, 3, 3}, .pad = {0, 1, 1}};
    if (!head) {
        conv.norm = norm;
        conv.act = VIS_ACT_RELU;
    }
    return vis_depthwise(g, vis_conv(g, x, pointwise, (struct vis_conv){.out = out}), depthwise,
                         conv);
}

static vis_val halve(struct vis_graph *g, vis_val x)
{
    return vis_maxpool(g, x, (struct vis_pool){.k = {1, 2, 2}});
}

/* [N 1 H W 3] -> maps of stride 8, 16, 32 */
static void backbone(struct vis_graph *g, vis_val x, vis_val maps[LEVELS])
{
    enum { STEM = 16, STAGES = 6 };
    x = vis_conv(g, x, "backbone.model0.conv1",
                 (struct vis_conv){.out = STEM,
                                   .k = {1, 3, 3},
                                   .stride = {1, 2, 2},
                                   .pad = {0, 1, 1},
                                   .act = VIS_ACT_RELU,
                                   .norm = "backbone.model0.bn1"});
    x = halve(g, unit(g, x, "backbone.model0.conv2", STEM, 0)); /* [N 1 H/4 W/4 16] */
    for (int i = 1; i < STAGES; i++) {
        char name[64];
        snprintf(name, sizeof name, "backbone.model%d.conv1", i);
        x = unit(g, x, name, i == 1 ? STEM : WIDTH, 0);
        snprintf(name, sizeof name, "backbone.model%d.conv2", i);
        x = unit(g, x, name, WIDTH, 0);
        if (i >= STAGES - LEVELS)
            maps[i - STAGES + LEVELS] = x;
        if (i > 1 && i < STAGES - 1)
            x = halve(g, x);
    }
}

/* Every map learns from the coarser one. */
static void neck(struct vis_graph *g, vis_val maps[LEVELS])
{
    for (int i = LEVELS - 1; i >= 0; i--) {
        char name[64];
        if (i < LEVELS - 1)
            maps[i] = vis_upsample_add(g, maps[i], maps[i + 1]);
        snprintf(name, sizeof name, "neck.lateral_convs.%d", i);
        maps[i] = unit(g, maps[i], name, WIDTH, 0);
    }
}

static void build(struct vis_graph *g)
{
    static const struct {
        const char *name;
        int out, sigmoid;
    } heads[] = {{"cls", 1, 1}, {"obj", 1, 1}, {"bbox", 4, 0}, {"kps", 10, 0}};
    const int picture[VIS_AXES] = {[VIS_H] = -SMALLEST, [VIS_W] = -SMALLEST, [VIS_C] = 3};
    vis_val maps[LEVELS] = {0};
    backbone(g, vis_input(g, "x", "NCHW", picture), maps);
    neck(g, maps);
    for (int i = 0; i < LEVELS; i++) {
        char name[64];
        snprintf(name, sizeof name, "bbox_head.multi_level_share_convs.%d.0", i);
        const vis_val shared = unit(g, maps[i], name, WIDTH, 0);
        for (size_t k = 0; k < sizeof heads / sizeof *heads; k++) {
            snprintf(name, sizeof name, "bbox_head.multi_level_%s.%d", heads[k].name, i);
            vis_val y = vis_rows(g, unit(g, shared, name, heads[k].out, 1), 0, heads[k].out);
            if (heads[k].sigmoid)
                y = vis_sigmoid(g, y);
            snprintf(name, sizeof name, "%s_%d", heads[k].name, 8 << i);
            vis_output(g, name, "NWC", y); /* [N cells out] */
        }
    }
}

const struct vis_net vis_net_yunet = {.name = "yunet", .build = build};
