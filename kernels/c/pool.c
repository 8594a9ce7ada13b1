/* Max pooling of one row of pixels, in plain C. */
#include "kernels/c/c.h"

void vis_maxpool_f32_c(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                       const ptrdiff_t *tap_offset, int taps, int w, int c)
{
    for (int x = 0; x < w; x++)
        for (int ch = 0; ch < c; ch++) {
            const float *window = src + x * src_step + ch;
            float max = window[tap_offset[0]];
            for (int tap = 1; tap < taps; tap++) {
                const float v = window[tap_offset[tap]];
                if (v > max || v != v)
                    max = v;
            }
            dst[x * dst_step + ch] = max;
        }
}
