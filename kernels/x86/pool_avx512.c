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
            __m512 max = load_first(src + ch + tap_offset[0], c - ch);
            for (int tap = 1; tap < taps; tap++) {
                const __m512 v = load_first(src + ch + tap_offset[tap], c - ch);
                const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
                max = _mm512_max_ps(v, max); /* a NaN in max stays: it is the second */
                max = _mm512_mask_mov_ps(max, nan, v);
            }
            store_first(dst + ch, c - ch, max);
        }
}
