/* Bias, residual and activation of one row, in plain C. */
#include "kernels/c/c.h"

void vis_epilogue_f32_c(float *c, const float *bias, const float *residual, int n, enum vis_act act)
{
    for (int j = 0; j < n; j++) {
        float x = c[j];
        if (bias)
            x += bias[j];
        if (residual)
            x += residual[j];
        c[j] = act == VIS_ACT_RELU && x < 0.0f ? 0.0f : x;
    }
}
