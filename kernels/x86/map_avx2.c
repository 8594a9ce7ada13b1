/* Elementwise kernels and the epilogue of a row, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/act_avx2.h"
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
    if (i < n)
        store_first(dst + i, (int)(n - i), f(load_first(src + i, (int)(n - i))));
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
        const int left = (int)(n - i);
        const __m256 x = load_first(a + i, left), y = load_first(b + i, left);
        store_first(dst + i, left, _mm256_add_ps(x, y));
    }
}

void vis_epilogue_f32_avx2(float *c, int n, const struct vis_epilogue *e)
{
    for (int j = 0; j < n; j += 8) {
        __m256 x = load_first(c + j, n - j);
        if (e->bias)
            x = _mm256_add_ps(x, load_first(e->bias + j, n - j));
        if (e->residual)
            x = _mm256_add_ps(x, load_first(e->residual + j, e->residual_n - j));
        if (e->act == VIS_ACT_RELU)
            x = relu(x);
        if (e->act == VIS_ACT_PRELU)
            x = prelu(x, load_first(e->slope + j, n - j));
        store_first(c + j, n - j, x);
    }
    vis_smooth_f32_avx2(c, n, e->act);
}
