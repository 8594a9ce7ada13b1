#include "signal/mfcc.h"

#include <math.h>

enum { FILTERS = 26, LIFTER = 22 };

static const double pi = 3.14159265358979323846;
static const double nothing = 2.220446049250313e-16; /* stands for a power of exactly 0 */

/* Triangles between whole bins; the upper edge itself counts nothing. */
static double weight(int band, int bin)
{
    /* floor(513 f / 16000) at 28 places from 0 to 8000 Hz, evenly spaced in
     * 2595 log10(1 + f / 700). */
    static const int edge[FILTERS + 2] = {0,   2,   4,   7,   10,  13,  16,  20, 24, 29,
                                          34,  40,  46,  53,  60,  68,  77,  87, 97, 109,
                                          122, 136, 152, 169, 188, 209, 231, 256};
    int low = edge[band], peak = edge[band + 1], high = edge[band + 2];

    if (bin < low || bin >= high)
        return 0;
    return bin < peak ? (double)(bin - low) / (peak - low) : (double)(high - bin) / (high - peak);
}

/* table [13 26]: orthonormal DCT of type 2, its rows lifted. */
static void fill(double *table)
{
    for (int n = 0; n < VIS_MFCC_COUNT; n++)
        for (int i = 0; i < FILTERS; i++)
            table[n * FILTERS + i] = sqrt((n ? 2.0 : 1.0) / FILTERS) *
                                     cos(pi * n * (2 * i + 1) / (2 * FILTERS)) *
                                     (1 + LIFTER / 2.0 * sin(pi * n / LIFTER));
}

static void row(const double *table, const double *bands, double energy, float *out)
{
    double logs[FILTERS];

    for (int i = 0; i < FILTERS; i++)
        logs[i] = log(bands[i] == 0 ? nothing : bands[i]);
    out[0] = (float)log(energy == 0 ? nothing : energy);
    for (int n = 1; n < VIS_MFCC_COUNT; n++) {
        double sum = 0;
        for (int i = 0; i < FILTERS; i++)
            sum += table[n * FILTERS + i] * logs[i];
        out[n] = (float)sum;
    }
}

static const struct vis_features_kind kind = {
    .span = 400,
    .step = 160,
    .fft = 512,
    .preemphasis = 0.97,
    .full_scale = 32768,
    .power_divisor = 512,
    .bands = FILTERS,
    .weight = weight,
    .width = VIS_MFCC_COUNT,
    .table_size = VIS_MFCC_COUNT * FILTERS,
    .fill = fill,
    .row = row,
};

viseme_status vis_mfcc_open(struct vis_features **out, viseme_error *err)
{
    return vis_features_open(out, &kind, err);
}
