/* The sentence reader of SyncVSR and Auto-AVSR: mouths -> features, and log-probabilities of
 * tokens.
 *
 * 3-D stem, ResNet-18 with swish, conformer, CTC head. The attention decoder's weights lie in the
 * same file; nets/token_stepper.h runs it. One clip at a time, or several of one length: padding
 * of shorter ones would leak through the convolutions, as it does in the original.
 *
 * Sources: Ahn et al., "SyncVSR: Data-Efficient Visual Speech Recognition with End-to-End
 * Crossmodal Audio Token Synchronization", 2024; Ma et al., "Auto-AVSR", 2023; Gulati et al.,
 * "Conformer", 2020; in the layout of the authors' LRS/video/espnet (encoder of type conv3d,
 * rel_mha "latest", macaron_style, use_cnn_module). */
#include <math.h>
#include <stdio.h>

#include "engine/attention.h"
#include "engine/conv.h"
#include "engine/layer_norm.h"
#include "nets/nets.h"
#include "nets/resnet18.h"
#include "nets/token_net.h"

enum {
    LEAST_SIDE = 32, /* of a picture, in pixels */
    MAX_WIDTH = 8192,
    MAX_LAYERS = 64,
    MAX_KERNEL = 63,
    MAX_TOKENS = 65536,
    BLOCK = 48,
    NAME = 96
};
#define EPS 1e-12 /* of all layer norms */

struct conformer {
    int width, heads, hidden, kernel;
};

/* "<block>.<rest>" */
static const char *named(char name[NAME], const char *block, const char *rest)
{
    snprintf(name, NAME, "%s.%s", block, rest);
    return name;
}

static vis_val norm(struct vis_graph *g, vis_val x, const char *block, const char *layer)
{
    char weight[NAME], bias[NAME];
    snprintf(weight, sizeof weight, "%s.%s.weight", block, layer);
    snprintf(bias, sizeof bias, "%s.%s.bias", block, layer);
    return vis_layer_norm(g, x, weight, bias, VIS_LAYER_NORM, EPS);
}

/* x + feed-forward(norm x) / 2 */
static vis_val feed_forward(struct vis_graph *g, vis_val x, const char *block, const char *suffix,
                            const struct conformer *c)
{
    char layer[32], w_1[NAME], w_2[NAME];
    snprintf(layer, sizeof layer, "norm_ff%s", suffix);
    snprintf(w_1, sizeof w_1, "%s.feed_forward%s.w_1", block, suffix);
    snprintf(w_2, sizeof w_2, "%s.feed_forward%s.w_2", block, suffix);
    vis_val y = vis_conv(g, norm(g, x, block, layer), w_1,
                         (struct vis_conv){.out = c->hidden, .act = VIS_ACT_RELU});
    return vis_conv(g, y, w_2, (struct vis_conv){.out = c->width, .scale = 0.5f, .residual = x});
}

/* x + attention(norm x) */
static vis_val attend(struct vis_graph *g, vis_val x, vis_val distances, const char *block,
                      const struct conformer *c)
{
    static const char *const kind[VIS_CONV_STACK] = {"q", "k", "v"};
    char name[NAME], u[NAME], v[NAME], weight[VIS_CONV_STACK][NAME], bias[VIS_CONV_STACK][NAME];
    struct vis_conv_weights weights = {0};
    for (int i = 0; i < VIS_CONV_STACK; i++) {
        snprintf(weight[i], NAME, "%s.self_attn.linear_%s.weight", block, kind[i]);
        snprintf(bias[i], NAME, "%s.self_attn.linear_%s.bias", block, kind[i]);
        weights.weight[i] = weight[i];
        weights.bias[i] = bias[i];
    }
    vis_val qkv =
        vis_conv_named(g, norm(g, x, block, "norm_mha"), named(name, block, "self_attn.linear_qkv"),
                       &weights, (struct vis_conv){.out = 3 * c->width});
    vis_val p = vis_conv(g, distances, named(name, block, "self_attn.linear_pos"),
                         (struct vis_conv){.out = c->width, .no_bias = 1});
    vis_val y = vis_attention(g, qkv, p,
                              (struct vis_attention){.heads = c->heads,
                                                     .width = c->width / c->heads,
                                                     .u = named(u, block, "self_attn.pos_bias_u"),
                                                     .v = named(v, block, "self_attn.pos_bias_v")});
    return vis_conv(g, y, named(name, block, "self_attn.linear_out"),
                    (struct vis_conv){.out = c->width, .residual = x});
}

/* x + convolutions(norm x) */
static vis_val convolve(struct vis_graph *g, vis_val x, const char *block,
                        const struct conformer *c)
{
    char name[NAME], batch_norm[NAME];
    vis_val y = norm(g, x, block, "norm_conv");
    y = vis_conv(g, y, named(name, block, "conv_module.pointwise_cov1"),
                 (struct vis_conv){.out = 2 * c->width});
    y = vis_glu(g, y, VIS_GATE_SIGMOID);
    y = vis_depthwise(g, y, named(name, block, "conv_module.depthwise_conv"),
                      (struct vis_conv){.k = {c->kernel, 1, 1},
                                        .pad = {c->kernel / 2, 0, 0},
                                        .act = VIS_ACT_SWISH,
                                        .norm = named(batch_norm, block, "conv_module.norm")});
    return vis_conv(g, y, named(name, block, "conv_module.pointwise_cov2"),
                    (struct vis_conv){.out = c->width, .residual = x});
}

static vis_val conformer(struct vis_graph *g, vis_val x, const struct conformer *c, int layers)
{
    char block[BLOCK];
    vis_val distances = vis_distances(g, x);
    for (int i = 0; i < layers; i++) {
        snprintf(block, sizeof block, "encoder.encoders.%d", i);
        x = feed_forward(g, x, block, "_macaron", c);
        x = attend(g, x, distances, block, c);
        x = convolve(g, x, block, c);
        x = feed_forward(g, x, block, "", c);
        x = norm(g, x, block, "norm_final");
    }
    return norm(g, x, "encoder", "after_norm");
}

/* Weights that are no nodes: the decoder, and the head of the audio tokens that trained it. */
static void declare_others(struct vis_graph *g, int width, int tokens)
{
    int audio = vis_config_int(g, "audio_outputs", 0, 0, MAX_TOKENS);
    const int shape[2] = {audio, width};
    int written = vis_token_net_check(g, VIS_TOKEN_DECODER);
    vis_graph_weight(g, "decoder.after_norm.weight", &width, 1);
    if (g->status == VISEME_OK && written != tokens)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "the decoder has %d tokens and the CTC head %d; they must be the same",
                       written, tokens);
    if (audio) {
        vis_graph_weight(g, "audio_classifier.weight", shape, 2);
        vis_graph_weight(g, "audio_classifier.bias", shape, 1);
    }
}

static void build(struct vis_graph *g)
{
    struct vis_resnet18 picture = {.stem = "encoder.frontend.frontend3D.0",
                                   .stem_norm = "encoder.frontend.frontend3D.1",
                                   .stem_act = VIS_ACT_SWISH,
                                   .trunk = "encoder.frontend.trunk.",
                                   .act = VIS_ACT_SWISH,
                                   .widths = {64, 128, 256, 512}};
    const struct conformer c = {.width = vis_config_int(g, "adim", 768, 1, MAX_WIDTH),
                                .heads = vis_config_int(g, "aheads", 12, 1, MAX_WIDTH),
                                .hidden = vis_config_int(g, "eunits", 3072, 1, MAX_WIDTH),
                                .kernel =
                                    vis_config_int(g, "cnn_module_kernel", 31, 1, MAX_KERNEL)};
    const int layers = vis_config_int(g, "elayers", 12, 1, MAX_LAYERS);
    const int tokens = vis_config_int(g, "odim", 5049, 3, MAX_TOKENS);
    const int video[VIS_AXES] = {[VIS_H] = -LEAST_SIDE, [VIS_W] = -LEAST_SIDE, [VIS_C] = 1};
    vis_config_ints(g, "frontend_widths", picture.widths, VIS_RESNET18_STAGES, 1, MAX_WIDTH);
    if (c.width % c.heads || c.kernel % 2 == 0)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "viseme.config: adim must be a multiple of aheads (%d of %d), "
                       "cnn_module_kernel odd (%d)",
                       c.width, c.heads, c.kernel);
    vis_val x = vis_resnet18(g, vis_input(g, "video", "NTCHW", video), &picture);
    vis_output(g, "frontend", "NTC", x);
    x = vis_conv(g, x, "encoder.embed.0",
                 (struct vis_conv){.out = c.width, .scale = (float)sqrt((double)c.width)});
    x = conformer(g, x, &c, layers);
    vis_output(g, "encoder", "NTC", x);
    vis_output(g, "ctc_logp", "NTC",
               vis_log_softmax(g, vis_conv(g, x, "ctc.ctc_lo", (struct vis_conv){.out = tokens})));
    declare_others(g, c.width, tokens);
}

const struct vis_net vis_net_syncvsr = {.name = "syncvsr", .build = build};
