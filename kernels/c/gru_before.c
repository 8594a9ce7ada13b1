/* One step of a GRU whose reset gate acts before the recurrent product, in plain C, and the
 * packing of its weights that every level shares. */
#include "kernels/c/c.h"

#include <math.h>

enum { BLOCK = 16 };

/* The product for z and r needs h alone, the one for the candidate needs r of all units: two
 * passes, so two parts, [units/16][units][2][16] and then [units/16][units][1][16]. */
static float *pack_gates(float *dst, const float *src, int units, int first, int gates)
{
    for (int u0 = 0; u0 < units; u0 += BLOCK)
        for (int k = 0; k < units; k++)
            for (int gate = first; gate < first + gates; gate++)
                for (int lane = 0; lane < BLOCK; lane++) {
                    const int u = u0 + lane;
                    const float *row = src + (size_t)k * 3 * (size_t)units;
                    *dst++ = u < units ? row[gate * units + u] : 0.0f;
                }
    return dst;
}

void vis_gru_before_pack_f32_c(float *dst, const float *src, int units)
{
    dst = pack_gates(dst, src, units, 0, 2);
    pack_gates(dst, src, units, 2, 1);
}

static float hard_sigmoid(float x)
{
    const float y = 0.2f * x + 0.5f;
    return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
}

void vis_gru_before_step_f32_c(float *h_out, const float *h, const float *x, const float *w,
                               float *reset, int units)
{
    for (int u0 = 0; u0 < units; u0 += BLOCK) {
        float sum[2 * BLOCK] = {0};
        for (int k = 0; k < units; k++, w += 2 * BLOCK)
            for (int i = 0; i < 2 * BLOCK; i++)
                sum[i] += w[i] * h[k];
        for (int lane = 0; lane < BLOCK && u0 + lane < units; lane++) {
            const int u = u0 + lane;
            h_out[u] = hard_sigmoid(x[u] + sum[lane]); /* z, until the second pass */
            reset[u] = hard_sigmoid(x[units + u] + sum[BLOCK + lane]) * h[u];
        }
    }
    for (int u0 = 0; u0 < units; u0 += BLOCK) {
        float sum[BLOCK] = {0};
        for (int k = 0; k < units; k++, w += BLOCK)
            for (int i = 0; i < BLOCK; i++)
                sum[i] += w[i] * reset[k];
        for (int lane = 0; lane < BLOCK && u0 + lane < units; lane++) {
            const int u = u0 + lane;
            const float z = h_out[u], n = tanhf(x[2 * units + u] + sum[lane]);
            h_out[u] = z * h[u] + (1.0f - z) * n;
        }
    }
}
