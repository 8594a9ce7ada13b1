/* One 4x16 tile of a matrix product, in plain C. */
#include "kernels/c/c.h"

enum { MR = 4, HALF = 8 };

/* Columns first .. first+7 of the tile: 4x8 sums are 8 vectors of 4, which leaves registers for
 * operands on a machine with 16. Missing rows repeat row 0 and are not stored. */
static void half_tile(const struct vis_gemm_tile *t, int first)
{
    float sum[MR][HALF] = {{0}};
    const float *b = t->b + first;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *a[MR];
        for (int i = 0; i < MR; i++)
            a[i] = t->a[i < t->m ? i : 0] + t->tap_offset[tap];
        for (int k = 0; k < t->kc; k++, b += 2 * HALF)
            for (int i = 0; i < MR; i++)
                for (int j = 0; j < HALF; j++)
                    sum[i][j] += a[i][k] * b[j];
    }
    for (int i = 0; i < t->m; i++)
        for (int j = 0; j < HALF && first + j < t->n; j++) {
            float x = sum[i][j];
            if (t->bias)
                x += t->bias[first + j];
            if (t->residual)
                x += t->residual[i][first + j];
            if (t->act == VIS_ACT_RELU && x < 0.0f)
                x = 0.0f;
            t->c[i][first + j] = x;
        }
}

void vis_gemm_f32_4x16_c(const struct vis_gemm_tile *t)
{
    half_tile(t, 0);
    if (t->n > HALF)
        half_tile(t, HALF);
}
