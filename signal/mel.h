/* The mel spectrogram that Wav2Lip listens to: rows of 80 numbers from -4 (silence) to 4, 80 a
 * second; row k is centred on sample 200 k. n samples give 1 + floor(n / 200) rows.
 * Source: Wav2Lip's audio.py and hparams.py on librosa 0.7.0 (which reflects the sound at its ends;
 * later ones pad with zeros). */
#ifndef VIS_SIGNAL_MEL_H
#define VIS_SIGNAL_MEL_H

#include "signal/features.h"

enum { VIS_MEL_BANDS = 80, VIS_MEL_PER_SECOND = 80, VIS_MEL_CHUNK = 16 };

/* Free with vis_features_close(). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_mel_open(struct vis_features **out, viseme_error *err);

/* Which 16 rows go with frame i of a video of `fps` frames a second (fps > 0, finite): those from
 * floor(80 i / fps) on. The original stops at the first frame whose rows would reach beyond the
 * last one, and gives it the last 16. */
/* The number of frames that it serves; 0 with fewer than 16 rows. */
size_t vis_mel_chunk_count(size_t rows, double fps);
/* The first row for frame i; for a frame beyond those, the last 16. rows >= 16. */
size_t vis_mel_chunk_start(size_t rows, double fps, size_t i);

#endif
