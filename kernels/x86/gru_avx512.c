/* One step of a GRU for AVX-512: a matrix-vector product of 16 units x 3 gates at a time, whose
 * sums meet in the gates without leaving the registers. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/math_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { BLOCK = 16, ROW = 3 * BLOCK, MOST = 4 };

struct step {
    float *h_out;
    const float *h, *x, *w, *bias;
    int units;
};

/* The gates of the units u0 .. u0+15 from W_r h, W_z h, W_n h. */
static inline void gates(const struct step *s, int u0, const __m512 wh[3])
{
    const int left = s->units - u0;
    __m512 x[3], u[3];
    VIS_UNROLL
    for (int g = 0; g < 3; g++) {
        const int at = g * s->units + u0;
        x[g] = load_first(s->x + at, left);
        u[g] = _mm512_add_ps(wh[g], load_first(s->bias + at, left));
    }
    const __m512 r = sigmoid(_mm512_add_ps(x[0], u[0]));
    const __m512 z = sigmoid(_mm512_add_ps(x[1], u[1]));
    const __m512 n = tanh_of(_mm512_fmadd_ps(r, u[2], x[2]));
    const __m512 h = load_first(s->h + u0, left);
    const __m512 rest = _mm512_sub_ps(_mm512_set1_ps(1.0f), z);
    const __m512 out = _mm512_fmadd_ps(z, h, _mm512_mul_ps(rest, n));
    store_first(s->h_out + u0, left, out);
}

/* `blocks` blocks of 16 units from u0 on; three chains of multiply-adds each. */
static inline __attribute__((always_inline)) void unit_blocks(const struct step *s, int u0,
                                                              const int blocks)
{
    const size_t block_floats = (size_t)ROW * (size_t)s->units;
    const float *w = s->w + (size_t)(u0 / BLOCK) * block_floats;
    __m512 sum[MOST][3];
    VIS_UNROLL
    for (int i = 0; i < blocks; i++)
        sum[i][0] = sum[i][1] = sum[i][2] = _mm512_setzero_ps();
    for (ptrdiff_t k = 0; k < s->units; k++, w += ROW) {
        const __m512 h = _mm512_set1_ps(s->h[k]);
        VIS_UNROLL
        for (int i = 0; i < blocks; i++) {
            const float *row = w + (size_t)i * block_floats;
            sum[i][0] = _mm512_fmadd_ps(_mm512_load_ps(row), h, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(_mm512_load_ps(row + BLOCK), h, sum[i][1]);
            sum[i][2] = _mm512_fmadd_ps(_mm512_load_ps(row + 2 * BLOCK), h, sum[i][2]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < blocks; i++)
        gates(s, u0 + i * BLOCK, sum[i]);
}

void vis_gru_step_f32_avx512(float *h_out, const float *h, const float *x, const float *w,
                             const float *bias, int units)
{
    const struct step s = {h_out, h, x, w, bias, units};
    int u0 = 0;
    for (; units - u0 > 3 * BLOCK; u0 += 4 * BLOCK)
        unit_blocks(&s, u0, 4);
    if (units - u0 > 2 * BLOCK)
        unit_blocks(&s, u0, 3);
    else if (units - u0 > BLOCK)
        unit_blocks(&s, u0, 2);
    else if (units > u0)
        unit_blocks(&s, u0, 1);
}
