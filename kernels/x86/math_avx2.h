/* exp, sigmoid and tanh of eight floats, for AVX2; the method of math_avx512.h. NaN gives NaN. */
#ifndef VIS_KERNELS_MATH_AVX2_H
#define VIS_KERNELS_MATH_AVX2_H

#include <immintrin.h>

/* Returns n and gives e^r - 1. */
static inline __m256 split_exp(__m256 x, __m256 *expm1_r)
{
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e430p-1f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-0x1.05c610p-29f), r);
    __m256 q = _mm256_set1_ps(0x1.6bebdcp-10f);
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.122886p-7f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.555676p-5f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.5554aep-3f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.fffffep-2f));
    *expm1_r = _mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r);
    return n;
}

/* 2^n for -127 < n < 128. */
static inline __m256 power_of_2(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* e^x for x <= 0; -Inf gives 0. */
static inline __m256 exp_of_negative(__m256 x)
{
    __m256 p;
    x = _mm256_max_ps(_mm256_set1_ps(-104.0f), x); /* e^-104 rounds to 0 */
    const __m256i n = _mm256_cvtps_epi32(split_exp(x, &p));
    const __m256i half = _mm256_srai_epi32(n, 1); /* in two steps: 2^n may be denormal */
    p = _mm256_mul_ps(_mm256_add_ps(p, _mm256_set1_ps(1.0f)), power_of_2(half));
    return _mm256_mul_ps(p, power_of_2(_mm256_sub_epi32(n, half)));
}

/* 1 / (1 + e^-|x|), times e^-|x| where x < 0: nothing overflows or cancels. */
static inline __m256 sigmoid(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 e = exp_of_negative(_mm256_or_ps(x, _mm256_set1_ps(-0.0f)));
    return _mm256_div_ps(_mm256_blendv_ps(one, e, x), _mm256_add_ps(one, e));
}

/* m / (m + 2) with m = e^2|x| - 1, which keeps its accuracy near 0; the sign of x. */
static inline __m256 tanh_of(__m256 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 p, y = _mm256_andnot_ps(sign, x);
    y = _mm256_min_ps(_mm256_set1_ps(20.0f), _mm256_add_ps(y, y)); /* tanh(10) rounds to 1 */
    const __m256i n = _mm256_cvtps_epi32(split_exp(y, &p));
    const __m256 scale = power_of_2(n);
    const __m256 m = _mm256_fmadd_ps(p, scale, _mm256_sub_ps(scale, _mm256_set1_ps(1.0f)));
    const __m256 t = _mm256_div_ps(m, _mm256_add_ps(m, _mm256_set1_ps(2.0f)));
    return _mm256_or_ps(t, _mm256_and_ps(x, sign));
}

#endif
