#include "signal/mel.h"

#include <math.h>

enum { FFT = 800 };

/* Slaney's scale: 3 mel in 200 Hz up to 1000 Hz, then 27 to a factor of 6.4. */
static double hertz(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static double mel_of(double f)
{
    return f < 1000 ? f * 3 / 200 : 15 + log(f / 1000) * 27 / log(6.4);
}

/* Edge i of 82 from 55 to 7600 Hz, in Hz. */
static double edge(int i)
{
    double low = mel_of(55), high = mel_of(7600);
    return hertz(low + (high - low) * i / (VIS_MEL_BANDS + 1));
}

/* Triangles of equal area. */
static double weight(int band, int bin)
{
    double f = (double)bin * VIS_FEATURES_RATE / FFT;
    double low = edge(band), peak = edge(band + 1), high = edge(band + 2);
    double up = (f - low) / (peak - low), down = (high - f) / (high - peak);
    return fmax(0, fmin(up, down)) * 2 / (high - low);
}

static void row(const double *table, const double *bands, double energy, float *out)
{
    (void)table;
    (void)energy;
    for (int i = 0; i < VIS_MEL_BANDS; i++) {
        double decibel = 20 * log10(fmax(1e-5, bands[i])) - 20;
        out[i] = (float)fmin(4, fmax(-4, 8 * ((decibel + 100) / 100) - 4));
    }
}

static const struct vis_features_kind kind = {
    .span = FFT,
    .step = VIS_FEATURES_RATE / VIS_MEL_PER_SECOND,
    .fft = FFT,
    .centred = 1,
    .hann = FFT,
    .preemphasis = 0.97,
    .full_scale = 1,
    .magnitude = 1,
    .bands = VIS_MEL_BANDS,
    .weight = weight,
    .width = VIS_MEL_BANDS,
    .row = row,
};

viseme_status vis_mel_open(struct vis_features **out, viseme_error *err)
{
    return vis_features_open(out, &kind, err);
}

/* Where the rows of frame i begin when there are enough; as the original rounds: the quotient
 * first, then the product. */
static double start_of(double fps, size_t i)
{
    return floor((double)i * (80.0 / fps));
}

size_t vis_mel_chunk_count(size_t rows, double fps)
{
    if (rows < VIS_MEL_CHUNK)
        return 0;
    double last = (double)(rows - VIS_MEL_CHUNK);
    double guess = floor(last / 80.0 * fps);
    size_t i = guess > 2 ? (size_t)guess - 2 : 0; /* near the end; before it for sure */
    while (start_of(fps, i) <= last)
        i++;
    return i + 1;
}

size_t vis_mel_chunk_start(size_t rows, double fps, size_t i)
{
    double last = (double)(rows - VIS_MEL_CHUNK);
    return (size_t)fmin(start_of(fps, i), last);
}
