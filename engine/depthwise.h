/* The depthwise part of nodes that have one. */
#ifndef VIS_ENGINE_DEPTHWISE_H
#define VIS_ENGINE_DEPTHWISE_H

#include "engine/model.h"
#include "engine/norm.h"

enum { VIS_DEPTHWISE_TAPS = 64 };

struct vis_depthwise {
    struct vis_conv conv; /* k, stride, pad, act */
    int channels, taps;
    const struct vis_weights_tensor *weight, *bias;
    struct vis_norm_tensors norm;
    const struct vis_depthwise_weights *packed;
    ptrdiff_t tap_offset[VIS_DEPTHWISE_TAPS];
};

/* Finds the weights for the settled `conv` (engine/conv.h). Errors stick to the graph. */
void vis_depthwise_find(struct vis_graph *g, struct vis_depthwise *d, vis_val x, const char *name,
                        const struct vis_conv *conv);
/* Packs the weights and finds where in x the taps lie, once its strides are known. */
viseme_status vis_depthwise_prepare(const struct vis_graph *g, struct vis_depthwise *d, vis_val x,
                                    viseme_error *err);
/* Row h of frame (n, t) of the output: w pixels, dst_step floats apart. */
void vis_depthwise_row(const struct vis_depthwise *d, const struct vis_run *run, vis_val x, int n,
                       int t, int h, int w, float *dst, ptrdiff_t dst_step);

#endif
