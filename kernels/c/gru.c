/* One step of a GRU, in plain C, and the packing of its weights that every level shares. */
#include "kernels/c/c.h"

#include <math.h>

enum { BLOCK = 16, ROW = 3 * BLOCK };

size_t vis_gru_packed_floats(int units)
{
    const size_t blocks = ((size_t)units + BLOCK - 1) / BLOCK;
    return blocks * ROW * (size_t)units;
}

/* [units/16][units][3][16]: for a block of 16 units and one element of h, the weights of the
 * three gates are side by side, so that all gates of a unit end in the same lane. */
void vis_gru_pack_f32_c(float *dst, const float *src, int units)
{
    for (int u0 = 0; u0 < units; u0 += BLOCK, dst += (size_t)ROW * (size_t)units)
        for (int gate = 0; gate < 3; gate++)
            for (int lane = 0; lane < BLOCK; lane++) {
                float *to = dst + gate * BLOCK + lane;
                const int u = u0 + lane;
                const float *row = src + ((size_t)gate * (size_t)units + (size_t)u) * (size_t)units;
                for (int k = 0; k < units; k++)
                    to[(size_t)k * ROW] = u < units ? row[k] : 0.0f;
            }
}

static float sigmoid(float x)
{
    const float e = expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

void vis_gru_step_f32_c(float *h_out, const float *h, const float *x, const float *w,
                        const float *bias, int units)
{
    for (int u0 = 0; u0 < units; u0 += BLOCK) {
        float sum[ROW] = {0};
        for (int k = 0; k < units; k++, w += ROW)
            for (int i = 0; i < ROW; i++)
                sum[i] += w[i] * h[k];
        for (int lane = 0; lane < BLOCK && u0 + lane < units; lane++) {
            const int ur = u0 + lane, uz = ur + units, un = uz + units;
            const float r = sigmoid(x[ur] + (sum[lane] + bias[ur]));
            const float z = sigmoid(x[uz] + (sum[BLOCK + lane] + bias[uz]));
            const float n = tanhf(x[un] + r * (sum[2 * BLOCK + lane] + bias[un]));
            h_out[ur] = (1.0f - z) * n + z * h[ur];
        }
    }
}
