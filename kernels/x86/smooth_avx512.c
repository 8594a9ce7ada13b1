/* Swish and GELU, the smooth relatives of ReLU, for AVX-512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/math_avx512.h"
#include "kernels/x86/x86.h"

static inline __m512 swish(__m512 x)
{
    return _mm512_mul_ps(x, sigmoid(x));
}

/* The normal distribution's share below -|x| is e^(-x^2/2) u q(u), u = 1 / (1 + 0.4 |x|), with q of
 * degree 9 fitted for the least relative error up to 9.5: 1.1e-8; beyond, the exponential is 0. */
static inline __m512 gelu(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 u =
        _mm512_div_ps(one, _mm512_fmadd_ps(_mm512_set1_ps(0.4f), _mm512_abs_ps(x), one));
    __m512 q = _mm512_set1_ps(0x1.e08fb4p-6f);
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(-0x1.49b438p-3f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.60f732p-2f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(-0x1.4b1a76p-2f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.3b0372p-4f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(-0x1.ef65a2p-9f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.553792p-4f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.143606p-3f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.467d86p-3f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0x1.46d556p-3f));
    const __m512 square = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.5f));
    const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(q, u), exp_of_negative(square));
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(x));
    const __m512 phi = _mm512_mask_mov_ps(_mm512_sub_ps(one, tail), negative, tail);
    return _mm512_mul_ps(x, phi);
}

static inline __m512 gelu_tanh(__m512 x)
{
    const __m512 factor = _mm512_fmadd_ps(_mm512_set1_ps(VIS_GELU_TANH_3), _mm512_mul_ps(x, x),
                                          _mm512_set1_ps(VIS_GELU_TANH_1));
    return _mm512_mul_ps(x, sigmoid(_mm512_mul_ps(x, factor)));
}

/* dst = f(src); f is a constant at each call and becomes inline. */
static inline __attribute__((always_inline)) void map(float *dst, const float *src, size_t n,
                                                      __m512 (*f)(__m512))
{
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        _mm512_storeu_ps(dst + i, f(_mm512_loadu_ps(src + i)));
    if (i < n)
        store_first(dst + i, (int)(n - i), f(load_first(src + i, (int)(n - i))));
}

void vis_swish_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, swish);
}

void vis_gelu_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, gelu);
}

void vis_gelu_tanh_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, gelu_tanh);
}

void vis_smooth_f32_avx512(float *x, int n, enum vis_act act)
{
    if (act == VIS_ACT_SWISH)
        map(x, x, (size_t)n, swish);
    if (act == VIS_ACT_GELU)
        map(x, x, (size_t)n, gelu);
    if (act == VIS_ACT_GELU_TANH)
        map(x, x, (size_t)n, gelu_tanh);
}
