/* LipNet: mouth crops of a clip -> character logits of every frame.
 * Source: Assael et al., "LipNet: End-to-End Sentence-level Lipreading", 2016, in the layout of
 * VIPL LipNet-PyTorch's model.py: BGR / 255, no batch norm, logits before softmax. */
#include "nets/nets.h"

static void build(struct vis_graph *g)
{
    static const char *const name[3] = {"conv1", "conv2", "conv3"};
    static const struct vis_conv conv[3] = {
        {.out = 32, .k = {3, 5, 5}, .stride = {1, 2, 2}, .pad = {1, 2, 2}, .act = VIS_ACT_RELU},
        {.out = 64, .k = {3, 5, 5}, .stride = {1, 1, 1}, .pad = {1, 2, 2}, .act = VIS_ACT_RELU},
        {.out = 96, .k = {3, 3, 3}, .stride = {1, 1, 1}, .pad = {1, 1, 1}, .act = VIS_ACT_RELU},
    };
    const int frame[VIS_AXES] = {[VIS_H] = vis_config_int(g, "frame_height", 64, 64, 64),
                                 [VIS_W] = vis_config_int(g, "frame_width", 128, 128, 128),
                                 [VIS_C] = 3};
    int classes = vis_config_int(g, "classes", 28, 2, 65536);
    vis_val x = vis_input(g, "x", "NCTHW", frame); /* [N T 64 128 3] */
    for (int i = 0; i < 3; i++) {
        x = vis_conv(g, x, name[i], conv[i]);
        x = vis_maxpool(g, x, (struct vis_pool){.k = {1, 2, 2}});
    }                                 /* [N T 4 8 96] */
    x = vis_bigru(g, x, "gru1", 256); /* [N T 1 1 512] */
    x = vis_bigru(g, x, "gru2", 256);
    vis_output(g, "logits", "NTC", vis_linear(g, x, "FC", classes));
}

const struct vis_net vis_net_lipnet = {.name = "lipnet", .build = build};
