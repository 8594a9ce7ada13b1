/* Depthwise convolution of one row of pixels, in plain C. */
#include "kernels/c/c.h"

#include <string.h>

void vis_depthwise_f32_c(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                         const ptrdiff_t *tap_offset, int taps, const float *weight,
                         const float *bias, int w, int c)
{
    for (int x = 0; x < w; x++, dst += dst_step, src += src_step)
        for (int ch = 0; ch < c; ch += VIS_DEPTHWISE_BLOCK) {
            const int n = c - ch < VIS_DEPTHWISE_BLOCK ? c - ch : VIS_DEPTHWISE_BLOCK;
            const float *tap_weight = weight + ch;
            float sum[VIS_DEPTHWISE_BLOCK];
            memcpy(sum, bias + ch, (size_t)n * sizeof *sum);
            for (int tap = 0; tap < taps; tap++) {
                const float *from = src + tap_offset[tap] + ch;
                for (int i = 0; i < n; i++)
                    sum[i] += from[i] * tap_weight[i];
                tap_weight += (c + VIS_DEPTHWISE_BLOCK - 1) / VIS_DEPTHWISE_BLOCK *
                              (ptrdiff_t)VIS_DEPTHWISE_BLOCK;
            }
            memcpy(dst + ch, sum, (size_t)n * sizeof *sum);
        }
}
