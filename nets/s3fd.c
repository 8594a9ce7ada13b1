/* S3FD: a picture of any size -> face scores and boxes for every cell of six maps.
 * Source: Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector", 2017, as Wav2Lip's face
 * detection has it: R G B from 0 to 255 less (104, 117, 123), in that order.
 * What comes after it is in nets/detections.h. */
#include "nets/nets.h"

#include <stdio.h>

enum { LEVELS = 6, SMALLEST = 32 }; /* pixels of a picture that the pools leave something of */

static vis_val conv3(struct vis_graph *g, vis_val x, const char *name, int out, int stride)
{
    return vis_conv(g, x, name,
                    (struct vis_conv){.out = out,
                                      .k = {1, 3, 3},
                                      .stride = {1, stride, stride},
                                      .pad = {0, 1, 1},
                                      .act = VIS_ACT_RELU});
}

static vis_val conv1(struct vis_graph *g, vis_val x, const char *name, int out)
{
    return vis_conv(g, x, name, (struct vis_conv){.out = out, .act = VIS_ACT_RELU});
}

/* VGG-16 without its classifier; maps: conv3_3, conv4_3, conv5_3. Returns pool5. */
static vis_val vgg(struct vis_graph *g, vis_val x, vis_val maps[3])
{
    static const int out[5] = {64, 128, 256, 512, 512}, depth[5] = {2, 2, 3, 3, 3};
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < depth[i]; k++) {
            char name[32];
            snprintf(name, sizeof name, "conv%d_%d", i + 1, k + 1);
            x = conv3(g, x, name, out[i], 1);
        }
        if (i >= 2)
            maps[i - 2] = x;
        x = vis_maxpool(g, x, (struct vis_pool){.k = {1, 2, 2}});
    }
    return x;
}

/* Two outputs of a level: cls [N 2 H W], background and face, and reg [N 4 H W]. */
static void heads(struct vis_graph *g, vis_val x, const char *name, int level)
{
    char conf[64], loc[64], output[16];
    struct vis_conv conv = {.out = level == 1 ? 4 : 2, .k = {1, 3, 3}, .pad = {0, 1, 1}};
    snprintf(conf, sizeof conf, "%s_mbox_conf", name);
    snprintf(loc, sizeof loc, "%s_mbox_loc", name);
    vis_val cls = vis_conv(g, x, conf, conv);
    if (level == 1) /* three kinds of background, of which the likeliest counts */
        cls = vis_maxout(g, cls, 3);
    conv.out = 4;
    snprintf(output, sizeof output, "cls%d", level);
    vis_output(g, output, "NCHW", cls);
    snprintf(output, sizeof output, "reg%d", level);
    vis_output(g, output, "NCHW", vis_conv(g, x, loc, conv));
}

static void build(struct vis_graph *g)
{
    static const char *const names[LEVELS] = {"conv3_3_norm", "conv4_3_norm", "conv5_3_norm",
                                              "fc7",          "conv6_2",      "conv7_2"};
    const float eps = 1e-10f;
    const int picture[VIS_AXES] = {[VIS_H] = -SMALLEST, [VIS_W] = -SMALLEST, [VIS_C] = 3};
    vis_val maps[LEVELS] = {0};
    vis_val x = vgg(g, vis_input(g, "x", "NCHW", picture), maps);
    for (int i = 0; i < 3; i++)
        maps[i] = vis_l2_scale(g, maps[i], names[i], eps);
    x = vis_conv(
        g, x, "fc6",
        (struct vis_conv){.out = 1024, .k = {1, 3, 3}, .pad = {0, 3, 3}, .act = VIS_ACT_RELU});
    maps[3] = conv1(g, x, "fc7", 1024);
    maps[4] = conv3(g, conv1(g, maps[3], "conv6_1", 256), "conv6_2", 512, 2);
    maps[5] = conv3(g, conv1(g, maps[4], "conv7_1", 128), "conv7_2", 256, 2);
    for (int i = 0; i < LEVELS; i++)
        heads(g, maps[i], names[i], i + 1);
}

const struct vis_net vis_net_s3fd = {.name = "s3fd", .build = build};
