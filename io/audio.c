#include "io/audio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/audio_source.h"
#include "io/frames.h"
#include "io/wav.h"

#if !VIS_FFMPEG
/* ---- WAV, all that a build without FFmpeg reads ------------------------------------------ */

struct wav_sound {
    struct vis_sound sound;
    int64_t at;
    double start_s;
    float block[4096];
};

static void wav_info(const void *self, struct vis_audio_info *info)
{
    const struct wav_sound *w = self;
    *info = (struct vis_audio_info){.codec = "pcm",
                                    .rate = w->sound.rate,
                                    .channels = w->sound.channels,
                                    .start_s = w->start_s,
                                    .duration_s = (double)w->sound.frames / w->sound.rate};
}

static viseme_status wav_next(void *self, float **samples, size_t *count, viseme_error *err)
{
    struct wav_sound *w = self;
    int channels = w->sound.channels;
    (void)err;
    for (*count = 0; *count < sizeof w->block / sizeof *w->block && w->at < w->sound.frames;
         ++*count, w->at++) {
        double sum = 0;
        for (int c = 0; c < channels; c++)
            sum += w->sound.samples[w->at * channels + c];
        w->block[*count] = (float)(sum / channels);
    }
    *samples = w->block;
    return VISEME_OK;
}

static void wav_close(void *self)
{
    struct wav_sound *w = self;
    vis_sound_free(&w->sound);
    free(w);
}

static const struct vis_audio_ops wav_ops = {wav_info, wav_next, wav_close};

viseme_status vis_audio_open_media(struct vis_audio *audio, const char *path,
                                   const struct vis_audio_options *opts, viseme_error *err)
{
    struct wav_sound *w = calloc(1, sizeof *w);
    viseme_status status;

    if (!w)
        return vis_fail_nomem(err, sizeof *w);
    audio->ops = &wav_ops;
    audio->self = w;
    status = vis_wav_read(&w->sound, path, err);
    if (status != VISEME_OK)
        return status;
    if (w->sound.rate != opts->rate)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: is a WAV of %d Hz; this build of viseme has no FFmpeg and reads sound "
                        "as WAV of %d Hz only",
                        path, w->sound.rate, opts->rate);
    w->at = llrint(fmin(opts->from_s * opts->rate, (double)w->sound.frames));
    w->start_s = opts->from_s;
    return VISEME_OK;
}
#endif

/* ---- Streams ----------------------------------------------------------------------------- */

static viseme_status check_options(struct vis_audio_options *o, viseme_error *err)
{
    if (o->rate == 0)
        o->rate = VIS_AUDIO_RATE;
    if (o->rate < 1000 || o->rate > 192000)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sound can be had at 1000 to 192000 Hz, not %d",
                        o->rate);
    if (!(o->from_s >= 0 && isfinite(o->from_s)) || !(o->to_s == 0 || o->to_s > o->from_s))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "the part from %.3f s to %.3f s has no beginning or no length", o->from_s,
                        o->to_s);
    return VISEME_OK;
}

/* Reads the first samples, so that whoever opens a file without sound knows. */
static viseme_status begin(struct vis_audio *a, const struct vis_audio_options *o,
                           viseme_error *err)
{
    struct vis_audio_info info;

    a->ops->get_info(a->self, &info);
    a->limit = VIS_FRAMES_MAX_SECONDS * o->rate;
    a->most = INT64_MAX;
    if (o->to_s > 0) /* sample i is of the time start_s + i / rate; before to_s, but for rounding */
        a->most = llrint(ceil(fmin(a->limit, fmax(0, (o->to_s - info.start_s) * o->rate)) - 1e-3));
    viseme_status status = a->ops->next(a->self, &a->first, &a->first_count, err);
    if (status != VISEME_OK)
        return status;
    if (a->first_count > 0 && a->most > 0)
        return VISEME_OK;
    if (o->from_s > 0 || o->to_s > 0)
        return vis_fail(err, VISEME_ERR_NO_AUDIO,
                        "%s: it has no sound in the part that was asked for, from %.3f s on",
                        a->path, info.start_s);
    return vis_fail(err, VISEME_ERR_NO_AUDIO, "%s: its sound is 0 seconds long", a->path);
}

viseme_status vis_audio_open(struct vis_audio **out, const char *path,
                             const struct vis_audio_options *opts, viseme_error *err)
{
    struct vis_audio_options o = opts ? *opts : (struct vis_audio_options){0};
    struct vis_audio *a;
    viseme_status status = check_options(&o, err);

    *out = NULL;
    if (status != VISEME_OK)
        return status;
    a = calloc(1, sizeof *a);
    if (!a || !(a->path = strdup(path))) {
        free(a);
        return vis_fail_nomem(err, sizeof *a);
    }
    status = vis_audio_open_media(a, a->path, &o, err);
    if (status == VISEME_OK)
        status = begin(a, &o, err);
    if (status != VISEME_OK) {
        vis_audio_close(a);
        return status;
    }
    *out = a;
    return VISEME_OK;
}

void vis_audio_close(struct vis_audio *audio)
{
    if (!audio)
        return;
    if (audio->self)
        audio->ops->close(audio->self);
    free(audio->path);
    free(audio);
}

void vis_audio_get_info(const struct vis_audio *audio, struct vis_audio_info *info)
{
    audio->ops->get_info(audio->self, info);
}

viseme_status vis_audio_next(struct vis_audio *audio, const float **samples, size_t *count,
                             viseme_error *err)
{
    float *block = audio->first;
    viseme_status status = VISEME_OK;

    *samples = NULL;
    *count = audio->first_count;
    audio->first_count = 0;
    if (*count == 0 && audio->given < audio->most)
        status = audio->ops->next(audio->self, &block, count, err);
    if (status != VISEME_OK)
        return status;
    if ((int64_t)*count > audio->most - audio->given)
        *count = (size_t)(audio->most - audio->given);
    audio->given += (int64_t)*count;
    if ((double)audio->given > audio->limit)
        return vis_fail(err, VISEME_ERR_LIMIT, "%s: its sound is longer than the limit of %g hours",
                        audio->path, VIS_FRAMES_MAX_SECONDS / 3600);
    for (size_t i = 0; i < *count; i++)
        if (!isfinite(block[i]))
            block[i] = 0;
    *samples = block;
    return VISEME_OK;
}
