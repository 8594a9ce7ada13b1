/* Convolutions whose weights go by other names than "<name>.weight"; see struct vis_conv. */
#ifndef VIS_ENGINE_CONV_H
#define VIS_ENGINE_CONV_H

#include "engine/model.h"
#include "engine/norm.h"

struct vis_conv_weights {
    const char *weight[2]; /* [1]: more output channels, stacked below [0]; NULL: none */
    const char *bias[2];   /* likewise; [0] NULL: no bias */
    struct vis_norm norm;  /* of all output channels, behind the bias */
    int flat;              /* weights are [out C*kt*kh*kw], not [out C kt kh kw] */
    int channels_last;     /* weights are [kt kh kw C out], or flat [kt*kh*kw*C out], as in Keras */
};

vis_val vis_conv_named(struct vis_graph *g, vis_val x, const char *name,
                       const struct vis_conv_weights *weights, struct vis_conv conv);

/* The convolution that sees the whole map of a frame at once: [N T H W C] -> [N T 1 1 out]. */
struct vis_conv vis_conv_whole_map(const struct vis_graph *g, vis_val x, int out);

#endif
