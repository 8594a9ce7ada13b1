/* One step of a GRU whose reset gate acts before the recurrent product, for AVX-512: two passes of
 * matrix-vector products, 16 units at a time, whose sums meet in the gates in registers. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/math_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 16, MOST = 4 };

struct step {
    float *h_out, *reset;
    const float *h, *x;
    int units;
};

/* clip(0.2 x + 0.5, 0, 1); of two operands MAXPS and MINPS give the second when one is NaN. */
static inline __m512 hard_sigmoid(__m512 x)
{
    const __m512 y = _mm512_fmadd_ps(x, _mm512_set1_ps(0.2f), _mm512_set1_ps(0.5f));
    return _mm512_min_ps(_mm512_set1_ps(1.0f), _mm512_max_ps(_mm512_setzero_ps(), y));
}

static inline void update_and_reset(const struct step *s, int u0, __m512 wh_z, __m512 wh_r)
{
    const int left = s->units - u0;
    const __m512 x_z = load_first(s->x + u0, left);
    const __m512 x_r = load_first(s->x + s->units + u0, left);
    const __m512 h = load_first(s->h + u0, left);
    store_first(s->h_out + u0, left, hard_sigmoid(_mm512_add_ps(x_z, wh_z)));
    const __m512 r = hard_sigmoid(_mm512_add_ps(x_r, wh_r));
    store_first(s->reset + u0, left, _mm512_mul_ps(r, h));
}

static inline void candidate(const struct step *s, int u0, __m512 wh_n)
{
    const int left = s->units - u0;
    const __m512 x_n = load_first(s->x + 2 * s->units + u0, left);
    const __m512 h = load_first(s->h + u0, left), z = load_first(s->h_out + u0, left);
    const __m512 n = tanh_of(_mm512_add_ps(x_n, wh_n));
    const __m512 rest = _mm512_sub_ps(_mm512_set1_ps(1.0f), z);
    store_first(s->h_out + u0, left, _mm512_fmadd_ps(z, h, _mm512_mul_ps(rest, n)));
}

/* `blocks` blocks of 16 units from u0 on, `gates` chains of multiply-adds each: 2 in the first
 * pass, which reads h, 1 in the second, which reads r * h. w: weights of the pass. */
static inline __attribute__((always_inline)) void
unit_blocks(const struct step *s, const float *w, int u0, const int gates, const int blocks)
{
    const float *h = gates == 2 ? s->h : s->reset;
    const size_t block_floats = (size_t)gates * BLOCK * (size_t)s->units;
    __m512 sum[MOST][2];
    w += (size_t)(u0 / BLOCK) * block_floats;
    VIS_UNROLL
    for (int i = 0; i < blocks; i++)
        sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    for (ptrdiff_t k = 0; k < s->units; k++, w += gates * BLOCK) {
        const __m512 h_k = _mm512_set1_ps(h[k]);
        VIS_UNROLL
        for (int i = 0; i < blocks; i++) {
            const float *row = w + (size_t)i * block_floats;
            sum[i][0] = _mm512_fmadd_ps(_mm512_load_ps(row), h_k, sum[i][0]);
            if (gates == 2)
                sum[i][1] = _mm512_fmadd_ps(_mm512_load_ps(row + BLOCK), h_k, sum[i][1]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < blocks; i++) {
        if (gates == 2)
            update_and_reset(s, u0 + i * BLOCK, sum[i][0], sum[i][1]);
        else
            candidate(s, u0 + i * BLOCK, sum[i][0]);
    }
}

static inline __attribute__((always_inline)) void pass(const struct step *s, const float *w,
                                                       const int gates)
{
    int u0 = 0;
    for (; s->units - u0 > 3 * BLOCK; u0 += 4 * BLOCK)
        unit_blocks(s, w, u0, gates, 4);
    for (; u0 < s->units; u0 += BLOCK)
        unit_blocks(s, w, u0, gates, 1);
}

void vis_gru_before_step_f32_avx512(float *h_out, const float *h, const float *x, const float *w,
                                    float *reset, int units)
{
    const struct step s = {h_out, reset, h, x, units};
    const size_t blocks = ((size_t)units + BLOCK - 1) / BLOCK;
    pass(&s, w, 2);
    pass(&s, w + blocks * 2 * BLOCK * (size_t)units, 1);
}
