/* Bias, residual and activation of one row, in plain C. */
#include "kernels/c/c.h"

void vis_epilogue_f32_c(float *c, int n, const struct vis_epilogue *e)
{
    for (int j = 0; j < n; j++) {
        float x = c[j];
        if (e->bias)
            x += e->bias[j];
        if (e->residual && j < e->residual_n)
            x += e->residual[j];
        c[j] = activate(x, e->act, e->act == VIS_ACT_PRELU ? e->slope[j] : 0.0f);
    }
}
