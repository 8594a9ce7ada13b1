/* exp, sigmoid and tanh of sixteen floats, for AVX-512. NaN gives NaN.
 *
 * e^x = 2^n e^r with n the nearest integer to x / ln 2 and |r| <= ln 2 / 2, and
 * e^r - 1 = r + r^2 q(r), q of degree 4 fitted for the least relative error of e^r - 1: 1.8e-8,
 * coefficients rounded to float included. */
#ifndef VIS_KERNELS_MATH_AVX512_H
#define VIS_KERNELS_MATH_AVX512_H

#include <immintrin.h>

/* Returns n and gives e^r - 1. */
static inline __m512 split_exp(__m512 x, __m512 *expm1_r)
{
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e430p-1f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-0x1.05c610p-29f), r);
    __m512 q = _mm512_set1_ps(0x1.6bebdcp-10f);
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.122886p-7f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.555676p-5f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.5554aep-3f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.fffffep-2f));
    *expm1_r = _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r);
    return n;
}

/* e^x for x <= 0; -Inf gives 0. */
static inline __m512 exp_of_negative(__m512 x)
{
    __m512 p;
    x = _mm512_max_ps(_mm512_set1_ps(-104.0f), x); /* e^-104 rounds to 0 */
    const __m512 n = split_exp(x, &p);
    return _mm512_scalef_ps(_mm512_add_ps(p, _mm512_set1_ps(1.0f)), n);
}

/* 1 / (1 + e^-|x|), times e^-|x| where x < 0: nothing overflows or cancels. */
static inline __m512 sigmoid(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 e = exp_of_negative(_mm512_or_ps(x, _mm512_set1_ps(-0.0f)));
    const __m512 top = _mm512_mask_mov_ps(one, _mm512_movepi32_mask(_mm512_castps_si512(x)), e);
    return _mm512_div_ps(top, _mm512_add_ps(one, e));
}

/* m / (m + 2) with m = e^2|x| - 1, which keeps its accuracy near 0; the sign of x. */
static inline __m512 tanh_of(__m512 x)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);
    __m512 p, y = _mm512_andnot_ps(sign, x);
    y = _mm512_min_ps(_mm512_set1_ps(20.0f), _mm512_add_ps(y, y)); /* tanh(10) rounds to 1 */
    const __m512 n = split_exp(y, &p);
    const __m512 scale = _mm512_scalef_ps(_mm512_set1_ps(1.0f), n);
    const __m512 m = _mm512_fmadd_ps(p, scale, _mm512_sub_ps(scale, _mm512_set1_ps(1.0f)));
    const __m512 t = _mm512_div_ps(m, _mm512_add_ps(m, _mm512_set1_ps(2.0f)));
    return _mm512_or_ps(t, _mm512_and_ps(x, sign));
}

#endif
