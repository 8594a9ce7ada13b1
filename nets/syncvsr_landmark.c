/* The word reader of SyncVSR that sees points of the face: 29 frames of 478 points -> which of 500
 * words.
 *
 * A linear layer, then a transformer whose position 0 is a learned token: layer norms in front of
 * attention with rotary positions and of a feed-forward part with GELU. Coordinates that are -100,
 * as padding is, count as 0.
 *
 * Source: Ahn et al., "SyncVSR", 2024, in the layout of the authors' LRW/landmark (flax: kernels
 * are [in out]). */
#include <stdio.h>

#include "engine/attention.h"
#include "engine/conv.h"
#include "engine/layer_norm.h"
#include "nets/nets.h"

enum {
    MAX_WIDTH = 8192,
    MAX_LAYERS = 64,
    MAX_LABELS = 65536,
    CODES = 320, /* audio tokens of a group */
    NAME = 96,
    LAYER = 64
};
#define PADDING -100.0f
#define EPS     1e-6 /* of layer norms */

struct sizes {
    int dim, heads, hidden; /* a head is dim / heads wide also where the model is 1 wider */
};

static vis_val norm(struct vis_graph *g, vis_val x, const char *name)
{
    char scale[NAME], bias[NAME];
    snprintf(scale, sizeof scale, "%s/scale", name);
    snprintf(bias, sizeof bias, "%s/bias", name);
    return vis_layer_norm(g, x, scale, bias, VIS_LAYER_NORM, EPS);
}

/* Layers `name` with each of the suffixes, stacked; the first NULL ends them. */
static vis_val dense(struct vis_graph *g, vis_val x, const char *name, const char *const *suffixes,
                     struct vis_conv conv)
{
    char kernel[VIS_CONV_STACK][NAME], bias[VIS_CONV_STACK][NAME];
    struct vis_conv_weights weights = {.flat = 1, .channels_last = 1};
    for (int i = 0; i < VIS_CONV_STACK && suffixes[i]; i++) {
        snprintf(kernel[i], NAME, "%s%s/kernel", name, suffixes[i]);
        snprintf(bias[i], NAME, "%s%s/bias", name, suffixes[i]);
        weights.weight[i] = kernel[i];
        weights.bias[i] = bias[i];
    }
    return vis_conv_named(g, x, name, &weights, conv);
}

static const char *const alone[] = {"", NULL}, *const queries_keys_values[] = {"wq", "wk", "wv"};

static vis_val block(struct vis_graph *g, vis_val x, int layer, const struct sizes *s)
{
    char name[LAYER];
    if (g->status != VISEME_OK)
        return 0;
    const int width = vis_graph_value(g, x)->dim[VIS_C], head = s->dim / s->heads;
    snprintf(name, sizeof name, "params/model/layer_%d/norm_attn", layer);
    vis_val y = norm(g, x, name);
    snprintf(name, sizeof name, "params/model/layer_%d/attn/", layer);
    y = dense(g, y, name, queries_keys_values, (struct vis_conv){.out = 3 * s->dim});
    y = vis_rotary(g, y,
                   (struct vis_rotary){.width = head, .rotated = head, .channels = 2 * s->dim});
    y = vis_attention(g, y, 0, (struct vis_attention){.heads = s->heads, .width = head});
    snprintf(name, sizeof name, "params/model/layer_%d/attn/wo", layer);
    x = dense(g, y, name, alone, (struct vis_conv){.out = width, .residual = x});
    snprintf(name, sizeof name, "params/model/layer_%d/norm_ff", layer);
    y = norm(g, x, name);
    snprintf(name, sizeof name, "params/model/layer_%d/ff/w1", layer);
    y = dense(g, y, name, alone, (struct vis_conv){.out = s->hidden, .act = VIS_ACT_GELU_TANH});
    snprintf(name, sizeof name, "params/model/layer_%d/ff/w2", layer);
    return dense(g, y, name, alone, (struct vis_conv){.out = width, .residual = x});
}

static void build(struct vis_graph *g)
{
    const int boundary = vis_config_int(g, "word_boundary", 1, 0, 1);
    const struct sizes s = {.dim = vis_config_int(g, "dim", 320, 1, MAX_WIDTH),
                            .heads = vis_config_int(g, "heads", 4, 1, MAX_WIDTH),
                            .hidden = vis_config_int(g, "hidden", 1280, 1, 4 * MAX_WIDTH)};
    const int layers = vis_config_int(g, "layers", 8, 1, MAX_LAYERS);
    const int labels = vis_config_int(g, "labels", 500, 1, MAX_LABELS);
    const int audio = vis_config_int(g, "audio_outputs", 2560, 0, MAX_LABELS);
    const int points[VIS_AXES] = {[VIS_C] =
                                      vis_config_int(g, "input_features", 1434, 1, MAX_WIDTH)};
    const int mask[VIS_AXES] = {[VIS_C] = 1};
    if (s.dim % s.heads || s.dim / s.heads % 2 || audio % CODES)
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "viseme.config: dim must be an even multiple of heads (%d of %d), "
                       "audio_outputs a multiple of %d (%d)",
                       s.dim, s.heads, CODES, audio);
    vis_val x = vis_clear(g, vis_input(g, "x", "NTC", points), PADDING);
    vis_val word = boundary ? vis_input(g, "word_mask", "NT", mask) : 0;
    x = dense(g, x, "params/model/wte", alone, (struct vis_conv){.out = s.dim});
    x = vis_class_token(g, x, word, "params/model/cls_token", boundary);
    for (int i = 0; i < layers; i++)
        x = block(g, x, i, &s);
    if (g->status != VISEME_OK)
        return;
    vis_val first = norm(g, vis_crop_frames(g, x, 0, 1), "params/model/norm");
    vis_output(g, "category_logits", "NC",
               dense(g, first, "params/model/head", alone, (struct vis_conv){.out = labels}));
    vis_val frames = vis_crop_frames(g, x, 1, vis_graph_value(g, x)->dim[VIS_T] - 1);
    vis_output(g, "sequence", "NTC", frames);
    if (audio)
        vis_output(g, "audio_logits", "NTWC",
                   vis_rows(g,
                            dense(g, frames, "params/audio_classifier", alone,
                                  (struct vis_conv){.out = audio}),
                            0, CODES));
}

const struct vis_net vis_net_syncvsr_landmark = {.name = "syncvsr_landmark", .build = build};
