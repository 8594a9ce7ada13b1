#include "nets/sync_streams.h"

#include <stdio.h>
#include <string.h>

enum { LAYERS = 6, MAX_WIDTH = 4096, MIN_SIZE = 64, MAX_SIZE = 512 };

/* A layer of a trunk, whose pool takes the place after it; H and W, no pool where pool_k is 0. */
struct layer {
    int at; /* in the numbered row */
    int k[2], stride[2], pad[2];
    int pool_k[2], pool_stride[2], pool_pad[2];
};

vis_val vis_sync_layer(struct vis_graph *g, vis_val x, const char *name, int at,
                       struct vis_conv conv)
{
    char weight[32], norm[32];
    snprintf(weight, sizeof weight, "%s.%d", name, at);
    snprintf(norm, sizeof norm, "%s.%d", name, at + 1);
    conv.norm = norm;
    conv.act = VIS_ACT_RELU;
    return vis_conv(g, x, weight, conv);
}

/* frames: of the first convolution's kernel. The last one covers what is left of the map; a
 * kernel of 0 stands for that. */
static vis_val trunk(struct vis_graph *g, vis_val x, const char *name, const struct layer *layers,
                     const int widths[LAYERS], int frames)
{
    for (int i = 0; i < LAYERS && g->status == VISEME_OK; i++) {
        const struct layer *l = &layers[i];
        struct vis_conv conv = {.out = widths[i], .k = {i ? 1 : frames}, .stride = {1}};
        struct vis_pool pool = {.k = {1}, .stride = {1}};
        for (int a = 0; a < 2; a++) {
            conv.k[1 + a] = l->k[a] ? l->k[a] : vis_graph_value(g, x)->dim[VIS_H + a];
            conv.stride[1 + a] = l->stride[a];
            conv.pad[1 + a] = l->pad[a];
            pool.k[1 + a] = l->pool_k[a];
            pool.stride[1 + a] = l->pool_stride[a];
            pool.pad[1 + a] = l->pool_pad[a];
        }
        x = vis_sync_layer(g, x, name, l->at, conv);
        if (l->pool_k[0])
            x = vis_maxpool(g, x, pool);
    }
    return x; /* [N T' 1 1 widths[5]] */
}

static vis_val head(struct vis_graph *g, vis_val x, const char *name)
{
    int widths[2] = {512, 1024};
    char last[32];
    vis_config_ints(g, "head_widths", widths, 2, 1, MAX_WIDTH);
    x = vis_sync_layer(g, x, name, 0, (struct vis_conv){.out = widths[0]});
    snprintf(last, sizeof last, "%s.3", name);
    return vis_conv(g, x, last, (struct vis_conv){.out = widths[1]});
}

void vis_sync_lip_stream(struct vis_graph *g)
{
    static const struct layer layers[LAYERS] = {
        {.at = 0, .k = {7, 7}, .stride = {2, 2}, .pool_k = {3, 3}, .pool_stride = {2, 2}},
        {.at = 4,
         .k = {5, 5},
         .stride = {2, 2},
         .pad = {1, 1},
         .pool_k = {3, 3},
         .pool_stride = {2, 2},
         .pool_pad = {1, 1}},
        {.at = 8, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
        {.at = 11, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
        {.at = 14,
         .k = {3, 3},
         .stride = {1, 1},
         .pad = {1, 1},
         .pool_k = {3, 3},
         .pool_stride = {2, 2}},
        {.at = 18, .stride = {1, 1}},
    };
    int widths[LAYERS] = {96, 256, 256, 256, 256, 512};
    int size = vis_config_int(g, "frame_size", 224, MIN_SIZE, MAX_SIZE);
    const int frames[VIS_AXES] = {
        [VIS_T] = -VIS_SYNC_FRAMES, [VIS_H] = size, [VIS_W] = size, [VIS_C] = 3};
    vis_config_ints(g, "lip_widths", widths, LAYERS, 1, MAX_WIDTH);
    vis_val x = vis_input(g, "lip", "NCTHW", frames);
    x = trunk(g, x, "netcnnlip", layers, widths, VIS_SYNC_FRAMES);
    vis_output(g, "lip_embedding", "NTC", head(g, x, "netfclip"));
    vis_output(g, "lip_feature", "NTC", x);
}

/* Of H and W, which are features and time. */
static const struct layer audio_layers[2][LAYERS] = {
    [VIS_SYNC_TRUNK_S] = {{.at = 0, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
                          {.at = 4,
                           .k = {3, 3},
                           .stride = {1, 1},
                           .pad = {1, 1},
                           .pool_k = {3, 3},
                           .pool_stride = {1, 2}},
                          {.at = 8, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
                          {.at = 11, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
                          {.at = 14,
                           .k = {3, 3},
                           .stride = {1, 1},
                           .pad = {1, 1},
                           .pool_k = {3, 3},
                           .pool_stride = {2, 2}},
                          {.at = 18, .stride = {1, 1}}},
    [VIS_SYNC_TRUNK_FBANK] = {{.at = 0,
                               .k = {5, 7},
                               .stride = {1, 1},
                               .pad = {2, 2},
                               .pool_k = {1, 3},
                               .pool_stride = {1, 2}},
                              {.at = 4,
                               .k = {5, 5},
                               .stride = {2, 1},
                               .pad = {1, 1},
                               .pool_k = {3, 3},
                               .pool_stride = {2, 1}},
                              {.at = 8, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
                              {.at = 11, .k = {3, 3}, .stride = {1, 1}, .pad = {1, 1}},
                              {.at = 14,
                               .k = {3, 3},
                               .stride = {1, 1},
                               .pad = {1, 1},
                               .pool_k = {3, 3},
                               .pool_stride = {2, 2}},
                              {.at = 18, .stride = {1, 1}}},
};

void vis_sync_audio_stream(struct vis_graph *g, enum vis_sync_trunk kind, int height,
                           const int widths[6])
{
    int own[LAYERS];
    const int window[VIS_AXES] = {[VIS_H] = height, [VIS_W] = VIS_SYNC_ROWS, [VIS_C] = 1};
    memcpy(own, widths, sizeof own);
    vis_config_ints(g, "aud_widths", own, LAYERS, 1, MAX_WIDTH);
    vis_val x = vis_input(g, "aud", "NCHW", window);
    x = trunk(g, x, "netcnnaud", audio_layers[kind], own, 1);
    vis_output(g, "aud_embedding", "NC", head(g, x, "netfcaud"));
}
