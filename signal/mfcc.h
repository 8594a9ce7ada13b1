/* Mel-frequency cepstral coefficients as python_speech_features computes them by default: what
 * SyncNet listens to. Rows of 13 numbers, 100 a second: row k is of the samples 160 k to
 * 160 k + 399; the last one is filled with zeros. n samples give 1 row up to 400, else
 * 1 + ceil((n - 400) / 160).
 * Source: python_speech_features 0.6.1, mfcc(signal, 16000). */
#ifndef VIS_SIGNAL_MFCC_H
#define VIS_SIGNAL_MFCC_H

#include "signal/features.h"

enum { VIS_MFCC_COUNT = 13, VIS_MFCC_PER_SECOND = 100 };

/* Numbers of row k: the logarithm of the frame's energy, then cepstral coefficients 1 to 12.
 * Free with vis_features_close(). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_mfcc_open(struct vis_features **out, viseme_error *err);

#endif
