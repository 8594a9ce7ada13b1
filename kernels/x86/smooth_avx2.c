/* Swish and GELU, the smooth relatives of ReLU, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/math_avx2.h"
#include "kernels/x86/x86.h"

static inline __m256 swish(__m256 x)
{
    return _mm256_mul_ps(x, sigmoid(x));
}

/* The normal distribution's share below -|x| is e^(-x^2/2) u q(u), u = 1 / (1 + 0.4 |x|), with q of
 * degree 9 fitted for the least relative error up to 9.5: 1.1e-8; beyond, the exponential is 0. */
static inline __m256 gelu(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 u =
        _mm256_div_ps(one, _mm256_fmadd_ps(_mm256_set1_ps(0.4f),
                                           _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x), one));
    __m256 q = _mm256_set1_ps(0x1.e08fb4p-6f);
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(-0x1.49b438p-3f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.60f732p-2f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(-0x1.4b1a76p-2f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.3b0372p-4f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(-0x1.ef65a2p-9f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.553792p-4f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.143606p-3f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.467d86p-3f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0x1.46d556p-3f));
    const __m256 square = _mm256_mul_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(-0.5f));
    const __m256 tail = _mm256_mul_ps(_mm256_mul_ps(q, u), exp_of_negative(square));
    const __m256 phi = _mm256_blendv_ps(_mm256_sub_ps(one, tail), tail, x);
    return _mm256_mul_ps(x, phi);
}

static inline __m256 gelu_tanh(__m256 x)
{
    const __m256 factor = _mm256_fmadd_ps(_mm256_set1_ps(VIS_GELU_TANH_3), _mm256_mul_ps(x, x),
                                          _mm256_set1_ps(VIS_GELU_TANH_1));
    return _mm256_mul_ps(x, sigmoid(_mm256_mul_ps(x, factor)));
}

/* dst = f(src); f is a constant at each call and becomes inline. */
static inline __attribute__((always_inline)) void map(float *dst, const float *src, size_t n,
                                                      __m256 (*f)(__m256))
{
    size_t i = 0;
    for (; n - i >= 8; i += 8)
        _mm256_storeu_ps(dst + i, f(_mm256_loadu_ps(src + i)));
    if (i < n)
        store_first(dst + i, (int)(n - i), f(load_first(src + i, (int)(n - i))));
}

void vis_swish_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, swish);
}

void vis_gelu_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, gelu);
}

void vis_gelu_tanh_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, gelu_tanh);
}

void vis_smooth_f32_avx2(float *x, int n, enum vis_act act)
{
    if (act == VIS_ACT_SWISH)
        map(x, x, (size_t)n, swish);
    if (act == VIS_ACT_GELU)
        map(x, x, (size_t)n, gelu);
    if (act == VIS_ACT_GELU_TANH)
        map(x, x, (size_t)n, gelu_tanh);
}
