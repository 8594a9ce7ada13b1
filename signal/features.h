/* Sound -> rows of numbers that networks listen to: short overlapping frames, their spectra, sums
 * over bands, and what a kind of features makes of them. Samples come in blocks of any size, and
 * the rows do not depend on how they were cut; a minute of rows takes 300 KB to 2 MB.
 * The kinds are in signal/mfcc.h, signal/mel.h and signal/logmel.h. */
#ifndef VIS_SIGNAL_FEATURES_H
#define VIS_SIGNAL_FEATURES_H

#include "base/error.h"

#define VIS_FEATURES_RATE 16000 /* samples a second that every kind wants */

struct vis_features;

void vis_features_close(struct vis_features *f);

/* Takes the next samples, -1 to 1; they are rounded to 16 bits first, as the original networks
 * heard what had been in a 16-bit WAV file (x * 32768, ties to even, clipped; NaN is silence).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (after vis_features_finish()) or VISEME_ERR_NOMEM. */
viseme_status vis_features_push(struct vis_features *f, const float *samples, size_t count,
                                viseme_error *err);

/* Says that there are no more samples, which the last rows wait for. No samples at all give no
 * rows. Returns VISEME_OK, VISEME_ERR_ARGUMENT (a second time) or VISEME_ERR_NOMEM. */
viseme_status vis_features_finish(struct vis_features *f, viseme_error *err);

/* The rows so far, [*count width]; they live until the next call that changes f. Not NULL. */
float *vis_features_rows(struct vis_features *f, size_t *count);
/* Forgets the first `count` of these rows, fewer than there are, so that sound may go on for ever:
 * row `count` is row 0 from now on. */
void vis_features_drop(struct vis_features *f, size_t count);
/* Numbers in a row. */
int vis_features_width(const struct vis_features *f);

/* What a kind of features is made of. */
struct vis_features_kind {
    int span, step; /* samples of a frame, and from one frame to the next; step < span / 2 */
    int fft;        /* points, even, >= span; zeros behind the frame */
    int centred;    /* 1: frame k is centred on sample k * step, span is even, and the sound is
                       reflected at both ends; 0: it begins there, and zeros follow the last */
    int hann;       /* points of a periodic Hann window in the middle of the frame; 0: all ones */
    double preemphasis; /* y[n] = x[n] - preemphasis x[n - 1], y[0] = x[0] */
    double full_scale;  /* what a sample of 1 counts */
    int magnitude;      /* 1: spectra are |X|; 0: |X|^2 / power_divisor */
    double power_divisor;
    int bands;
    double (*weight)(int band, int bin); /* of a spectrum's value in a band's sum; >= 0 */
    int width;                           /* of a row */
    size_t table_size;                   /* numbers that the kind keeps for row(), or 0 */
    void (*fill)(double *table);
    /* bands [bands], energy: the sum of the spectrum; out [width]. */
    void (*row)(const double *table, const double *bands, double energy, float *out);
};

/* kind: must outlive the features. Free with vis_features_close().
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_features_open(struct vis_features **out, const struct vis_features_kind *kind,
                                viseme_error *err);

#endif
