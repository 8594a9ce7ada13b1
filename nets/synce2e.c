/* The end-to-end sync networks: SyncNet's streams, whose sound is 40 bands of log-mel
 * (signal/logmel.h), and a classifier that reads the offset off the matrix of cosines between the
 * two (nets/sync_matrix.h), in one file or each in its own.
 * Source: Kim et al., "End-to-End Lip Synchronisation Based on Pattern Classification", 2021. The
 * paper leaves the audio trunk open: "s" is SyncNet's with a larger last convolution, "fbank"
 * syncnet_trainer's. */
#include "nets/nets.h"
#include "nets/sync_streams.h"

enum { MAX_MATRIX = 256, MAX_WIDTH = 4096, MAX_OFFSETS = 255 };

/* Input "matrix" [N 1 M M], rows sound, columns mouths; outputs "logits" [N offsets], of which
 * class c is the offset c - (offsets - 1) / 2, and "probs", their softmax. */
static void build_classifier(struct vis_graph *g, int m)
{
    int widths[3] = {256, 256, 128};
    int offsets = vis_config_int(g, "offsets", 11, 2, MAX_OFFSETS);
    const int matrix[VIS_AXES] = {[VIS_H] = m, [VIS_W] = m, [VIS_C] = 1};
    vis_config_ints(g, "cls_widths", widths, 3, 1, MAX_WIDTH);
    vis_val x = vis_input(g, "matrix", "NCHW", matrix);
    x = vis_sync_layer(g, x, "cls", 0,
                       (struct vis_conv){.out = widths[0], .k = {1, 3, 3}, .pad = {0, 1, 1}});
    x = vis_sync_layer(g, x, "cls", 3, (struct vis_conv){.out = widths[1], .k = {1, m, m}});
    x = vis_sync_layer(g, x, "cls", 6, (struct vis_conv){.out = widths[2]});
    x = vis_conv(g, x, "cls.9", (struct vis_conv){.out = offsets});
    vis_output(g, "logits", "NC", x);
    vis_output(g, "probs", "NC", vis_softmax(g, x));
}

static void build_streams(struct vis_graph *g)
{
    static const char *const trunks[] = {"s", "fbank", NULL};
    static const int widths[2][6] = {[VIS_SYNC_TRUNK_S] = {64, 192, 384, 256, 256, 512},
                                     [VIS_SYNC_TRUNK_FBANK] = {96, 256, 384, 256, 256, 512}};
    enum vis_sync_trunk trunk = (enum vis_sync_trunk)vis_config_choice(g, "audio_trunk", trunks);
    int m = vis_config_int(g, "matrix", 0, 0, MAX_MATRIX);
    if (vis_wanted(g, "lip"))
        vis_sync_lip_stream(g);
    if (vis_wanted(g, "aud"))
        vis_sync_audio_stream(g, trunk, 40, widths[trunk]);
    if (m > 0 && vis_wanted(g, "matrix"))
        build_classifier(g, m);
}

static void build_alone(struct vis_graph *g)
{
    build_classifier(g, vis_config_int(g, "matrix", 16, 1, MAX_MATRIX));
}

const struct vis_net vis_net_synce2e = {.name = "synce2e", .build = build_streams};
const struct vis_net vis_net_synce2e_cls = {.name = "synce2e_cls", .build = build_alone};
