#include "signal/landmark_input.h"

#include <math.h>

void vis_landmark_input(const float *raw, size_t count, float *out)
{
    const double n = 3 * (double)count;
    double sum[3] = {0, 0, 0}, known[3] = {0, 0, 0}, squares = 0;
    for (size_t i = 0; i < 3 * count; i++)
        if (!isnan(raw[i])) {
            sum[i % 3] += (double)raw[i];
            known[i % 3]++;
        }
    const double mean = (sum[0] + sum[1] + sum[2]) / n;
    for (size_t i = 0; i < 3 * count; i++) {
        const double d = (isnan(raw[i]) ? 0 : (double)raw[i]) - mean;
        squares += d * d;
    }
    const double deviation = sqrt(squares / (n - 1));
    for (size_t i = 0; i < 3 * count; i++)
        out[i] = isnan(raw[i]) || !(deviation > 0)
                     ? 0
                     : (float)(((double)raw[i] - sum[i % 3] / known[i % 3]) / deviation);
}
