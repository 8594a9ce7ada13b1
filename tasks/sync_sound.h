/* Sound -> audio embeddings, 25 a second, and how loud it is. */
#ifndef VIS_TASKS_SYNC_SOUND_H
#define VIS_TASKS_SYNC_SOUND_H

#include "tasks/sync_nets.h"

enum {
    VIS_SYNC_RATE = 25,                    /* windows a second */
    VIS_SYNC_STEP = 16000 / VIS_SYNC_RATE, /* samples from one to the next */
    VIS_SYNC_BLOCK = 30 * 16000            /* samples that are heard at a time */
};

/* Window j begins at sample 640 j. Features are made of blocks of 30 s with the 30 s before them:
 * log-mel rows are normalised over these, so a clip of up to 30 s exactly as its network was
 * trained, over the whole of it. Holds at most 61 s of samples and the embeddings that are not
 * dropped. */
struct vis_sync_sound;

/* nets: borrowed. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_sync_sound_open(struct vis_sync_sound **out, struct vis_sync_nets *nets,
                                  viseme_error *err);
void vis_sync_sound_close(struct vis_sync_sound *sound);

/* Takes samples, mono, 16000 a second; finish says that there are no more. Windows that would end
 * after the last sample are not made. */
viseme_status vis_sync_sound_push(struct vis_sync_sound *sound, const float *samples, size_t count,
                                  viseme_error *err);
viseme_status vis_sync_sound_finish(struct vis_sync_sound *sound, viseme_error *err);

/* Windows so far; whether there will be no more. */
size_t vis_sync_sound_count(const struct vis_sync_sound *sound);
int vis_sync_sound_finished(const struct vis_sync_sound *sound);
/* Embedding j; NULL where there is none, or when it was dropped. Lives until the next push. */
const float *vis_sync_sound_at(const struct vis_sync_sound *sound, ptrdiff_t j);
/* Embeddings before j are not needed any more. */
void vis_sync_sound_drop(struct vis_sync_sound *sound, size_t j);

/* Loudness of every 40 ms so far, in decibels of full scale (a mean square of 1 is 0 dB; silence
 * -200): [*count]. Lives until the next push. */
const float *vis_sync_sound_levels(const struct vis_sync_sound *sound, size_t *count);

/* Marks where speech may be: louder than -55 dB and than the loudest 5 % minus 25 dB.
 * speech [count]. A simple measure of energy: music and noise count, too. */
void vis_sync_speech(const float *levels, size_t count, uint8_t *speech);

#endif
