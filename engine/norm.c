#include "engine/norm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const vis_norm_torch[VIS_NORM_PARTS] = {".weight", ".bias", ".running_mean",
                                                    ".running_var"};
const char *const vis_norm_keras[VIS_NORM_PARTS] = {"/gamma", "/beta", "/moving_mean",
                                                    "/moving_variance"};

void vis_norm_name(struct vis_norm *norm, const char *name,
                   const char *const ending[VIS_NORM_PARTS], float eps)
{
    for (int i = 0; i < VIS_NORM_PARTS; i++)
        snprintf(norm->name[i], sizeof norm->name[i], "%s%s", name, ending[i]);
    norm->eps = eps != 0 ? (double)eps : 1e-5;
}

void vis_norm_find(struct vis_graph *g, struct vis_norm_tensors *tensors,
                   const struct vis_norm *norm, int channels)
{
    *tensors = (struct vis_norm_tensors){.eps = norm->eps};
    if (!norm->name[0][0])
        return;
    tensors->gamma = vis_graph_weight(g, norm->name[0], &channels, 1);
    tensors->beta = vis_graph_weight(g, norm->name[1], &channels, 1);
    tensors->mean = vis_graph_weight(g, norm->name[2], &channels, 1);
    tensors->variance = vis_graph_weight(g, norm->name[3], &channels, 1);
}

viseme_status vis_norm_scales(const struct vis_norm_tensors *norm, double *scale, float *bias,
                              int out, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    size_t n = (size_t)out;
    float *part = malloc(VIS_NORM_PARTS * n * sizeof *part);
    if (!part)
        return vis_fail_nomem(err, VIS_NORM_PARTS * n * sizeof *part);
    vis_weights_to_f32(part, norm->gamma);
    vis_weights_to_f32(part + n, norm->beta);
    vis_weights_to_f32(part + 2 * n, norm->mean);
    vis_weights_to_f32(part + 3 * n, norm->variance);
    for (size_t o = 0; o < n; o++) {
        double gamma = (double)part[o], beta = (double)part[n + o], mean = (double)part[2 * n + o];
        double variance = (double)part[3 * n + o];
        if (!(variance + norm->eps > 0)) {
            status = vis_fail(err, VISEME_ERR_MODEL,
                              "tensor \"%s\" has a variance of %g; the weights are damaged",
                              norm->variance->info.name, variance);
            break;
        }
        scale[o] = gamma / sqrt(variance + norm->eps);
        bias[o] = (float)(((double)bias[o] - mean) * scale[o] + beta);
    }
    free(part);
    return status;
}

viseme_status vis_norm_fold(const struct vis_norm_tensors *norm, float *weight, float *bias,
                            int outer, int out, int k, viseme_error *err)
{
    if (!norm->gamma)
        return VISEME_OK;
    size_t n = (size_t)out;
    double *scale = malloc(n * sizeof *scale);
    if (!scale)
        return vis_fail_nomem(err, n * sizeof *scale);
    viseme_status status = vis_norm_scales(norm, scale, bias, out, err);
    for (size_t row = 0; row < (size_t)outer * n && status == VISEME_OK; row++)
        for (size_t i = 0; i < (size_t)k; i++) {
            float *w = &weight[row * (size_t)k + i];
            *w = (float)((double)*w * scale[row % n]);
        }
    free(scale);
    return status;
}
