/* One 14x32 tile of a matrix product: 28 sums, 2 vectors of B and a broadcast of A fill 31 of the
 * 32 registers. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

#include <immintrin.h>

enum { MR = 14, NR = 32 };

/* Row pointers in general registers when there are more than 12 of them. Left to itself gcc parks
 * some in vector registers, and their moves take issue slots from the multiply-adds (-10 %). */
enum { NEAR = 9 };

static inline __attribute__((always_inline)) void multiply_add(__m512 sum[2], float a, __m512 b0,
                                                               __m512 b1)
{
    const __m512 x = _mm512_set1_ps(a);
    sum[0] = _mm512_fmadd_ps(x, b0, sum[0]);
    sum[1] = _mm512_fmadd_ps(x, b1, sum[1]);
}

/* The tile with `m` rows, a constant at each call, so that sum[][] becomes registers. */
static inline __attribute__((always_inline)) void rows(const struct vis_gemm_tile *t, const int m)
{
    const int near_rows = m > 12 ? NEAR : m;
    __m512 sum[MR][2];
    VIS_UNROLL
    for (int i = 0; i < m; i++)
        sum[i][0] = sum[i][1] = _mm512_setzero_ps();

    /* Without anything to prefetch, ask for what is in the cache already: no branch per k. */
    uintptr_t ahead = t->prefetch_step ? (uintptr_t)t->prefetch : (uintptr_t)t->b;
    const uintptr_t ahead_step = (uintptr_t)(ptrdiff_t)t->prefetch_step;
    VIS_UNROLL
    for (int i = 0; i < m; i++) { /* C is written at the end: have its lines here by then */
        __builtin_prefetch(t->c[i], 1);
        __builtin_prefetch(t->c[i] + 16, 1);
    }
    const float *b = t->b;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *near[MR];
        const float *volatile far[MR];
        VIS_UNROLL
        for (int i = 0; i < near_rows; i++)
            near[i] = t->a[i] + t->tap_offset[tap];
        VIS_UNROLL
        for (int i = near_rows; i < m; i++)
            far[i] = t->a[i] + t->tap_offset[tap];
        for (ptrdiff_t k = 0; k < t->kc; k++, b += NR) {
            const __m512 b0 = _mm512_load_ps(b);
            const __m512 b1 = _mm512_load_ps(b + 16);
            _mm_prefetch((const char *)ahead, _MM_HINT_T1);
            ahead += ahead_step;
            VIS_UNROLL
            for (int i = 0; i < near_rows; i++)
                multiply_add(sum[i], near[i][k], b0, b1);
            VIS_UNROLL
            for (int i = near_rows; i < m; i++)
                multiply_add(sum[i], far[i][k], b0, b1);
        }
    }

    if (t->bias) {
        const __m512 bias0 = _mm512_load_ps(t->bias);
        const __m512 bias1 = _mm512_load_ps(t->bias + 16);
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            sum[i][0] = _mm512_add_ps(sum[i][0], bias0);
            sum[i][1] = _mm512_add_ps(sum[i][1], bias1);
        }
    }
    if (t->residual) {
        VIS_UNROLL
        for (int i = 0; i < m; i++) {
            const float *r = t->residual[i];
            sum[i][0] = _mm512_add_ps(sum[i][0], load_first(r, t->n));
            sum[i][1] = _mm512_add_ps(sum[i][1], load_first(r + 16, t->n - 16));
        }
    }
    if (t->act == VIS_ACT_RELU) {
        VIS_UNROLL
        for (int i = 0; i < m; i++) { /* of two operands with a NaN, max gives the second */
            sum[i][0] = _mm512_max_ps(_mm512_setzero_ps(), sum[i][0]);
            sum[i][1] = _mm512_max_ps(_mm512_setzero_ps(), sum[i][1]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < m; i++) {
        store_first(t->c[i], t->n, sum[i][0]);
        store_first(t->c[i] + 16, t->n - 16, sum[i][1]);
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
    static vis_gemm_tile_fn *const by_rows[MR + 1] = {
        NULL,   rows_1, rows_2,  rows_3,  rows_4,  rows_5,  rows_6,  rows_7,
        rows_8, rows_9, rows_10, rows_11, rows_12, rows_13, rows_14,
    };
    by_rows[t->m](t);
}
