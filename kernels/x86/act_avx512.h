/* Activations of a vector; contracts in kernels.h. */
#ifndef VIS_KERNELS_ACT_AVX512_H
#define VIS_KERNELS_ACT_AVX512_H

#include <immintrin.h>

/* Of two operands with a NaN, max gives the second. */
static inline __m512 relu(__m512 x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

static inline __m512 prelu(__m512 x, __m512 slope)
{
    const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mul_ps(x, negative, x, slope);
}

#endif
