/* One step of a GRU whose reset gate acts before the recurrent product, for AVX2: two passes of
 * matrix-vector products, 16 units at a time, whose sums meet in the gates in registers. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/math_avx2.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 16, LANES = 8, MOST_SUMS = 8 };

struct step {
    float *h_out, *reset;
    const float *h, *x;
    int units;
};

/* clip(0.2 x + 0.5, 0, 1); of two operands MAXPS and MINPS give the second when one is NaN. */
static inline __m256 hard_sigmoid(__m256 x)
{
    const __m256 y = _mm256_fmadd_ps(x, _mm256_set1_ps(0.2f), _mm256_set1_ps(0.5f));
    return _mm256_min_ps(_mm256_set1_ps(1.0f), _mm256_max_ps(_mm256_setzero_ps(), y));
}

static inline void update_and_reset(const struct step *s, int u0, __m256 wh_z, __m256 wh_r)
{
    const int left = s->units - u0;
    const __m256 x_z = load_first(s->x + u0, left);
    const __m256 x_r = load_first(s->x + s->units + u0, left);
    const __m256 h = load_first(s->h + u0, left);
    store_first(s->h_out + u0, left, hard_sigmoid(_mm256_add_ps(x_z, wh_z)));
    const __m256 r = hard_sigmoid(_mm256_add_ps(x_r, wh_r));
    store_first(s->reset + u0, left, _mm256_mul_ps(r, h));
}

static inline void candidate(const struct step *s, int u0, __m256 wh_n)
{
    const int left = s->units - u0;
    const __m256 x_n = load_first(s->x + 2 * s->units + u0, left);
    const __m256 h = load_first(s->h + u0, left), z = load_first(s->h_out + u0, left);
    const __m256 n = tanh_of(_mm256_add_ps(x_n, wh_n));
    const __m256 rest = _mm256_sub_ps(_mm256_set1_ps(1.0f), z);
    store_first(s->h_out + u0, left, _mm256_fmadd_ps(z, h, _mm256_mul_ps(rest, n)));
}

/* `blocks` blocks of 16 units from u0 on, `gates` gates of two vectors each: 2 in the first pass,
 * which reads h, 1 in the second, which reads r * h. w: weights of the pass. */
static inline __attribute__((always_inline)) void
unit_blocks(const struct step *s, const float *w, int u0, const int gates, const int blocks)
{
    const float *h = gates == 2 ? s->h : s->reset;
    const size_t block_floats = (size_t)gates * BLOCK * (size_t)s->units;
    const int vectors = 2 * gates; /* of a block: z z r r, or n n */
    __m256 sum[MOST_SUMS];
    w += (size_t)(u0 / BLOCK) * block_floats;
    VIS_UNROLL
    for (int i = 0; i < blocks * vectors; i++)
        sum[i] = _mm256_setzero_ps();
    for (ptrdiff_t k = 0; k < s->units; k++, w += gates * BLOCK) {
        const __m256 h_k = _mm256_set1_ps(h[k]);
        VIS_UNROLL
        for (int i = 0; i < blocks * vectors; i++) {
            const float *at = w + (size_t)(i / vectors) * block_floats + i % vectors * LANES;
            sum[i] = _mm256_fmadd_ps(_mm256_load_ps(at), h_k, sum[i]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < blocks; i++)
        VIS_UNROLL
    for (int half = 0; half < 2; half++) {
        const int u = u0 + i * BLOCK + half * LANES, at = i * vectors + half;
        if (u < s->units && gates == 2)
            update_and_reset(s, u, sum[at], sum[at + vectors - 2]);
        else if (u < s->units)
            candidate(s, u, sum[at]);
    }
}

static inline __attribute__((always_inline)) void pass(const struct step *s, const float *w,
                                                       const int gates)
{
    const int most = MOST_SUMS / (2 * gates);
    int u0 = 0;
    for (; s->units - u0 > (most - 1) * BLOCK; u0 += most * BLOCK)
        unit_blocks(s, w, u0, gates, most);
    for (; u0 < s->units; u0 += BLOCK)
        unit_blocks(s, w, u0, gates, 1);
}

void vis_gru_before_step_f32_avx2(float *h_out, const float *h, const float *x, const float *w,
                                  float *reset, int units)
{
    const struct step s = {h_out, reset, h, x, units};
    const size_t blocks = ((size_t)units + BLOCK - 1) / BLOCK;
    pass(&s, w, 2);
    pass(&s, w + blocks * 2 * BLOCK * (size_t)units, 1);
}
