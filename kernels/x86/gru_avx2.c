/* One step of a GRU for AVX2: a matrix-vector product of 16 units x 3 gates at a time, whose sums
 * meet in the gates without leaving the registers. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx2.h"
#include "kernels/x86/math_avx2.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 16, ROW = 3 * BLOCK, LANES = 8, MOST = 2 };

struct step {
    float *h_out;
    const float *h, *x, *w, *bias;
    int units;
};

/* The gates of the units u0 .. u0+7 from W_r h, W_z h, W_n h. */
static inline void gates(const struct step *s, int u0, __m256 wh_r, __m256 wh_z, __m256 wh_n)
{
    const int left = s->units - u0;
    const float *x = s->x + u0, *bias = s->bias + u0;
    const int z_at = s->units, n_at = 2 * s->units;
    const __m256 u_r = _mm256_add_ps(wh_r, load_first(bias, left));
    const __m256 u_z = _mm256_add_ps(wh_z, load_first(bias + z_at, left));
    const __m256 u_n = _mm256_add_ps(wh_n, load_first(bias + n_at, left));
    const __m256 r = sigmoid(_mm256_add_ps(load_first(x, left), u_r));
    const __m256 z = sigmoid(_mm256_add_ps(load_first(x + z_at, left), u_z));
    const __m256 n = tanh_of(_mm256_fmadd_ps(r, u_n, load_first(x + n_at, left)));
    const __m256 h = load_first(s->h + u0, left);
    const __m256 rest = _mm256_sub_ps(_mm256_set1_ps(1.0f), z);
    const __m256 out = _mm256_fmadd_ps(z, h, _mm256_mul_ps(rest, n));
    store_first(s->h_out + u0, left, out);
}

/* `blocks` blocks of 16 units from u0 on; six chains of multiply-adds each. */
static inline __attribute__((always_inline)) void unit_blocks(const struct step *s, int u0,
                                                              const int blocks)
{
    const size_t block_floats = (size_t)ROW * (size_t)s->units;
    const float *w = s->w + (size_t)(u0 / BLOCK) * block_floats;
    __m256 sum[MOST][6]; /* r r z z n n */
    VIS_UNROLL
    for (int i = 0; i < blocks; i++)
        VIS_UNROLL
    for (int j = 0; j < 6; j++)
        sum[i][j] = _mm256_setzero_ps();
    for (ptrdiff_t k = 0; k < s->units; k++, w += ROW) {
        const __m256 h = _mm256_set1_ps(s->h[k]);
        VIS_UNROLL
        for (int i = 0; i < blocks; i++)
            VIS_UNROLL
        for (int j = 0; j < 6; j++) {
            const float *at = w + (size_t)i * block_floats + j * LANES;
            sum[i][j] = _mm256_fmadd_ps(_mm256_load_ps(at), h, sum[i][j]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < blocks; i++) {
        const int u = u0 + i * BLOCK;
        gates(s, u, sum[i][0], sum[i][2], sum[i][4]);
        if (u + LANES < s->units)
            gates(s, u + LANES, sum[i][1], sum[i][3], sum[i][5]);
    }
}

void vis_gru_step_f32_avx2(float *h_out, const float *h, const float *x, const float *w,
                           const float *bias, int units)
{
    const struct step s = {h_out, h, x, w, bias, units};
    int u0 = 0;
    for (; units - u0 > BLOCK; u0 += 2 * BLOCK)
        unit_blocks(&s, u0, 2);
    if (units > u0)
        unit_blocks(&s, u0, 1);
}
