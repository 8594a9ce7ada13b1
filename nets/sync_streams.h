/* What SyncNet and the end-to-end networks have in common: a stream of mouths, a stream of sound,
 * each a trunk of convolutions and a head of two fully connected layers.
 * Source: Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016, in the layout
 * of syncnet_python's model S; the other audio trunk is syncnet_trainer's SyncNetModelFBank. */
#ifndef VIS_NETS_SYNC_STREAMS_H
#define VIS_NETS_SYNC_STREAMS_H

#include "engine/graph.h"

enum {
    VIS_SYNC_FRAMES = 5, /* of a window, 25 a second */
    VIS_SYNC_ROWS = 20,  /* of features of sound that go with it, 100 a second */
    VIS_SYNC_ROWS_PER_FRAME = 4
};

enum vis_sync_trunk { VIS_SYNC_TRUNK_S, VIS_SYNC_TRUNK_FBANK };

/* Input "lip" [N 3 T S S], B G R from 0 to 255, T >= 5, S from "frame_size"; outputs
 * "lip_embedding" [N T-4 E] and "lip_feature" [N T-4 F], the map in front of the head: element t is
 * of the frames t .. t + 4. Only the first convolution looks along time, so that a long clip given
 * in pieces that overlap by 4 frames has the same bits as one given at once. */
void vis_sync_lip_stream(struct vis_graph *g);

/* Input "aud" [N 1 height 20]: windows of 20 rows of features, time last; output "aud_embedding"
 * [N E]. widths [6]: of the trunk unless the config's "aud_widths" says otherwise. */
void vis_sync_audio_stream(struct vis_graph *g, enum vis_sync_trunk trunk, int height,
                           const int widths[6]);

/* A convolution, batch norm and ReLU: "<name>.<at>" and "<name>.<at + 1>". */
vis_val vis_sync_layer(struct vis_graph *g, vis_val x, const char *name, int at,
                       struct vis_conv conv);

#endif
