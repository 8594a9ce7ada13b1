/* SyncNet: mouths and sound -> embeddings that are near each other where the two belong together.
 * Source: Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016, in the layout
 * of syncnet_python's model S: B G R from 0 to 255, MFCC of 16-bit samples (signal/mfcc.h). */
#include "nets/nets.h"
#include "nets/sync_streams.h"

static void build(struct vis_graph *g)
{
    static const int widths[6] = {64, 192, 384, 256, 256, 512};
    if (vis_wanted(g, "lip"))
        vis_sync_lip_stream(g);
    if (vis_wanted(g, "aud"))
        vis_sync_audio_stream(g, VIS_SYNC_TRUNK_S, 13, widths);
}

const struct vis_net vis_net_syncnet = {.name = "syncnet", .build = build};
