/* One 6x16 tile of a matrix product: 12 sums, 2 vectors of B and a broadcast of A fill 15 of the
 * 16 registers. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/act_avx2.h"
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

#include <immintrin.h>

enum { MR = 6, NR = 16 };

/* The tile with `m` rows, a constant at each call, so that sum[][] becomes registers. */
static inline __attribute__((always_inline)) void rows(const struct vis_gemm_tile *t, const int m)
{
    __m256 sum[MR][2];
    VIS_UNROLL
    for (int i = 0; i < m; i++)
        sum[i][0] = sum[i][1] = _mm256_setzero_ps();

    /* Without anything to prefetch, ask for what is in the cache already: no branch per k. */
    uintptr_t ahead = t->prefetch_step ? (uintptr_t)t->prefetch : (uintptr_t)t->b;
    const uintptr_t ahead_step = (uintptr_t)(ptrdiff_t)t->prefetch_step;
    const float *b = t->b;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *a[MR];
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            a[i] = t->a + t->tap_offset[tap] + t->a_offset[i];
        for (ptrdiff_t k = 0; k < t->kc; k++, b += NR) {
            const __m256 b0 = _mm256_load_ps(b);
            const __m256 b1 = _mm256_load_ps(b + 8);
            _mm_prefetch((const char *)ahead, _MM_HINT_T1);
            ahead += ahead_step;
            VIS_UNROLL
            for (int i = 0; i < m; i++) {
                const __m256 x = _mm256_set1_ps(a[i][k]);
                sum[i][0] = _mm256_fmadd_ps(x, b0, sum[i][0]);
                sum[i][1] = _mm256_fmadd_ps(x, b1, sum[i][1]);
            }
        }
    }

    if (t->bias) {
        const __m256 bias0 = _mm256_load_ps(t->bias);
        const __m256 bias1 = _mm256_load_ps(t->bias + 8);
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            sum[i][0] = _mm256_add_ps(sum[i][0], bias0);
            sum[i][1] = _mm256_add_ps(sum[i][1], bias1);
        }
    }
    if (t->residual) {
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            const float *r = t->residual + t->residual_offset[i];
            sum[i][0] = _mm256_add_ps(sum[i][0], load_first(r, t->residual_n));
            sum[i][1] = _mm256_add_ps(sum[i][1], load_first(r + 8, t->residual_n - 8));
        }
    }
    if (t->act == VIS_ACT_RELU) {
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            sum[i][0] = relu(sum[i][0]);
            sum[i][1] = relu(sum[i][1]);
        }
    }
    if (t->act == VIS_ACT_PRELU) {
        const __m256 slope0 = _mm256_load_ps(t->slope);
        const __m256 slope1 = _mm256_load_ps(t->slope + 8);
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            sum[i][0] = prelu(sum[i][0], slope0);
            sum[i][1] = prelu(sum[i][1], slope1);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < m; i++) {
        float *c = t->c + t->c_offset[i];
        store_first(c, t->n, sum[i][0]);
        store_first(c + 8, t->n - 8, sum[i][1]);
    }
}

/* One function per row count, not a switch: compilers merge like calls before they inline. */
#define ROWS(m)                                                                                    \
    static void rows_##m(const struct vis_gemm_tile *t)                                            \
    {                                                                                              \
        rows(t, m);                                                                                \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5)
ROWS(6)

void vis_gemm_f32_6x16_avx2(const struct vis_gemm_tile *t)
{
    static vis_gemm_tile_fn *const by_rows[MR + 1] = {
        NULL, rows_1, rows_2, rows_3, rows_4, rows_5, rows_6,
    };
    by_rows[t->m](t);
    if (t->act > VIS_ACT_PRELU) /* the rows are in L1 still; inlined they would cost registers */
        for (int i = 0; i < t->m; i++)
            vis_smooth_f32_avx2(t->c + t->c_offset[i], t->n, t->act);
}
