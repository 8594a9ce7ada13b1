/* Max pooling of one row of pixels, 8 channels at a time. */
#if !defined(__AVX2__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/x86.h"

void vis_maxpool_f32_avx2(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                          const ptrdiff_t *tap_offset, int taps, int w, int c)
{
    for (int x = 0; x < w; x++, dst += dst_step, src += src_step)
        for (int ch = 0; ch < c; ch += 8) {
            __m256 max = load_first(src + ch + tap_offset[0], c - ch);
            for (int tap = 1; tap < taps; tap++) {
                const __m256 v = load_first(src + ch + tap_offset[tap], c - ch);
                const __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
                max = _mm256_max_ps(v, max); /* a NaN in max stays: it is the second */
                max = _mm256_blendv_ps(max, v, nan);
            }
            store_first(dst + ch, c - ch, max);
        }
}
