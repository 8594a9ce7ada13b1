/* Attention of one query on scattered keys and values, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 8 }; /* vectors of the result that are summed side by side */

static inline float dot(const float *a, const float *b, int n)
{
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < n; i += 8)
        sum = _mm256_fmadd_ps(load_first(a + i, n - i), load_first(b + i, n - i), sum);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    s = _mm_add_ps(s, _mm_permute_ps(s, 0x4e));                   /* lanes 2 3 0 1 */
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_permute_ps(s, 0xb1))); /* lanes 1 0 3 2 */
}

/* Columns c .. c + 63 of the result. */
static inline void sum_block(const struct vis_attend *a, int c)
{
    const float *const *rows = a->rows;
    const float *weight = a->weight;
    const ptrdiff_t at = a->value + c;
    const int n = a->n;
    __m256 sum[BLOCK];
    VIS_UNROLL
    for (int v = 0; v < BLOCK; v++)
        sum[v] = _mm256_setzero_ps();
    for (int j = 0; j < n; j++) {
        const float *row = rows[j] + at;
        const __m256 w = _mm256_set1_ps(weight[j]);
        VIS_UNROLL
        for (int v = 0; v < BLOCK; v++)
            sum[v] = _mm256_fmadd_ps(w, _mm256_loadu_ps(row + 8 * v), sum[v]);
    }
    VIS_UNROLL
    for (int v = 0; v < BLOCK; v++)
        _mm256_storeu_ps(a->dst + c + 8 * v, sum[v]);
}

void vis_attend_f32_avx2(const struct vis_attend *a)
{
    const int width = a->width;
    for (int j = 0; j < a->n; j++)
        a->weight[j] = dot(a->q, a->rows[j] + a->key, width);
    vis_softmax_f32_avx2(a->weight, a->weight, a->n);
    int c = 0;
    for (; c + 8 * BLOCK <= width; c += 8 * BLOCK)
        sum_block(a, c);
    for (; c < width; c += 8) {
        __m256 sum = _mm256_setzero_ps();
        for (int j = 0; j < a->n; j++)
            sum = _mm256_fmadd_ps(_mm256_set1_ps(a->weight[j]),
                                  load_first(a->rows[j] + a->value + c, width - c), sum);
        store_first(a->dst + c, width - c, sum);
    }
}
