/* BlazeFace: a picture of 128 x 128 -> raw boxes and scores of 896 anchors.
 * Source: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
 * 2019, in the layout of the PyTorch conversions of MediaPipe's front-camera model: RGB / 255.
 * What comes after it is in nets/face_boxes.h. */
#include "nets/blaze.h"
#include "nets/nets.h"

#include <stdio.h>

struct stage {
    int out, stride;
};

static vis_val blocks(struct vis_graph *g, vis_val x, const char *name, int first,
                      const struct stage *stages, int count)
{
    for (int i = 0; i < count; i++) {
        char block[32];
        snprintf(block, sizeof block, "%s.%d", name, first + i);
        x = vis_blaze_block(g, x, block, stages[i].out, stages[i].stride, VIS_ACT_RELU);
    }
    return x;
}

static void build(struct vis_graph *g)
{
    static const struct stage to16[] = {{24, 1}, {28, 1}, {32, 2}, {36, 1}, {42, 1}, {48, 2},
                                        {56, 1}, {64, 1}, {72, 1}, {80, 1}, {88, 1}};
    static const struct stage to8[] = {{96, 2}, {96, 1}, {96, 1}, {96, 1}, {96, 1}};
    enum { BOX = 16, PER_16 = 2, PER_8 = 6 }; /* numbers of a box; anchors in a cell */
    int size = vis_config_int(g, "input_size", 128, 128, 128);
    const int picture[VIS_AXES] = {[VIS_H] = size, [VIS_W] = size, [VIS_C] = 3};
    vis_val x = vis_input(g, "x", "NCHW", picture);
    x = vis_conv(g, x, "backbone1.0",
                 (struct vis_conv){.out = 24,
                                   .k = {1, 5, 5},
                                   .stride = {1, 2, 2},
                                   .pad = {0, 1, 1},
                                   .pad_end = {0, 1, 1},
                                   .act = VIS_ACT_RELU});  /* [N 1 64 64 24] */
    vis_val at16 = blocks(g, x, "backbone1", 2, to16, 11); /* [N 1 16 16 88] */
    vis_val at8 = blocks(g, at16, "backbone2", 0, to8, 5); /* [N 1 8 8 96] */
    vis_val score16 = vis_conv(g, at16, "classifier_8", (struct vis_conv){.out = PER_16});
    vis_val score8 = vis_conv(g, at8, "classifier_16", (struct vis_conv){.out = PER_8});
    vis_val box16 = vis_conv(g, at16, "regressor_8", (struct vis_conv){.out = BOX * PER_16});
    vis_val box8 = vis_conv(g, at8, "regressor_16", (struct vis_conv){.out = BOX * PER_8});
    vis_output(g, "raw_boxes", "NWC", vis_rows(g, box16, box8, BOX)); /* [N 896 16] */
    vis_output(g, "raw_scores", "NWC", vis_rows(g, score16, score8, 1));
}

const struct vis_net vis_net_blazeface = {.name = "blazeface", .build = build};
