/* Every network that viseme knows. */
#ifndef VIS_NETS_NETS_H
#define VIS_NETS_NETS_H

#include "engine/graph.h"

extern const struct vis_net vis_net_blazeface, vis_net_facemesh, vis_net_lipnet,
    vis_net_lipnet_keras, vis_net_s3fd, vis_net_yunet;
extern const struct vis_net vis_net_wav2lip, vis_net_wav2lip_disc, vis_net_syncnet_color;
extern const struct vis_net vis_net_syncnet, vis_net_synce2e, vis_net_synce2e_cls;
extern const struct vis_net vis_net_syncvsr, vis_net_syncvsr_lm;
extern const struct vis_net vis_net_syncvsr_lrw, vis_net_syncvsr_landmark;

/* The network of that name (viseme.arch), or NULL. */
const struct vis_net *vis_net_find(const char *name);

#endif
