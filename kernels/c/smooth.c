/* Swish and GELU, the smooth relatives of ReLU, in plain C. */
#include "kernels/c/c.h"

#include <math.h>

static float sigmoid(float x)
{
    const float e = expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

static float swish(float x)
{
    return x * sigmoid(x);
}

static float gelu(float x)
{
    return x * (0.5f * erfcf(x * -0x1.6a09e6p-1f));
}

static float gelu_tanh(float x)
{
    return x * sigmoid(x * (VIS_GELU_TANH_1 + VIS_GELU_TANH_3 * (x * x)));
}

float vis_smooth_c(float x, enum vis_act act)
{
    return act == VIS_ACT_SWISH ? swish(x) : act == VIS_ACT_GELU ? gelu(x) : gelu_tanh(x);
}

void vis_swish_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = swish(src[i]);
}

void vis_gelu_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = gelu(src[i]);
}

void vis_gelu_tanh_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = gelu_tanh(src[i]);
}
