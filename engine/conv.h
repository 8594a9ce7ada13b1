/* What convolutions of all kinds share: weights by any name, sizes, packing. */
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

/* A convolution whose weights go by other names than "<name>.weight"; see struct vis_conv. */
vis_val vis_conv_named(struct vis_graph *g, vis_val x, const char *name,
                       const struct vis_conv_weights *weights, struct vis_conv conv);

/* The convolution that sees the whole map of a frame at once: [N T H W C] -> [N T 1 1 out]. */
struct vis_conv vis_conv_whole_map(const struct vis_graph *g, vis_val x, int out);

/* The tensors of a convolution of `channels` by a kernel k to `out` channels. */
struct vis_conv_tensors {
    int k[3], channels, out;
    const struct vis_weights_tensor *weight[2], *bias[2]; /* [1]: stacked below [0], or NULL */
    const struct vis_weights_tensor *slope;               /* NULL: no PReLU */
    struct vis_norm_tensors norm;
    int channels_last; /* see struct vis_conv_weights */
};

/* Finds them: k, channels and out are given. Errors stick to the graph. */
void vis_conv_find(struct vis_graph *g, struct vis_conv_tensors *t,
                   const struct vis_conv_weights *weights, const struct vis_conv *conv);
/* Packs them for the model's kernels, once for all sessions. K runs over kt, kh, kw, C. */
viseme_status vis_conv_pack(const struct vis_graph *g, const struct vis_conv_tensors *t,
                            const struct vis_gemm_weights **packed, viseme_error *err);

/* Fills in the fields that were left 0, asks for the halo that x needs and finds the size of the
 * output. Returns 0 after an error of the graph. */
int vis_conv_settle(struct vis_graph *g, vis_val x, const char *name, struct vis_conv *conv,
                    int dim[VIS_AXES]);

#endif
