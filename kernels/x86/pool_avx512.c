/* Max pooling of one row of pixels, 16 channels at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/x86.h"

void vis_maxpool_f32_avx512(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                            const ptrdiff_t *tap_offset, int taps, int w, int c)
{
    for (int x = 0; x < w; x++, dst += dst_step, src += src_step)
        for (int ch = 0; ch < c; ch += 16) {
            const __mmask16 lanes = first_lanes(c - ch);
            __m512 max = _mm512_maskz_loadu_ps(lanes, src + ch + tap_offset[0]);
            for (int tap = 1; tap < taps; tap++) {
                const __m512 v = _mm512_maskz_loadu_ps(lanes, src + ch + tap_offset[tap]);
                const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
                max = _mm512_max_ps(v, max); /* a NaN in max stays: it is the second */
                max = _mm512_mask_mov_ps(max, nan, v);
            }
            _mm512_mask_storeu_ps(dst + ch, lanes, max);
        }
}
