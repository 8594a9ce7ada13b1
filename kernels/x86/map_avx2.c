/* Elementwise kernels and the epilogue of a row, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/math_avx2.h"
#include "kernels/x86/x86.h"

/* dst = f(src); f is a constant at each call and becomes inline. */
static inline __attribute__((always_inline)) void map(float *dst, const float *src, size_t n,
                                                      __m256 (*f)(__m256))
{
    size_t i = 0;
    for (; n - i >= 8; i += 8)
        _mm256_storeu_ps(dst + i, f(_mm256_loadu_ps(src + i)));
    if (i < n) {
        const __m256i lanes = first_lanes((int)(n - i));
        _mm256_maskstore_ps(dst + i, lanes, f(_mm256_maskload_ps(src + i, lanes)));
    }
}

/* Of two operands with a NaN, max gives the second. */
static inline __m256 relu(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

void vis_relu_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, relu);
}

void vis_sigmoid_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, sigmoid);
}

void vis_tanh_f32_avx2(float *dst, const float *src, size_t n)
{
    map(dst, src, n, tanh_of);
}

void vis_add_f32_avx2(float *dst, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; n - i >= 8; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    if (i < n) {
        const __m256i lanes = first_lanes((int)(n - i));
        const __m256 x = _mm256_maskload_ps(a + i, lanes), y = _mm256_maskload_ps(b + i, lanes);
        _mm256_maskstore_ps(dst + i, lanes, _mm256_add_ps(x, y));
    }
}

void vis_epilogue_f32_avx2(float *c, const float *bias, const float *residual, int n,
                           enum vis_act act)
{
    for (int j = 0; j < n; j += 8) {
        const __m256i lanes = first_lanes(n - j);
        __m256 x = _mm256_maskload_ps(c + j, lanes);
        if (bias)
            x = _mm256_add_ps(x, _mm256_maskload_ps(bias + j, lanes));
        if (residual)
            x = _mm256_add_ps(x, _mm256_maskload_ps(residual + j, lanes));
        if (act == VIS_ACT_RELU)
            x = relu(x);
        _mm256_maskstore_ps(c + j, lanes, x);
    }
}
