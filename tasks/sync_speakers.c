/* Who speaks when, and the getters of the sync task.
 *
 * A face speaks where there is speech, its own offset is known, and its cosines with the sound at
 * that offset, through a running median of nine, stand out: by a third of what they do on average
 * over the face, and more than those of any other face at that time. */
#include "tasks/sync_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE     25.0
#define FRAME_MS 40.0
#define SHARE    (1.0 / 3)

enum { LEAST_SPAN = 8, JOIN = 8 }; /* rows */

/* A face's framewise score, from the middle of its windows. */
struct score {
    const struct vis_sync_track *track;
    float *above;  /* [rows] cosine over the mean of all offsets, smoothed */
    float typical; /* its mean */
};

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median_of(float *x, size_t n)
{
    if (n == 0)
        return 0;
    qsort(x, n, sizeof x[0], ascending);
    return x[(n - 1) / 2];
}

static viseme_status make_score(struct score *score, const struct vis_sync_track *t,
                                viseme_error *err)
{
    const struct vis_sync_pairs *p = &t->pairs;
    const size_t rows = p->rows, width = 2 * (size_t)p->reach + 1;
    int offset = (int)lround(t->told.offset_ms / FRAME_MS);
    double sum = 0;
    size_t n = 0;
    *score = (struct score){.track = t, .above = malloc((rows + 1) * sizeof(float))};
    float *raw = malloc((rows + 1) * sizeof *raw);
    if (!score->above || !raw) {
        free(raw);
        return vis_fail_nomem(err, (rows + 1) * sizeof *raw);
    }
    offset = offset < -p->reach ? -p->reach : offset > p->reach ? p->reach : offset;
    for (size_t r = 0; r < rows; r++) {
        const float *row = p->cosine + r * width, here = row[(size_t)(p->reach - offset)];
        float all = 0;
        size_t count = 0;
        for (size_t k = 0; k < width; k++)
            if (!isnan(row[k])) {
                all += row[k];
                count++;
            }
        raw[r] = isnan(here) ? 0 : here - all / (float)count;
        sum += (double)raw[r];
        n += !isnan(here);
    }
    score->typical = n ? (float)(sum / (double)n) : 0;
    for (size_t r = 0; r < rows; r++) {
        float near[VIS_SYNC_MEDIAN];
        size_t count = 0;
        const size_t half = VIS_SYNC_MEDIAN / 2, from = r < half ? 0 : r - half;
        for (size_t k = from; k < rows && k <= r + half; k++)
            near[count++] = raw[k];
        score->above[r] = median_of(near, count);
    }
    free(raw);
    return VISEME_OK;
}

/* The score at a time in frames, minus infinity where the face is not there. */
static float score_at(const struct score *score, int64_t index)
{
    const int64_t r = index - VIS_SYNC_WINDOW / 2 - score->track->first;
    return r >= 0 && r < (int64_t)score->track->pairs.rows ? score->above[r] : -HUGE_VALF;
}

static int speaks(const viseme_sync *s, const struct score *scores, size_t count, size_t who,
                  int64_t index)
{
    const float own = score_at(&scores[who], index);
    if (index < 0 || index >= (int64_t)s->speech_count || !s->speech[index] ||
        !(own > (float)SHARE * scores[who].typical))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (i != who && score_at(&scores[i], index) > own)
            return 0;
    return 1;
}

static viseme_status add_span(viseme_sync *s, struct vis_sync_track *t, int64_t from, int64_t to,
                              viseme_error *err)
{
    if (to - from < LEAST_SPAN)
        return VISEME_OK;
    if (s->span_count == s->span_room) {
        const size_t room = s->span_room ? 2 * s->span_room : 32;
        viseme_sync_span *p = realloc(s->spans, room * sizeof *p);
        if (!p)
            return vis_fail_nomem(err, room * sizeof *p);
        s->spans = p;
        s->span_room = room;
    }
    const double start = vis_sync_faces_start(s->faces);
    s->spans[s->span_count++] = (viseme_sync_span){
        .face = t->id, .start_s = start + (double)from / RATE, .end_s = start + (double)to / RATE};
    t->told.speaking_s += (double)(to - from) / RATE;
    return VISEME_OK;
}

static int by_start(const void *a, const void *b)
{
    const viseme_sync_span *p = a, *q = b;
    return p->start_s != q->start_s ? (p->start_s > q->start_s) - (p->start_s < q->start_s)
                                    : (p->face > q->face) - (p->face < q->face);
}

/* Stretches of frames in which one face speaks; pauses of up to a third of a second belong to
 * them. */
static viseme_status find_spans(viseme_sync *s, const struct score *scores, size_t count,
                                size_t who, viseme_error *err)
{
    struct vis_sync_track *t = NULL;
    int64_t from = 0, last = 0;
    int open = 0;
    viseme_status status = VISEME_OK;
    for (size_t i = 0; i < s->track_count; i++)
        if (&s->tracks[i] == scores[who].track)
            t = &s->tracks[i];
    const int64_t end = t->first + (int64_t)t->pairs.rows + VIS_SYNC_WINDOW / 2;
    for (int64_t i = t->first; i <= end && status == VISEME_OK; i++) {
        if (i < end && speaks(s, scores, count, who, i)) {
            from = open ? from : i;
            last = i;
            open = 1;
        } else if (open && (i == end || i - last > JOIN)) {
            status = add_span(s, t, from, last + 1, err);
            open = 0;
        }
    }
    return status;
}

viseme_status vis_sync_tell_spans(viseme_sync *s, viseme_error *err)
{
    struct score *scores = calloc(s->track_count + 1, sizeof *scores);
    size_t count = 0;
    viseme_status status =
        scores ? VISEME_OK : vis_fail_nomem(err, (s->track_count + 1) * sizeof *scores);
    for (size_t i = 0; i < s->track_count && status == VISEME_OK; i++)
        if (s->tracks[i].told.reason == VISEME_SYNC_KNOWN)
            status = make_score(&scores[count++], &s->tracks[i], err);
    for (size_t i = 0; i < count && status == VISEME_OK; i++)
        status = find_spans(s, scores, count, i, err);
    if (s->span_count > 0)
        qsort(s->spans, s->span_count, sizeof *s->spans, by_start);
    for (size_t i = 0; i < count; i++)
        free(scores[i].above);
    free(scores);
    return status;
}

/* ---- Getters ----------------------------------------------------------------------------------
 */

const double *viseme_sync_curve(const viseme_sync *s, int *first, size_t *count)
{
    if (!s || !first || !count || s->curve_range < 0)
        return NULL;
    *first = -s->curve_range;
    *count = 2 * (size_t)s->curve_range + 1;
    return s->curve;
}

int viseme_sync_get_face(const viseme_sync *s, size_t i, viseme_sync_face *face)
{
    if (!s || !face || i >= s->track_count)
        return 0;
    *face = s->tracks[i].told;
    return 1;
}

int viseme_sync_get_window(const viseme_sync *s, size_t i, viseme_sync_window *window)
{
    if (!s || !window || i >= s->window_count)
        return 0;
    *window = s->windows[i];
    return 1;
}

int viseme_sync_get_step(const viseme_sync *s, size_t i, viseme_sync_step *step)
{
    if (!s || !step || i >= s->result.steps)
        return 0;
    *step = s->steps[i];
    return 1;
}

int viseme_sync_get_span(const viseme_sync *s, size_t i, viseme_sync_span *span)
{
    if (!s || !span || i >= s->span_count)
        return 0;
    *span = s->spans[i];
    return 1;
}

const float *viseme_sync_similarity(const viseme_sync *s, size_t i, size_t *rows, size_t *columns,
                                    double *start_s)
{
    if (!s || !rows || !columns || !start_s || i >= s->track_count)
        return NULL;
    const struct vis_sync_track *t = &s->tracks[i];
    *rows = t->pairs.rows;
    *columns = 2 * (size_t)t->pairs.reach + 1;
    *start_s = vis_sync_faces_start(s->faces) + (double)t->first / RATE;
    return t->pairs.cosine;
}
