/* Sound of any media file as one stream of mono samples at a wanted rate, on the clock of the
 * file's pictures. */
#ifndef VIS_IO_AUDIO_H
#define VIS_IO_AUDIO_H

#include "viseme.h"

#define VIS_AUDIO_RATE 16000 /* what the networks hear */

struct vis_audio_options {
    int rate; /* of the samples wanted, 1000 to 192000; 0: VIS_AUDIO_RATE */
    /* Times as vis_frames_next() gives them for the same file. from_s: of the first sample. 0: the
     * time of the first picture that is shown, as the container states it; of a file without
     * pictures, its beginning. Whoever has read a picture gives its very time. to_s: samples
     * before it; 0: to the end. */
    double from_s, to_s;
};

struct vis_audio_info {
    const char *codec;  /* such as "aac"; lives as long as the stream */
    int rate, channels; /* of the file */
    double start_s;     /* the time of the first sample given out */
    double duration_s;  /* of the file's sound, 0 when unknown */
};

struct vis_audio;

/* Opens the best sound of a regular file: the stream that the file states as default, else the one
 * with the most channels. Any channels are mixed to one by the usual rules, whose weights never sum
 * up to more than 1. Sample i is of the time start_s + i / rate: where sound is missing or begins
 * late there is silence, what comes too early is dropped; deviations of less than 20 ms from the
 * file's times are not corrected, as they are rounded in many files. Start times and edit lists
 * count. The sound is given out to its own end, which may differ from the pictures'. opts may be
 * NULL. A build without FFmpeg reads WAV only, at the rate wanted.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (the options), VISEME_ERR_INPUT (missing, unreadable, not
 * a media file), VISEME_ERR_NO_AUDIO (no sound stream; one of no samples, or none from from_s to
 * to_s; nothing of it can be decoded), VISEME_ERR_LIMIT (64 channels, 768 kHz, 6 hours) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_audio_open(struct vis_audio **out, const char *path,
                             const struct vis_audio_options *opts, viseme_error *err);
void vis_audio_close(struct vis_audio *audio);

void vis_audio_get_info(const struct vis_audio *audio, struct vis_audio_info *info);

/* The next samples, mostly from -1 to 1 and always finite; at least one, *count is 0 at the end.
 * They belong to the stream and live until the next call. Damage in the middle is silence.
 * Returns VISEME_OK, VISEME_ERR_INPUT (reading failed), VISEME_ERR_LIMIT or VISEME_ERR_NOMEM. */
viseme_status vis_audio_next(struct vis_audio *audio, const float **samples, size_t *count,
                             viseme_error *err);

#endif
