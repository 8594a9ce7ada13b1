/* Softmax and log-softmax of one row, for AVX-512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/math_avx512.h"
#include "kernels/x86/x86.h"

#include <math.h>

/* A NaN need not be found here: x - max is NaN where x is, and so is the sum. */
static inline __m512 largest(const float *src, int n)
{
    __m512 max = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16) {
        const __mmask16 lanes = first_lanes(n - i);
        max = _mm512_mask_max_ps(max, lanes, load_first(src + i, n - i), max);
    }
    return _mm512_set1_ps(_mm512_reduce_max_ps(max));
}

/* Returns the sum of e^(src - max); writes the terms to dst unless that is NULL. */
static inline float sum_exp(float *dst, const float *src, int n, __m512 max)
{
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16) {
        const __mmask16 lanes = first_lanes(n - i);
        const __m512 x = load_first(src + i, n - i);
        const __m512 e = exp_of_negative(_mm512_sub_ps(x, max));
        sum = _mm512_mask_add_ps(sum, lanes, sum, e);
        if (dst)
            store_first(dst + i, n - i, e);
    }
    return _mm512_reduce_add_ps(sum);
}

void vis_softmax_f32_avx512(float *dst, const float *src, int n)
{
    const __m512 scale = _mm512_set1_ps(1.0f / sum_exp(dst, src, n, largest(src, n)));
    for (int i = 0; i < n; i += 16) {
        const __m512 e = load_first(dst + i, n - i);
        store_first(dst + i, n - i, _mm512_mul_ps(e, scale));
    }
}

void vis_log_softmax_f32_avx512(float *dst, const float *src, int n)
{
    const __m512 max = largest(src, n);
    const __m512 log_sum = _mm512_set1_ps((float)log((double)sum_exp(NULL, src, n, max)));
    for (int i = 0; i < n; i += 16) {
        const __m512 x = _mm512_sub_ps(load_first(src + i, n - i), max);
        store_first(dst + i, n - i, _mm512_sub_ps(x, log_sum));
    }
}
