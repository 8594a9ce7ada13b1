/* Normalisation of rows by their own mean and size. */
#ifndef VIS_ENGINE_LAYER_NORM_H
#define VIS_ENGINE_LAYER_NORM_H

#include "engine/graph.h"

enum vis_layer_norm_kind {
    VIS_LAYER_NORM, /* (x - mean) / sqrt(variance + eps) * gain + bias, the variance over n:
                       Ba et al. 2016, "Layer Normalization" */
    VIS_RMS_NORM    /* x / max(sqrt(mean of squares), eps) * gain + bias: Zhang and Sennrich 2019,
                       "Root Mean Square Layer Normalization", eps as a floor */
};

struct vis_layer_norm {
    enum vis_layer_norm_kind kind;
    int n;                    /* numbers of a row, >= 1 */
    const float *gain, *bias; /* [n]; bias NULL: none */
    double eps;
};

/* Normalises `rows` rows of norm->n floats; rows begin dst_step and src_step floats apart, dst ==
 * src is allowed. Sums are in double, in an order that depends on n alone, so a row's bits depend
 * on nothing but the row. Any thread. */
void vis_layer_norm_rows(const struct vis_layer_norm *norm, float *dst, ptrdiff_t dst_step,
                         const float *src, ptrdiff_t src_step, int rows);

/* The same as a node, over the C channels of every position: [N T H W C] -> [N T H W C]. gain,
 * bias: names of tensors [C]; bias NULL: none. */
vis_val vis_layer_norm(struct vis_graph *g, vis_val x, const char *gain, const char *bias,
                       enum vis_layer_norm_kind kind, double eps);

#endif
