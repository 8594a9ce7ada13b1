/* Activations of a vector; contracts in kernels.h. */
#ifndef VIS_KERNELS_ACT_AVX2_H
#define VIS_KERNELS_ACT_AVX2_H

#include <immintrin.h>

/* Of two operands with a NaN, max gives the second. */
static inline __m256 relu(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

static inline __m256 prelu(__m256 x, __m256 slope)
{
    const __m256 negative = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), negative);
}

#endif
