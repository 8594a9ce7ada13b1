#include "tasks/dub_speech.h"

#include <math.h>
#include <stdlib.h>

enum {
    HOP = VIS_FEATURES_RATE / VIS_MEL_PER_SECOND, /* samples of a piece, 12.5 ms */
    REACH = 24,                                   /* pieces: 0.3 s */
    NEAR = 12,
    DROPPED = 800 /* rows at a time: 10 s */
};
#define SILENT_POWER 1e-6   /* -60 dB of full scale */
#define VOICE_SHARE  3.2e-4 /* 35 dB below the loudest */
#define SILENT_MEL   -4.0f

/* Mean power of a piece, and the largest so far. */
struct level {
    float power, peak;
};

struct vis_dub_speech {
    struct vis_features *mel;
    size_t dropped; /* rows of it that are forgotten */
    struct level *levels;
    size_t count, room;
    double power; /* of the piece that is not complete: the sum of its squares */
    int in_piece; /* samples of it */
    int any, ended;
};

viseme_status vis_dub_speech_open(struct vis_dub_speech **out, viseme_error *err)
{
    struct vis_dub_speech *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    viseme_status status = vis_mel_open(&s->mel, err);
    if (status != VISEME_OK) {
        free(s);
        return status;
    }
    *out = s;
    return VISEME_OK;
}

void vis_dub_speech_free(struct vis_dub_speech *s)
{
    if (s) {
        vis_features_close(s->mel);
        free(s->levels);
        free(s);
    }
}

static viseme_status end_piece(struct vis_dub_speech *s, viseme_error *err)
{
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 1024;
        struct level *levels = realloc(s->levels, room * sizeof *levels);
        if (!levels)
            return vis_fail_nomem(err, room * sizeof *levels);
        s->levels = levels;
        s->room = room;
    }
    const float power = (float)(s->power / HOP);
    const float before = s->count ? s->levels[s->count - 1].peak : 0;
    s->levels[s->count++] = (struct level){power, power > before ? power : before};
    s->power = 0;
    s->in_piece = 0;
    return VISEME_OK;
}

viseme_status vis_dub_speech_push(struct vis_dub_speech *s, const float *samples, size_t count,
                                  viseme_error *err)
{
    viseme_status status = vis_features_push(s->mel, samples, count, err);
    for (size_t i = 0; i < count && status == VISEME_OK; i++) {
        const double x = isfinite(samples[i]) ? samples[i] : 0;
        s->power += x * x;
        s->any = 1;
        if (++s->in_piece == HOP)
            status = end_piece(s, err);
    }
    return status;
}

viseme_status vis_dub_speech_end(struct vis_dub_speech *s, viseme_error *err)
{
    viseme_status status = vis_features_finish(s->mel, err);
    if (status != VISEME_OK)
        return status;
    s->ended = 1;
    if (!s->any)
        return vis_fail(err, VISEME_ERR_INPUT, "the speech has no samples");
    return s->in_piece > 0 ? end_piece(s, err) : VISEME_OK;
}

int vis_dub_speech_ended(const struct vis_dub_speech *s)
{
    return s->ended;
}

/* The number of the piece and of the row of mel at a time. A frame's time is rounded on its way
 * here: what is a millionth below a whole number is meant to be it. */
static size_t index_of(double time_s)
{
    return time_s > 0 ? (size_t)floor(time_s * VIS_MEL_PER_SECOND + 1e-6) : 0;
}

int vis_dub_speech_ready(struct vis_dub_speech *s, double time_s)
{
    const size_t i = index_of(time_s);
    size_t rows;
    if (s->ended)
        return 1;
    vis_features_rows(s->mel, &rows);
    return s->dropped + rows >= i + VIS_MEL_CHUNK && s->count > i + REACH;
}

void vis_dub_speech_chunk(struct vis_dub_speech *s, double time_s, float *out)
{
    size_t rows, first = index_of(time_s);
    const float *mel = vis_features_rows(s->mel, &rows);
    first = first > s->dropped ? first - s->dropped : 0;
    if (first + VIS_MEL_CHUNK > rows)
        first = rows > VIS_MEL_CHUNK ? rows - VIS_MEL_CHUNK : 0;
    for (size_t row = 0; row < VIS_MEL_CHUNK; row++)
        for (size_t band = 0; band < VIS_MEL_BANDS; band++)
            out[band * VIS_MEL_CHUNK + row] =
                first + row < rows ? mel[(first + row) * VIS_MEL_BANDS + band] : SILENT_MEL;
}

void vis_dub_speech_forget(struct vis_dub_speech *s, double time_s)
{
    const size_t i = index_of(time_s);
    size_t rows, count = i > s->dropped ? i - s->dropped : 0;
    vis_features_rows(s->mel, &rows);
    if (count + VIS_MEL_CHUNK > rows) /* the last ones may be asked for at any time */
        count = rows > VIS_MEL_CHUNK ? rows - VIS_MEL_CHUNK : 0;
    if (count < DROPPED)
        return;
    vis_features_drop(s->mel, count);
    s->dropped += count;
}

double vis_dub_speech_voice(struct vis_dub_speech *s, double time_s)
{
    const size_t at = index_of(time_s), last = at + REACH;
    if (s->count == 0)
        return 0;
    const float peak = s->levels[last < s->count ? last : s->count - 1].peak;
    const float least = fmaxf((float)SILENT_POWER, (float)VOICE_SHARE * peak);
    int distance = REACH;
    for (int d = 0; d < distance; d++)
        if ((at + (size_t)d < s->count && s->levels[at + (size_t)d].power > least) ||
            ((size_t)d <= at && at - (size_t)d < s->count &&
             s->levels[at - (size_t)d].power > least))
            distance = d;
    return distance <= NEAR ? 1 : (double)(REACH - distance) / (REACH - NEAR);
}
