/* Batch normalisation behind a convolution, folded into the convolution's weights when they are
 * packed: in evaluation it is one multiplication and one addition per channel,
 *   y = (x - mean) / sqrt(variance + eps) * gamma + beta
 * (Ioffe and Szegedy 2015, "Batch Normalization"). Weights files keep the original numbers. */
#ifndef VIS_ENGINE_NORM_H
#define VIS_ENGINE_NORM_H

#include "engine/graph.h"

enum { VIS_NORM_PARTS = 4 }; /* gamma, beta, mean, variance */

/* Names of the four tensors [channels]; an empty first name: no batch norm. */
struct vis_norm {
    char name[VIS_NORM_PARTS][256];
    double eps;
};

struct vis_norm_tensors {
    const struct vis_weights_tensor *gamma, *beta, *mean, *variance; /* gamma NULL: none */
    double eps;
};

/* Endings that follow a layer's name. */
extern const char *const vis_norm_torch[VIS_NORM_PARTS]; /* ".weight", ".running_var" and so on */
extern const char *const vis_norm_keras[VIS_NORM_PARTS]; /* "/gamma", "/moving_variance" ... */

/* The names of layer `name`; eps 0: 1e-5. */
void vis_norm_name(struct vis_norm *norm, const char *name,
                   const char *const ending[VIS_NORM_PARTS], float eps);

/* Looks the tensors up; fails the graph when one is missing or misshapen. */
void vis_norm_find(struct vis_graph *g, struct vis_norm_tensors *tensors,
                   const struct vis_norm *norm, int channels);

/* The factors [out] of the weights, and the norm folded into bias [out], in double; there must be a
 * norm. Errors: VISEME_ERR_NOMEM, VISEME_ERR_MODEL (variance + eps is not above 0). */
viseme_status vis_norm_scales(const struct vis_norm_tensors *norm, double *scale, float *bias,
                              int out, viseme_error *err);

/* Folds it into weight [outer out k] and bias [out], in double, rounded once. Does nothing without
 * a norm. Errors: those of vis_norm_scales(). */
viseme_status vis_norm_fold(const struct vis_norm_tensors *norm, float *weight, float *bias,
                            int outer, int out, int k, viseme_error *err);

#endif
