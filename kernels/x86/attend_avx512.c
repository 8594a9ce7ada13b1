/* Attention of one query on scattered keys and values, for AVX-512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 4 }; /* vectors of the result that are summed side by side */

static inline float dot(const float *a, const float *b, int n)
{
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16)
        sum = _mm512_fmadd_ps(load_first(a + i, n - i), load_first(b + i, n - i), sum);
    return _mm512_reduce_add_ps(sum);
}

/* Columns c .. c + 63 of the result. */
static inline void sum_block(const struct vis_attend *a, int c)
{
    const float *const *rows = a->rows;
    const float *weight = a->weight;
    const ptrdiff_t at = a->value + c;
    const int n = a->n;
    __m512 sum[BLOCK];
    VIS_UNROLL
    for (int v = 0; v < BLOCK; v++)
        sum[v] = _mm512_setzero_ps();
    for (int j = 0; j < n; j++) {
        const float *row = rows[j] + at;
        const __m512 w = _mm512_set1_ps(weight[j]);
        VIS_UNROLL
        for (int v = 0; v < BLOCK; v++)
            sum[v] = _mm512_fmadd_ps(w, _mm512_loadu_ps(row + 16 * v), sum[v]);
    }
    VIS_UNROLL
    for (int v = 0; v < BLOCK; v++)
        _mm512_storeu_ps(a->dst + c + 16 * v, sum[v]);
}

void vis_attend_f32_avx512(const struct vis_attend *a)
{
    const int width = a->width;
    for (int j = 0; j < a->n; j++)
        a->weight[j] = dot(a->q, a->rows[j] + a->key, width);
    vis_softmax_f32_avx512(a->weight, a->weight, a->n);
    int c = 0;
    for (; c + 16 * BLOCK <= width; c += 16 * BLOCK)
        sum_block(a, c);
    for (; c < width; c += 16) {
        __m512 sum = _mm512_setzero_ps();
        for (int j = 0; j < a->n; j++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(a->weight[j]),
                                  load_first(a->rows[j] + a->value + c, width - c), sum);
        store_first(a->dst + c, width - c, sum);
    }
}
