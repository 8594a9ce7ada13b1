/* One 14x32 tile of a matrix product: 28 sums, 2 vectors of B and a broadcast of A fill 31 of the
 * 32 registers. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/act_avx512.h"
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

#include <immintrin.h>

enum { MR = 14, NR = 32 };

/* Row pointers in general registers when there are more than 12 of them. Left to itself gcc parks
 * some in vector registers, and their moves take issue slots from the multiply-adds (-10 %). */
enum { NEAR = 9 };

/* The first `vectors` vectors of a row: 2 for a whole panel, 1 for up to 16 columns. */
static inline __attribute__((always_inline)) void multiply_add(__m512 sum[2], float a,
                                                               const __m512 b[2], const int vectors)
{
    const __m512 x = _mm512_set1_ps(a);
    sum[0] = _mm512_fmadd_ps(x, b[0], sum[0]);
    if (vectors > 1)
        sum[1] = _mm512_fmadd_ps(x, b[1], sum[1]);
}

/* c[i][0 .. n) = sum[i], after bias, residual and activation, for the 16 columns from `first` on.
 * What the stores could change is read before them. */
static inline __attribute__((always_inline)) void
finish(const struct vis_gemm_tile *t, __m512 sum[MR][2], const int m, const int v)
{
    const int first = 16 * v, n = t->n - first;
    float *c = t->c + first;
    const ptrdiff_t *c_offset = t->c_offset;
    if (t->bias) {
        const __m512 bias = _mm512_load_ps(t->bias + first);
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            sum[i][v] = _mm512_add_ps(sum[i][v], bias);
    }
    if (t->residual) {
        const __mmask16 lanes = first_lanes(t->residual_n - first);
        const float *residual = t->residual + first;
        const ptrdiff_t *offset = t->residual_offset;
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            const __m512 r = _mm512_maskz_loadu_ps(lanes, residual + offset[i]);
            sum[i][v] = _mm512_add_ps(sum[i][v], r);
        }
    }
    if (t->act == VIS_ACT_RELU) {
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            sum[i][v] = relu(sum[i][v]);
    }
    if (t->act == VIS_ACT_PRELU) {
        const __m512 slope = _mm512_load_ps(t->slope + first);
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            sum[i][v] = prelu(sum[i][v], slope);
    }
    if (n >= 16) {
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            _mm512_storeu_ps(c + c_offset[i], sum[i][v]);
    } else {
        const __mmask16 lanes = first_lanes(n);
        VIS_UNROLL
        for (int i = 0; i < m; i++)
            _mm512_mask_storeu_ps(c + c_offset[i], lanes, sum[i][v]);
    }
}

/* The tile with `m` rows, a constant at each call as `vectors` is, so that sum[][] becomes
 * registers. One vector: so few columns need no prefetch, and every load counts. */
static inline __attribute__((always_inline)) void rows(const struct vis_gemm_tile *t, const int m,
                                                       const int vectors)
{
    const int near_rows = m > 10 ? NEAR : m;
    __m512 sum[MR][2];
    VIS_UNROLL
    for (int i = 0; i < m; i++)
        sum[i][0] = sum[i][1] = _mm512_setzero_ps();

    /* Without anything to prefetch, ask for what is in the cache already: no branch per k. */
    uintptr_t ahead = t->prefetch_step ? (uintptr_t)t->prefetch : (uintptr_t)t->b;
    const uintptr_t ahead_step = (uintptr_t)(ptrdiff_t)t->prefetch_step;
    VIS_UNROLL
    for (int i = 0; i < m; i++) { /* C is written at the end: have its lines here by then */
        __builtin_prefetch(t->c + t->c_offset[i], 1);
        if (vectors > 1)
            __builtin_prefetch(t->c + t->c_offset[i] + 16, 1);
    }
    const float *b = t->b;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *a = t->a + t->tap_offset[tap], *near[MR];
        const float *volatile far[MR];
        VIS_UNROLL
        for (int i = 0; i < near_rows; i++)
            near[i] = a + t->a_offset[i];
        VIS_UNROLL
        for (int i = near_rows; i < m; i++)
            far[i] = a + t->a_offset[i];
        for (ptrdiff_t k = 0; k < t->kc; k++, b += NR) {
            const __m512 b_k[2] = {_mm512_load_ps(b), _mm512_load_ps(b + 16)};
            if (vectors > 1) {
                _mm_prefetch((const char *)ahead, _MM_HINT_T1);
                ahead += ahead_step;
            }
            VIS_UNROLL
            for (int i = 0; i < near_rows; i++)
                multiply_add(sum[i], near[i][k], b_k, vectors);
            VIS_UNROLL
            for (int i = near_rows; i < m; i++)
                multiply_add(sum[i], far[i][k], b_k, vectors);
        }
    }
    finish(t, sum, m, 0);
    if (vectors > 1)
        finish(t, sum, m, 1);
}

/* One function per row count, not a switch: compilers merge like calls before they inline. */
#define ROWS(m)                                                                                    \
    static void rows_##m(const struct vis_gemm_tile *t)                                            \
    {                                                                                              \
        rows(t, m, 2);                                                                             \
    }                                                                                              \
    static void narrow_##m(const struct vis_gemm_tile *t)                                          \
    {                                                                                              \
        rows(t, m, 1);                                                                             \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5)
ROWS(6)
ROWS(7)
ROWS(8)
ROWS(9)
ROWS(10)
ROWS(11)
ROWS(12)
ROWS(13)
ROWS(14)

void vis_gemm_f32_14x32_avx512(const struct vis_gemm_tile *t)
{
    static vis_gemm_tile_fn *const by_rows[2][MR + 1] = {
        {NULL, rows_1, rows_2, rows_3, rows_4, rows_5, rows_6, rows_7, rows_8, rows_9, rows_10,
         rows_11, rows_12, rows_13, rows_14},
        {NULL, narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6, narrow_7, narrow_8,
         narrow_9, narrow_10, narrow_11, narrow_12, narrow_13, narrow_14},
    };
    if (t->residual) { /* wanted at the end, as C is */
        for (int i = 0; i < t->m; i++) {
            __builtin_prefetch(t->residual + t->residual_offset[i]);
            __builtin_prefetch(t->residual + t->residual_offset[i] + 16);
        }
    }
    by_rows[t->n <= 16][t->m](t);
    if (t->act > VIS_ACT_PRELU) /* the rows are in L1 still; inlined they would cost registers */
        for (int i = 0; i < t->m; i++)
            vis_smooth_f32_avx512(t->c + t->c_offset[i], t->n, t->act);
}
