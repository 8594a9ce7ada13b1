/* The word reader of SyncVSR: 29 frames of a mouth -> which of 500 words.
 *
 * 3-D stem with GELU, ResNet-18, transformer whose position 0 is a learned token. Attention turns
 * queries, keys and values by rotary positions; gated feed-forward parts; RMS norms; no norm behind
 * the last layer.
 *
 * Source: Ahn et al., "SyncVSR", 2024, in the layout of the authors' LRW/video (timm's ResNet-18,
 * x-transformers 1.9.2). */
#include <stdio.h>

#include "engine/attention.h"
#include "engine/conv.h"
#include "engine/layer_norm.h"
#include "nets/nets.h"
#include "nets/resnet18.h"

enum {
    LEAST_SIDE = 32, /* of a picture, in pixels */
    MAX_WIDTH = 8192,
    MAX_LAYERS = 64,
    MAX_LABELS = 65536,
    HEAD = 64,    /* width of a head */
    ROTATED = 32, /* of it */
    CODES = 320,  /* audio tokens of a group */
    BLOCK = 48,
    NAME = 96
};
#define FLOOR 1e-8 /* of RMS norms */

static vis_val norm(struct vis_graph *g, vis_val x, const char *layer)
{
    char gain[NAME];
    snprintf(gain, sizeof gain, "%s.0.0.g", layer);
    return vis_layer_norm(g, x, gain, NULL, VIS_RMS_NORM, FLOOR);
}

/* x + attention(norm x) */
static vis_val attend(struct vis_graph *g, vis_val x, const char *layer, int width, int heads)
{
    static const char *const kind[VIS_CONV_STACK] = {"q", "k", "v"};
    char name[NAME], weight[VIS_CONV_STACK][NAME];
    struct vis_conv_weights weights = {0};
    const int inner = HEAD * heads;
    for (int i = 0; i < VIS_CONV_STACK; i++) {
        snprintf(weight[i], NAME, "%s.1.to_%s.weight", layer, kind[i]);
        weights.weight[i] = weight[i];
    }
    snprintf(name, sizeof name, "%s.1.to_qkv", layer);
    vis_val qkv =
        vis_conv_named(g, norm(g, x, layer), name, &weights, (struct vis_conv){.out = 3 * inner});
    qkv = vis_rotary(g, qkv,
                     (struct vis_rotary){.width = HEAD,
                                         .rotated = ROTATED,
                                         .channels = 3 * inner,
                                         .frequencies = "encoder.rotary_pos_emb.inv_freq"});
    vis_val y = vis_attention(g, qkv, 0, (struct vis_attention){.heads = heads, .width = HEAD});
    snprintf(name, sizeof name, "%s.1.to_out", layer);
    return vis_conv(g, y, name, (struct vis_conv){.out = width, .no_bias = 1, .residual = x});
}

/* x + feed-forward(norm x) */
static vis_val feed_forward(struct vis_graph *g, vis_val x, const char *layer, int width,
                            int hidden)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s.1.ff.0.proj", layer);
    vis_val y = vis_conv(g, norm(g, x, layer), name, (struct vis_conv){.out = 2 * hidden});
    snprintf(name, sizeof name, "%s.1.ff.3", layer);
    return vis_conv(g, vis_glu(g, y, VIS_GATE_GELU), name,
                    (struct vis_conv){.out = width, .residual = x});
}

static void build(struct vis_graph *g)
{
    struct vis_resnet18 picture = {.stem = "stem3d.0",
                                   .stem_norm = "stem3d.1",
                                   .stem_act = VIS_ACT_GELU,
                                   .trunk = "resnet.",
                                   .act = VIS_ACT_RELU,
                                   .widths = {64, 128, 256, 512}};
    const int boundary = vis_config_int(g, "word_boundary", 1, 0, 1);
    const int depth = vis_config_int(g, "depth", 12, 1, MAX_LAYERS);
    const int heads = vis_config_int(g, "heads", 8, 1, MAX_WIDTH / HEAD);
    const int labels = vis_config_int(g, "num_labels", 500, 1, MAX_LABELS);
    const int audio = vis_config_int(g, "audio_outputs", 2560, 0, MAX_LABELS);
    const int video[VIS_AXES] = {[VIS_H] = -LEAST_SIDE, [VIS_W] = -LEAST_SIDE, [VIS_C] = 1};
    const int mask[VIS_AXES] = {[VIS_C] = 1};
    vis_config_ints(g, "frontend_widths", picture.widths, VIS_RESNET18_STAGES, 1, MAX_WIDTH);
    const int width = picture.widths[VIS_RESNET18_STAGES - 1] + boundary;
    const int hidden = vis_config_int(g, "hidden", 4 * width, 1, 4 * MAX_WIDTH);
    if (audio % CODES)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "viseme.config: audio_outputs must be a multiple of %d (%d)", CODES, audio);
    vis_val x = vis_resnet18(g, vis_input(g, "video", "NCTHW", video), &picture);
    vis_val word = boundary ? vis_input(g, "word_mask", "NT", mask) : 0;
    vis_output(g, "features", "NTC", x);
    x = vis_class_token(g, x, word, "cls_token", 0);
    for (int i = 0; i < 2 * depth; i++) {
        char layer[BLOCK];
        snprintf(layer, sizeof layer, "encoder.layers.%d", i);
        x = i % 2 ? feed_forward(g, x, layer, width, hidden) : attend(g, x, layer, width, heads);
    }
    vis_output(g, "encoder", "NTC", x);
    vis_output(g, "category_logits", "NC",
               vis_linear(g, vis_crop_frames(g, x, 0, 1), "category_classifier", labels));
    if (audio && g->status == VISEME_OK) {
        vis_val frames = vis_crop_frames(g, x, 1, vis_graph_value(g, x)->dim[VIS_T] - 1);
        vis_output(g, "audio_logits", "NTWC",
                   vis_rows(g, vis_linear(g, frames, "audio_projection", audio), 0, CODES));
    }
}

const struct vis_net vis_net_syncvsr_lrw = {.name = "syncvsr_lrw", .build = build};
