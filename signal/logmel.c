#include "signal/logmel.h"

#include <math.h>

enum { FFT = 512 };

/* Edge i of 42 from 0 to 8000 Hz, in Hz. */
static double edge(int i)
{
    double high = 2595 * log10(1 + 8000.0 / 700);
    return 700 * (pow(10, high * i / (VIS_LOGMEL_BANDS + 1) / 2595) - 1);
}

static double weight(int band, int bin)
{
    double f = (double)bin * VIS_FEATURES_RATE / FFT;
    double low = edge(band), peak = edge(band + 1), high = edge(band + 2);
    return fmax(0, fmin((f - low) / (peak - low), (high - f) / (high - peak)));
}

static void row(const double *table, const double *bands, double energy, float *out)
{
    (void)table;
    (void)energy;
    for (int i = 0; i < VIS_LOGMEL_BANDS; i++)
        out[i] = (float)log(bands[i] + 1e-6);
}

static const struct vis_features_kind kind = {
    .span = FFT,
    .step = VIS_FEATURES_RATE / VIS_LOGMEL_PER_SECOND,
    .fft = FFT,
    .centred = 1,
    .hann = 400,
    .full_scale = 32768,
    .power_divisor = 1,
    .bands = VIS_LOGMEL_BANDS,
    .weight = weight,
    .width = VIS_LOGMEL_BANDS,
    .row = row,
};

viseme_status vis_logmel_open(struct vis_features **out, viseme_error *err)
{
    return vis_features_open(out, &kind, err);
}

void vis_logmel_normalise(float *rows, size_t count)
{
    for (int b = 0; b < VIS_LOGMEL_BANDS; b++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++)
            sum += rows[i * VIS_LOGMEL_BANDS + b];
        double mean = count ? sum / (double)count : 0;
        for (size_t i = 0; i < count; i++) {
            double d = rows[i * VIS_LOGMEL_BANDS + b] - mean;
            squares += d * d;
        }
        double scale = count ? 1 / sqrt(squares / (double)count + 1e-5) : 0;
        for (size_t i = 0; i < count; i++) {
            float *x = &rows[i * VIS_LOGMEL_BANDS + b];
            *x = (float)((*x - mean) * scale);
        }
    }
}
