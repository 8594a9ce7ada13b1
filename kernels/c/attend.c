/* Attention of one query on scattered keys and values, in plain C. */
#include "kernels/c/c.h"

static float dot(const float *a, const float *b, int n)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void vis_attend_f32_c(const struct vis_attend *a)
{
    for (int j = 0; j < a->n; j++)
        a->weight[j] = dot(a->q, a->rows[j] + a->key, a->width);
    vis_softmax_f32_c(a->weight, a->weight, a->n);
    for (int c = 0; c < a->width; c++) {
        float sum = 0.0f;
        for (int j = 0; j < a->n; j++)
            sum += a->weight[j] * a->rows[j][a->value + c];
        a->dst[c] = sum;
    }
}
