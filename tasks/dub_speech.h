/* What a dubber hears: the rows of mel that go with a time, and whether anybody speaks then. */
#ifndef VIS_TASKS_DUB_SPEECH_H
#define VIS_TASKS_DUB_SPEECH_H

#include "base/error.h"
#include "signal/mel.h"

struct vis_dub_speech;

/* Free with vis_dub_speech_free(). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_dub_speech_open(struct vis_dub_speech **out, viseme_error *err);
void vis_dub_speech_free(struct vis_dub_speech *s);

/* The next samples, 16000 a second. Returns VISEME_OK, VISEME_ERR_ARGUMENT (after the end) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_dub_speech_push(struct vis_dub_speech *s, const float *samples, size_t count,
                                  viseme_error *err);
/* There are no more. Returns VISEME_OK, VISEME_ERR_INPUT (there were none), VISEME_ERR_ARGUMENT (a
 * second time) or VISEME_ERR_NOMEM. */
viseme_status vis_dub_speech_end(struct vis_dub_speech *s, viseme_error *err);
int vis_dub_speech_ended(const struct vis_dub_speech *s);

/* Whether all that belongs to a time is here: 0.3 s after it, or the end. */
int vis_dub_speech_ready(struct vis_dub_speech *s, double time_s);

/* The 16 rows from floor(80 time_s) on as networks take them, out [80 16]; near the end and beyond
 * it the last 16. Of speech shorter than these the rest is silence. */
void vis_dub_speech_chunk(struct vis_dub_speech *s, double time_s, float *out);

/* No time before this one will be asked for. */
void vis_dub_speech_forget(struct vis_dub_speech *s, double time_s);

/* How much somebody speaks: 1 up to 0.15 s from voice, 0 from 0.3 s on, in between in proportion.
 * Voice is a piece of 12.5 ms above -60 dB of full scale and at most 35 dB below the loudest one
 * up to then. */
double vis_dub_speech_voice(struct vis_dub_speech *s, double time_s);

#endif
