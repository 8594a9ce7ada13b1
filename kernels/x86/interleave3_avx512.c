/* Three planes to pixels of three channels, 16 pixels at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/x86.h"

/* Element i of the 48 is channel i % 3 of pixel i / 3. For each vector of 16 of them: where the
 * first two channels lie in a and b (16 and above: b), and which lanes are of the third. */
static inline __m512 mix(__m512 a, __m512 b, __m512 c, int first)
{
    int from[16], third[16];
    __mmask16 is_third = 0;
    for (int i = 0; i < 16; i++) {
        const int pixel = (first + i) / 3, channel = (first + i) % 3;
        from[i] = channel == 1 ? pixel + 16 : pixel;
        third[i] = pixel;
        if (channel == 2)
            is_third |= (__mmask16)(1u << i);
    }
    const __m512 two = _mm512_permutex2var_ps(a, _mm512_loadu_si512(from), b);
    return _mm512_mask_permutexvar_ps(two, is_third, _mm512_loadu_si512(third), c);
}

void vis_interleave3_f32_avx512(float *dst, const float *src, ptrdiff_t plane_step, size_t n)
{
    for (size_t i = 0; i < n; i += 16, src += 16, dst += 48) {
        const int left = n - i < 16 ? (int)(n - i) : 16;
        const __m512 a = load_first(src, left), b = load_first(src + plane_step, left);
        const __m512 c = load_first(src + 2 * plane_step, left);
        store_first(dst, 3 * left, mix(a, b, c, 0));
        store_first(dst + 16, 3 * left - 16, mix(a, b, c, 16));
        store_first(dst + 32, 3 * left - 32, mix(a, b, c, 32));
    }
}
