/* What convolutions of all kinds share: weights by any name, sizes, packing. */
#ifndef VIS_ENGINE_CONV_H
#define VIS_ENGINE_CONV_H

#include "engine/model.h"
#include "engine/norm.h"

enum { VIS_CONV_STACK = 3 };

struct vis_conv_weights {
    const char *weight[VIS_CONV_STACK]; /* [1], [2]: as many more output channels each, stacked
                                           below [0]; NULL: none */
    const char *bias[VIS_CONV_STACK];   /* likewise; [0] NULL: no bias */
    struct vis_norm norm;               /* of all output channels, behind the bias */
    int flat;           /* weights are [out C*kt*kh*kw], not [out C kt kh kw]; axes may be split */
    int channels_last;  /* weights are [kt kh kw C out], or flat [kt*kh*kw*C out], as in Keras */
    int channels_first; /* weights are [C out kt kh kw], as PyTorch's transposed ones */
};

/* A convolution whose weights go by other names than "<name>.weight"; see struct vis_conv. */
vis_val vis_conv_named(struct vis_graph *g, vis_val x, const char *name,
                       const struct vis_conv_weights *weights, struct vis_conv conv);

/* The convolution that sees the whole map of a frame at once: [N T H W C] -> [N T 1 1 out]. */
struct vis_conv vis_conv_whole_map(const struct vis_graph *g, vis_val x, int out);

/* The tensors of a convolution of `channels` by a kernel k to `out` channels. */
struct vis_conv_tensors {
    int k[3], channels, out;
    const struct vis_weights_tensor *weight[VIS_CONV_STACK], *bias[VIS_CONV_STACK];
    int prelu; /* 1: with `slope`, NULL: with `leak` */
    const struct vis_weights_tensor *slope;
    float leak, scale;
    struct vis_norm_tensors norm;
    int channels_last; /* see struct vis_conv_weights */
};

/* Finds them: k, channels and out are given. Errors stick to the graph. */
void vis_conv_find(struct vis_graph *g, struct vis_conv_tensors *t,
                   const struct vis_conv_weights *weights, const struct vis_conv *conv);

/* The same as float32, the weights as the file has them. bias and slope [out] are NULL where there
 * is none; with a norm there is a bias. */
struct vis_conv_floats {
    float *weight, *bias, *slope;
};
/* Free with vis_conv_floats_free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_conv_floats(struct vis_conv_floats *f, const struct vis_conv_tensors *t,
                              viseme_error *err);
void vis_conv_floats_free(struct vis_conv_floats *f);

/* Packs them for the model's kernels, once for all sessions. K runs over kt, kh, kw, C. */
viseme_status vis_conv_pack(const struct vis_graph *g, const struct vis_conv_tensors *t,
                            const struct vis_gemm_weights **packed, viseme_error *err);

/* Offsets in x of the points of a kernel k: of each row if taps is kt * kh (points of a row lie
 * side by side), of each point if it is kt * kh * kw. */
void vis_conv_taps(ptrdiff_t *offset, const struct vis_value *x, const int k[3], int taps);

/* Sets the residual of a job whose outputs are all of a node's. */
void vis_conv_residual(struct vis_gemm_job *job, const struct vis_run *run, vis_val residual);

/* Fills in the fields that were left 0, asks for the halo that x needs and finds the size of the
 * output. Returns 0 after an error of the graph. */
int vis_conv_settle(struct vis_graph *g, vis_val x, const char *name, struct vis_conv *conv,
                    int dim[VIS_AXES]);

#endif
