/* FaceMesh: a turned crop of a face, 192 x 192 -> 468 points in it and whether it is a face.
 * Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
 * GPUs", 2019, in the layout of the PyTorch conversion of MediaPipe's model: RGB / 255.
 * Where the crop comes from and where the points go is in nets/face_points.h. */
#include "nets/blaze.h"
#include "nets/nets.h"

#include <stdio.h>

/* `count` blocks "<name>.<first>" and so on, the first with stride 2 where `down` is 1. */
static vis_val blocks(struct vis_graph *g, vis_val x, const char *name, int first, int count,
                      int out, int down)
{
    for (int i = 0; i < count; i++) {
        char block[32];
        snprintf(block, sizeof block, "%s.%d", name, first + i);
        x = vis_blaze_block(g, x, block, out, i == 0 && down ? 2 : 1, VIS_ACT_PRELU);
    }
    return x;
}

/* [N 1 3 3 128] -> [N 1 1 1 out]: fewer channels, a block, a convolution over the whole map.
 * `first`: index of the first of them in "<name>". */
static vis_val head(struct vis_graph *g, vis_val x, const char *name, int first, int out)
{
    char narrow[32], slope[32], last[32];
    snprintf(narrow, sizeof narrow, "%s.%d", name, first);
    snprintf(slope, sizeof slope, "%s.%d.weight", name, first + 1);
    snprintf(last, sizeof last, "%s.%d", name, first + 3);
    x = vis_conv(g, x, narrow, (struct vis_conv){.out = 32, .act = VIS_ACT_PRELU, .slope = slope});
    x = blocks(g, x, name, first + 2, 1, 32, 0);
    return vis_conv(g, x, last, (struct vis_conv){.out = out, .k = {1, 3, 3}});
}

static void build(struct vis_graph *g)
{
    enum { POINTS = 468 };
    int size = vis_config_int(g, "input_size", 192, 192, 192);
    const int crop[VIS_AXES] = {[VIS_H] = size, [VIS_W] = size, [VIS_C] = 3};
    vis_val x = vis_input(g, "x", "NCHW", crop);
    x = vis_conv(g, x, "backbone1.0",
                 (struct vis_conv){.out = 16,
                                   .k = {1, 3, 3},
                                   .stride = {1, 2, 2},
                                   .pad_end = {0, 1, 1},
                                   .act = VIS_ACT_PRELU,
                                   .slope = "backbone1.1.weight"}); /* [N 1 96 96 16] */
    x = blocks(g, x, "backbone1", 2, 2, 16, 0);
    x = blocks(g, x, "backbone1", 4, 3, 32, 1);   /* [N 1 48 48 32] */
    x = blocks(g, x, "backbone1", 7, 3, 64, 1);   /* [N 1 24 24 64] */
    x = blocks(g, x, "backbone1", 10, 3, 128, 1); /* [N 1 12 12 128] */
    x = blocks(g, x, "backbone1", 13, 3, 128, 1); /* [N 1 6 6 128] */
    vis_val points = head(g, blocks(g, x, "backbone2a", 0, 3, 128, 1), "backbone2a", 3, 3 * POINTS);
    vis_val flag = head(g, blocks(g, x, "backbone2b", 0, 1, 128, 1), "backbone2b", 1, 1);
    vis_output(g, "raw", "NWC", vis_divide(g, vis_rows(g, points, 0, 3), (float)size));
    vis_output(g, "flag_logit", "N", flag);
    vis_output(g, "flag", "N", vis_sigmoid(g, flag));
}

const struct vis_net vis_net_facemesh = {.name = "facemesh", .build = build};
