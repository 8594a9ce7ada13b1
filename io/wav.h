/* PCM WAV (RIFF) sound. */
#ifndef VIS_IO_WAV_H
#define VIS_IO_WAV_H

#include "viseme.h"

struct vis_sound {
    int rate, channels;
    int64_t frames;
    float *samples; /* [frames channels], PCM as -1 to 1; owned, free with vis_sound_free() */
};

/* Reads 8, 16, 24, 32-bit PCM or 32, 64-bit float WAV, WAVE_FORMAT_EXTENSIBLE included. Float
 * samples are kept as they are, beyond 1 too, but must be finite. At most 64 channels, 768 kHz and
 * 2^31 samples.
 * Returns VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_LIMIT or VISEME_ERR_NOMEM. */
viseme_status vis_wav_read(struct vis_sound *out, const char *path, viseme_error *err);
viseme_status vis_wav_parse(struct vis_sound *out, const void *bytes, size_t size, const char *name,
                            viseme_error *err);
void vis_sound_free(struct vis_sound *sound);

/* Writes 16-bit PCM through vis_output, samples clipped to [-1, 1], NaN as silence.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (rate, channels), VISEME_ERR_LIMIT (4 GiB),
 * VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_wav_write(const char *path, const struct vis_sound *sound, viseme_error *err);

#endif
