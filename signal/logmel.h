/* Logarithms of 40 mel bands: what SyncNets of the end-to-end kind listen to. Rows of 40 numbers,
 * 100 a second; row k is centred on sample 160 k. n samples give 1 + floor(n / 160) rows.
 * Source: syncnet_trainer's SyncNetModelFBank: torchaudio's MelSpectrogram of 16-bit samples
 * (512 points, a Hann window of 400, power, 0 to 8000 Hz, 2595 log10(1 + f / 700), no filter
 * normalisation), natural logarithm of it plus 1e-6. */
#ifndef VIS_SIGNAL_LOGMEL_H
#define VIS_SIGNAL_LOGMEL_H

#include "signal/features.h"

enum {
    VIS_LOGMEL_BANDS = 40,
    VIS_LOGMEL_PER_SECOND = 100,
    /* The first row that is used, and how many at the end are not: the windows of a network begin
     * at row 1 + 4 t for the video frames t .. t + 4 at 25 a second. */
    VIS_LOGMEL_SKIP = 1
};

/* Free with vis_features_close(). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_logmel_open(struct vis_features **out, viseme_error *err);

/* Gives every band mean 0 and variance 1 over all rows, in place: (x - mean) / sqrt(variance +
 * 1e-5) with the variance of the population; rows [count 40]. The original does so before it drops
 * the first and the last row. One row becomes all zeros. */
void vis_logmel_normalise(float *rows, size_t count);

#endif
