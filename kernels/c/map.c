/* Elementwise kernels, in plain C. */
#include "kernels/c/c.h"

#include <math.h>
#include <string.h>

void vis_relu_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] < 0.0f ? 0.0f : src[i];
}

/* e^-|x| never overflows, and x < 0 keeps its relative accuracy. */
void vis_sigmoid_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float e = expf(-fabsf(src[i]));
        dst[i] = (src[i] < 0.0f ? e : 1.0f) / (1.0f + e);
    }
}

void vis_tanh_f32_c(float *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = tanhf(src[i]);
}

void vis_add_f32_c(float *dst, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = a[i] + b[i];
}

void vis_copy_f32_c(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step, size_t n)
{
    if (dst_step == 1 && src_step == 1) {
        memcpy(dst, src, n * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n; i++, dst += dst_step, src += src_step)
        *dst = *src;
}

void vis_interleave3_f32_c(float *dst, const float *src, ptrdiff_t plane_step, size_t n)
{
    const float *a = src, *b = a + plane_step, *c = b + plane_step;
    for (size_t i = 0; i < n; i++, dst += 3) {
        dst[0] = a[i];
        dst[1] = b[i];
        dst[2] = c[i];
    }
}
