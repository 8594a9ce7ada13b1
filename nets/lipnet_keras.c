/* The original LipNet in Keras: mouth crops of a clip -> character logits and probabilities of
 * every frame.
 * Source: rizkiarm/LipNet, lipnet/model2.py (Keras 2.0.2): RGB / 255, a batch norm behind every
 * convolution, the blank is the last class. Its input is [N T W H C], width before height; here
 * the engine's axis H holds the width, so kernels and flattened maps keep their stored order. */
#include "engine/keras.h"
#include "nets/nets.h"

static void build(struct vis_graph *g)
{
    static const char *const name[3] = {"conv1", "conv2", "conv3"};
    static const struct vis_conv conv[3] = {
        {.out = 32, .k = {3, 5, 5}, .stride = {1, 2, 2}, .pad = {1, 2, 2}, .norm = "batc1"},
        {.out = 64, .k = {3, 5, 5}, .stride = {1, 1, 1}, .pad = {1, 2, 2}, .norm = "batc2"},
        {.out = 96, .k = {3, 3, 3}, .stride = {1, 1, 1}, .pad = {1, 1, 1}, .norm = "batc3"},
    };
    const int frame[VIS_AXES] = {[VIS_H] = vis_config_int(g, "frame_width", 100, 100, 100),
                                 [VIS_W] = vis_config_int(g, "frame_height", 50, 50, 50),
                                 [VIS_C] = 3};
    int classes = vis_config_int(g, "classes", 28, 2, 65536);
    vis_val x = vis_input(g, "x", "NTHWC", frame); /* [N T 100 50 3] */
    for (int i = 0; i < 3; i++) {
        struct vis_conv c = conv[i];
        c.act = VIS_ACT_RELU;
        c.norm_eps = 1e-3f; /* Keras's default */
        x = vis_keras_conv(g, x, name[i], c);
        x = vis_maxpool(g, x, (struct vis_pool){.k = {1, 2, 2}});
    }                                                          /* [N T 6 3 96] */
    x = vis_keras_bigru(g, x, "bidirectional_1", "gru1", 256); /* [N T 1 1 512] */
    x = vis_keras_bigru(g, x, "bidirectional_2", "gru2", 256);
    x = vis_keras_dense(g, x, "dense1", classes);
    vis_output(g, "logits", "NTC", x);
    vis_output(g, "probs", "NTC", vis_softmax(g, x));
}

const struct vis_net vis_net_lipnet_keras = {.name = "lipnet_keras", .build = build};
