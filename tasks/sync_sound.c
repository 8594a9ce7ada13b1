#include "tasks/sync_sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/logmel.h"
#include "signal/mfcc.h"

#define QUIET_DB -55.0f
#define RANGE_DB 25.0f

enum {
    ROW = 160,                  /* samples from one row of features to the next */
    MARGIN = 4 * VIS_SYNC_STEP, /* samples: rows whose frames reach beyond a cut are not used */
    SPAN = VIS_SYNC_WINDOW * VIS_SYNC_STEP /* samples of a window */
};

struct vis_sync_sound {
    struct vis_sync_nets *nets;
    float *samples; /* [sample_count] from sample `start` of the sound on */
    size_t sample_count, sample_room, start;
    size_t heard;      /* windows whose embeddings were made */
    float *embeddings; /* [kept_count size], of windows `kept` on */
    size_t kept, kept_count, kept_room;
    float *levels;
    size_t level_count, level_room;
    double energy; /* of the 40 ms that are not complete */
    size_t energy_count;
    int finished;
};

viseme_status vis_sync_sound_open(struct vis_sync_sound **out, struct vis_sync_nets *nets,
                                  viseme_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return vis_fail_nomem(err, sizeof **out);
    (*out)->nets = nets;
    return VISEME_OK;
}

void vis_sync_sound_close(struct vis_sync_sound *s)
{
    if (!s)
        return;
    free(s->samples);
    free(s->embeddings);
    free(s->levels);
    free(s);
}

/* Room for `count` more elements of `size` bytes in a growing array. */
static viseme_status reserve(float **array, size_t count, size_t more, size_t *room, size_t size,
                             viseme_error *err)
{
    if (count + more <= *room)
        return VISEME_OK;
    const size_t wanted = count + more > 2 * *room ? count + more : 2 * *room;
    float *p = realloc(*array, wanted * size);
    if (!p)
        return vis_fail_nomem(err, wanted * size);
    *array = p;
    *room = wanted;
    return VISEME_OK;
}

/* ---- Loudness ---------------------------------------------------------------------------------
 */

static viseme_status note_levels(struct vis_sync_sound *s, const float *samples, size_t count,
                                 viseme_error *err)
{
    viseme_status status = reserve(&s->levels, s->level_count, count / VIS_SYNC_STEP + 2,
                                   &s->level_room, sizeof(float), err);
    if (status != VISEME_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        s->energy += (double)samples[i] * (double)samples[i];
        if (++s->energy_count < VIS_SYNC_STEP)
            continue;
        s->levels[s->level_count++] = (float)(10 * log10(fmax(s->energy / VIS_SYNC_STEP, 1e-20)));
        s->energy = 0;
        s->energy_count = 0;
    }
    return VISEME_OK;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void vis_sync_speech(const float *levels, size_t count, uint8_t *speech)
{
    float *sorted = count ? malloc(count * sizeof *sorted) : NULL;
    float loud = 0;
    if (sorted) { /* without memory, all that is not quiet */
        memcpy(sorted, levels, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, ascending);
        loud = sorted[(count - 1) * 19 / 20] - RANGE_DB;
    }
    for (size_t i = 0; i < count; i++)
        speech[i] = levels[i] > QUIET_DB && (!sorted || levels[i] > loud);
    free(sorted);
}

const float *vis_sync_sound_levels(const struct vis_sync_sound *s, size_t *count)
{
    *count = s->level_count;
    return s->levels;
}

/* ---- Embeddings -------------------------------------------------------------------------------
 */

/* Features of all samples that are held. */
static viseme_status make_rows(const struct vis_sync_sound *s, struct vis_features **out,
                               viseme_error *err)
{
    const int logmel = vis_sync_nets_logmel(s->nets);
    viseme_status status = logmel ? vis_logmel_open(out, err) : vis_mfcc_open(out, err);
    if (status == VISEME_OK)
        status = vis_features_push(*out, s->samples, s->sample_count, err);
    if (status == VISEME_OK)
        status = vis_features_finish(*out, err);
    if (status == VISEME_OK && logmel) {
        size_t rows;
        float *first = vis_features_rows(*out, &rows);
        vis_logmel_normalise(first, rows);
    }
    return status;
}

/* Makes the embeddings of windows s->heard to `end`. */
static viseme_status hear(struct vis_sync_sound *s, size_t end, viseme_error *err)
{
    struct vis_features *features = NULL;
    const size_t skip = vis_sync_nets_logmel(s->nets) ? VIS_LOGMEL_SKIP : 0;
    size_t rows = 0;
    if (s->heard >= end)
        return VISEME_OK;
    viseme_status status = make_rows(s, &features, err);
    const float *row = status == VISEME_OK ? vis_features_rows(features, &rows) : NULL;
    while (status == VISEME_OK && s->heard < end) {
        size_t starts[VIS_SYNC_BATCH];
        const float *made;
        int n = 0;
        for (; n < VIS_SYNC_BATCH && s->heard + (size_t)n < end; n++) {
            starts[n] = (s->heard + (size_t)n) * (VIS_SYNC_STEP / ROW) - s->start / ROW + skip;
            if (starts[n] + VIS_SYNC_FEATURES + skip > rows) /* log-mel drops the last row, too */
                break;
        }
        if (n == 0)
            break;
        status = vis_sync_nets_hear(s->nets, row, starts, n, &made, err);
        const size_t size = (size_t)vis_sync_nets_size(s->nets);
        if (status == VISEME_OK)
            status = reserve(&s->embeddings, s->kept_count, (size_t)n, &s->kept_room,
                             size * sizeof(float), err);
        if (status != VISEME_OK)
            break;
        memcpy(s->embeddings + s->kept_count * size, made, (size_t)n * size * sizeof(float));
        s->kept_count += (size_t)n;
        s->heard += (size_t)n;
    }
    vis_features_close(features);
    return status;
}

/* Windows whose samples, and those around them, are held; all that there are at the end. */
static size_t complete(const struct vis_sync_sound *s)
{
    const size_t end = s->start + s->sample_count, margin = s->finished ? 0 : MARGIN;
    return end < SPAN + margin ? 0 : (end - SPAN - margin) / VIS_SYNC_STEP + 1;
}

/* Hears a block and forgets what lies more than a block before the next one. */
static viseme_status hear_block(struct vis_sync_sound *s, viseme_error *err)
{
    viseme_status status = hear(s, complete(s), err);
    const size_t next = s->heard * VIS_SYNC_STEP;
    if (status == VISEME_OK && next > s->start + VIS_SYNC_BLOCK) {
        const size_t gone = next - VIS_SYNC_BLOCK - s->start;
        s->sample_count -= gone;
        memmove(s->samples, s->samples + gone, s->sample_count * sizeof(float));
        s->start += gone;
    }
    return status;
}

viseme_status vis_sync_sound_push(struct vis_sync_sound *s, const float *samples, size_t count,
                                  viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (count > 0 && status == VISEME_OK) {
        const size_t begun = s->heard * VIS_SYNC_STEP;
        const size_t held = s->start + s->sample_count - begun,
                     full = VIS_SYNC_BLOCK + SPAN + MARGIN;
        const size_t n = count < full - held ? count : full - held;
        status = reserve(&s->samples, s->sample_count, n, &s->sample_room, sizeof(float), err);
        if (status == VISEME_OK)
            status = note_levels(s, samples, n, err);
        if (status != VISEME_OK)
            break;
        memcpy(s->samples + s->sample_count, samples, n * sizeof(float));
        s->sample_count += n;
        samples += n;
        count -= n;
        if (held + n == full)
            status = hear_block(s, err);
    }
    return status;
}

viseme_status vis_sync_sound_finish(struct vis_sync_sound *s, viseme_error *err)
{
    s->finished = 1;
    return hear(s, complete(s), err);
}

size_t vis_sync_sound_count(const struct vis_sync_sound *s)
{
    return s->heard;
}

int vis_sync_sound_finished(const struct vis_sync_sound *s)
{
    return s->finished;
}

const float *vis_sync_sound_at(const struct vis_sync_sound *s, ptrdiff_t j)
{
    if (j < (ptrdiff_t)s->kept || j >= (ptrdiff_t)(s->kept + s->kept_count))
        return NULL;
    return s->embeddings + (size_t)(j - (ptrdiff_t)s->kept) * (size_t)vis_sync_nets_size(s->nets);
}

void vis_sync_sound_drop(struct vis_sync_sound *s, size_t j)
{
    enum { WORTH = 256 }; /* moving memory for */
    if (j < s->kept + WORTH || s->kept_count == 0)
        return;
    const size_t gone = j - s->kept < s->kept_count ? j - s->kept : s->kept_count;
    const size_t size = (size_t)vis_sync_nets_size(s->nets) * sizeof(float);
    s->kept_count -= gone;
    memmove(s->embeddings, (const char *)s->embeddings + gone * size, s->kept_count * size);
    s->kept += gone;
}
