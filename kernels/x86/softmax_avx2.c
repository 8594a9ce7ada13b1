/* Softmax and log-softmax of one row, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/math_avx2.h"
#include "kernels/x86/x86.h"

#include <math.h>

/* A NaN need not be found here: x - max is NaN where x is, and so is the sum. */
static inline __m256 largest(const float *src, int n)
{
    const __m256 lowest = _mm256_set1_ps(-INFINITY);
    __m256 max = lowest;
    for (int i = 0; i < n; i += 8) {
        const __m256i lanes = first_lanes(n - i);
        const __m256 x = load_first(src + i, n - i);
        max = _mm256_max_ps(_mm256_blendv_ps(lowest, x, _mm256_castsi256_ps(lanes)), max);
    }
    max = _mm256_max_ps(max, _mm256_permute2f128_ps(max, max, 1));
    max = _mm256_max_ps(max, _mm256_permute_ps(max, 0x4e));  /* lanes 2 3 0 1 */
    return _mm256_max_ps(max, _mm256_permute_ps(max, 0xb1)); /* lanes 1 0 3 2 */
}

static inline float sum_lanes(__m256 x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_permute_ps(s, 0x4e));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_permute_ps(s, 0xb1)));
}

/* Returns the sum of e^(src - max); writes the terms to dst unless that is NULL. */
static inline float sum_exp(float *dst, const float *src, int n, __m256 max)
{
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < n; i += 8) {
        const __m256i lanes = first_lanes(n - i);
        const __m256 x = load_first(src + i, n - i);
        const __m256 e = exp_of_negative(_mm256_sub_ps(x, max));
        sum = _mm256_add_ps(sum, _mm256_and_ps(e, _mm256_castsi256_ps(lanes)));
        if (dst)
            store_first(dst + i, n - i, e);
    }
    return sum_lanes(sum);
}

void vis_softmax_f32_avx2(float *dst, const float *src, int n)
{
    const __m256 scale = _mm256_set1_ps(1.0f / sum_exp(dst, src, n, largest(src, n)));
    for (int i = 0; i < n; i += 8) {
        store_first(dst + i, n - i, _mm256_mul_ps(load_first(dst + i, n - i), scale));
    }
}

void vis_log_softmax_f32_avx2(float *dst, const float *src, int n)
{
    const __m256 max = largest(src, n);
    const __m256 log_sum = _mm256_set1_ps((float)log((double)sum_exp(NULL, src, n, max)));
    for (int i = 0; i < n; i += 8) {
        const __m256 x = _mm256_sub_ps(load_first(src + i, n - i), max);
        store_first(dst + i, n - i, _mm256_sub_ps(x, log_sum));
    }
}
