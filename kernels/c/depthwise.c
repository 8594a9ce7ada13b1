/* Depthwise convolution of one row of pixels, in plain C. */
#include "kernels/c/c.h"

#include <string.h>

/* One pixel and n channels of a block; n is a constant where the block is whole. */
static inline void block(float *dst, const float *src, const ptrdiff_t *tap_offset, int taps,
                         const float *weight, ptrdiff_t weight_step, const float *bias, const int n)
{
    float sum[VIS_DEPTHWISE_BLOCK];
    memcpy(sum, bias, (size_t)n * sizeof *sum);
    for (int tap = 0; tap < taps; tap++, weight += weight_step)
        for (int i = 0; i < n; i++)
            sum[i] += src[tap_offset[tap] + i] * weight[i];
    memcpy(dst, sum, (size_t)n * sizeof *sum);
}

void vis_depthwise_f32_c(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                         const ptrdiff_t *tap_offset, int taps, const float *weight,
                         const float *bias, int w, int c)
{
    enum { BLOCK = VIS_DEPTHWISE_BLOCK };
    const ptrdiff_t step = (c + BLOCK - 1) / BLOCK * BLOCK;
    for (int x = 0; x < w; x++, dst += dst_step, src += src_step) {
        int ch = 0;
        for (; c - ch >= BLOCK; ch += BLOCK)
            block(dst + ch, src + ch, tap_offset, taps, weight + ch, step, bias + ch, BLOCK);
        if (ch < c)
            block(dst + ch, src + ch, tap_offset, taps, weight + ch, step, bias + ch, c - ch);
    }
}
