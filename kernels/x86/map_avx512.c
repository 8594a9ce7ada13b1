/* Elementwise kernels and the epilogue of a row, for AVX-512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/math_avx512.h"
#include "kernels/x86/x86.h"

/* dst = f(src); f is a constant at each call and becomes inline. */
static inline __attribute__((always_inline)) void map(float *dst, const float *src, size_t n,
                                                      __m512 (*f)(__m512))
{
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        _mm512_storeu_ps(dst + i, f(_mm512_loadu_ps(src + i)));
    if (i < n) {
        const __mmask16 lanes = first_lanes((int)(n - i));
        _mm512_mask_storeu_ps(dst + i, lanes, f(_mm512_maskz_loadu_ps(lanes, src + i)));
    }
}

/* Of two operands with a NaN, max gives the second. */
static inline __m512 relu(__m512 x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

void vis_relu_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, relu);
}

void vis_sigmoid_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, sigmoid);
}

void vis_tanh_f32_avx512(float *dst, const float *src, size_t n)
{
    map(dst, src, n, tanh_of);
}

void vis_add_f32_avx512(float *dst, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16)
        _mm512_storeu_ps(dst + i, _mm512_add_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    if (i < n) {
        const __mmask16 lanes = first_lanes((int)(n - i));
        const __m512 x = _mm512_maskz_loadu_ps(lanes, a + i);
        const __m512 y = _mm512_maskz_loadu_ps(lanes, b + i);
        _mm512_mask_storeu_ps(dst + i, lanes, _mm512_add_ps(x, y));
    }
}

void vis_epilogue_f32_avx512(float *c, const float *bias, const float *residual, int n,
                             enum vis_act act)
{
    for (int j = 0; j < n; j += 16) {
        const __mmask16 lanes = first_lanes(n - j);
        __m512 x = _mm512_maskz_loadu_ps(lanes, c + j);
        if (bias)
            x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(lanes, bias + j));
        if (residual)
            x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(lanes, residual + j));
        if (act == VIS_ACT_RELU)
            x = relu(x);
        _mm512_mask_storeu_ps(c + j, lanes, x);
    }
}
