/* Softmax and log-softmax of one row, in plain C. */
#include "kernels/c/c.h"

#include <math.h>

/* A NaN need not be found here: x - max is NaN where x is, and so is the sum. */
static float largest(const float *src, int n)
{
    float max = src[0];
    for (int i = 1; i < n; i++)
        max = src[i] > max ? src[i] : max;
    return max;
}

void vis_softmax_f32_c(float *dst, const float *src, int n)
{
    const float max = largest(src, n);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        dst[i] = expf(src[i] - max);
        sum += (double)dst[i];
    }
    const float scale = (float)(1.0 / sum);
    for (int i = 0; i < n; i++)
        dst[i] *= scale;
}

void vis_log_softmax_f32_c(float *dst, const float *src, int n)
{
    const float max = largest(src, n);
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)expf(src[i] - max);
    const float log_sum = (float)log(sum);
    for (int i = 0; i < n; i++)
        dst[i] = (src[i] - max) - log_sum;
}
