/* One 4x16 tile of a matrix product, in C that any machine runs. */
#include "kernels/c/c.h"

#include <string.h>

enum { MR = 4, NR = 16, HALF = 8 };

/* Four floats side by side, a GNU extension that needs no particular instruction set: compilers
 * do not find them by themselves in loops over an array of sums. */
typedef float quad __attribute__((vector_size(16)));

static inline quad load(const float *p)
{
    quad x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* Columns first .. first+7 of the tile: 8 quads of sums, which leaves room for the operands in 16
 * registers. Missing rows repeat row 0 and are not used. */
static void half_tile(const struct vis_gemm_tile *t, int first, float out[MR][NR])
{
    quad sum[MR][2] = {{{0}}};
    const float *b = t->b + first;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *a[MR];
        for (int i = 0; i < MR; i++)
            a[i] = t->a + t->a_offset[i < t->m ? i : 0] + t->tap_offset[tap];
        for (int k = 0; k < t->kc; k++, b += NR) {
            const quad b0 = load(b), b1 = load(b + 4);
            for (int i = 0; i < MR; i++) {
                sum[i][0] += a[i][k] * b0;
                sum[i][1] += a[i][k] * b1;
            }
        }
    }
    for (int i = 0; i < MR; i++)
        memcpy(out[i] + first, sum[i], sizeof sum[i]);
}

void vis_gemm_f32_4x16_c(const struct vis_gemm_tile *t)
{
    float sum[MR][NR];
    half_tile(t, 0, sum);
    half_tile(t, HALF, sum);
    for (int i = 0; i < t->m; i++)
        for (int j = 0; j < t->n; j++) {
            float x = sum[i][j];
            if (t->bias)
                x += t->bias[j];
            if (t->residual && j < t->residual_n)
                x += t->residual[t->residual_offset[i] + j];
            t->c[t->c_offset[i] + j] =
                activate(x, t->act, t->act == VIS_ACT_PRELU ? t->slope[j] : 0.0f);
        }
}
