#include "tasks/sync_offset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As torch.nn.functional.pairwise_distance, whose result the published scores are. */
#define DISTANCE_EPS 1e-6
/* As torch.nn.functional.cosine_similarity. */
#define COSINE_EPS 1e-8

enum {
    WIDTH = 2 * VIS_SYNC_MAX_REACH + 1,
    SHARED = 5, /* rows that have a picture in common */
    LEAST = 6   /* rows that a standard error is taken of */
};

static size_t width_of(const struct vis_sync_pairs *p)
{
    return 2 * (size_t)p->reach + 1;
}

/* ---- Pairs ------------------------------------------------------------------------------------
 */

static int grow(void **block, size_t bytes)
{
    void *p = realloc(*block, bytes);
    if (p)
        *block = p;
    return p != NULL;
}

static viseme_status reserve(struct vis_sync_pairs *p, viseme_error *err)
{
    if (p->rows < p->room)
        return VISEME_OK;
    const size_t room = p->room ? 2 * p->room : 256, bytes = room * width_of(p) * sizeof(float);
    if (!grow((void **)&p->distance, bytes) || !grow((void **)&p->cosine, bytes) ||
        !grow((void **)&p->alone, room * sizeof(float)))
        return vis_fail_nomem(err, bytes);
    p->room = room;
    return VISEME_OK;
}

static double length_of(const float *v, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static float distance_to(const float *v, const float *a, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < size; i++) {
        const double d = (double)v[i] - (a ? (double)a[i] : 0) + DISTANCE_EPS;
        sum += d * d;
    }
    return (float)sqrt(sum);
}

static float cosine_of(const float *v, double length, const float *a, size_t size)
{
    double dot = 0;
    for (size_t i = 0; i < size; i++)
        dot += (double)v[i] * (double)a[i];
    return (float)(dot / fmax(length * length_of(a, size), COSINE_EPS));
}

viseme_status vis_sync_pairs_add(struct vis_sync_pairs *p, const float *video,
                                 const float *const *audio, size_t size, viseme_error *err)
{
    viseme_status status = reserve(p, err);
    if (status != VISEME_OK)
        return status;
    const size_t width = width_of(p);
    const double length = length_of(video, size);
    float *distance = p->distance + p->rows * width, *cosine = p->cosine + p->rows * width;
    p->alone[p->rows] = distance_to(video, NULL, size);
    for (size_t k = 0; k < width; k++) {
        distance[k] = audio[k] ? distance_to(video, audio[k], size) : p->alone[p->rows];
        cosine[k] = audio[k] ? cosine_of(video, length, audio[k], size) : NAN;
    }
    p->rows++;
    return VISEME_OK;
}

viseme_status vis_sync_pairs_add_gap(struct vis_sync_pairs *p, viseme_error *err)
{
    viseme_status status = reserve(p, err);
    if (status != VISEME_OK)
        return status;
    for (size_t k = 0, width = width_of(p); k < width; k++)
        p->distance[p->rows * width + k] = p->cosine[p->rows * width + k] = NAN;
    p->alone[p->rows++] = NAN;
    return VISEME_OK;
}

void vis_sync_pairs_free(struct vis_sync_pairs *p)
{
    free(p->distance);
    free(p->cosine);
    free(p->alone);
    *p = (struct vis_sync_pairs){.reach = p->reach};
}

/* ---- Curves -----------------------------------------------------------------------------------
 */

/* The cost of row i at `offset`, NaN for none. first, count: the rows of a padded kind. */
static double cost_of(const struct vis_sync_pairs *p, size_t i, int offset,
                      enum vis_sync_curve_kind kind, size_t first, size_t count)
{
    const size_t at = i * width_of(p) + (size_t)(p->reach - offset);
    const ptrdiff_t audio = (ptrdiff_t)(i - first) - offset;
    const int inside = audio >= 0 && audio < (ptrdiff_t)count;
    const double cosine = (double)p->cosine[at];
    switch (kind) {
    case VIS_SYNC_PADDED:
        return (double)(inside ? p->distance[at] : p->alone[i]);
    case VIS_SYNC_BASELINE:
        if (isnan(p->alone[i]))
            return NAN;
        return inside && !isnan(cosine) ? sqrt(fmax(0, 2 - 2 * cosine)) : 1;
    case VIS_SYNC_DISTANCE:
        return isnan(cosine) ? NAN : (double)p->distance[at];
    case VIS_SYNC_DIAGONAL:
        return 1 - cosine;
    }
    return NAN;
}

void vis_sync_curve(const struct vis_sync_pairs *p, size_t first, size_t count,
                    enum vis_sync_curve_kind kind, int range, double *curve, size_t *support)
{
    for (int o = -range; o <= range; o++) {
        double sum = 0;
        size_t n = 0;
        for (size_t i = first; i < first + count; i++) {
            const double cost = cost_of(p, i, o, kind, first, count);
            if (isnan(cost))
                continue;
            sum += cost;
            n++;
        }
        curve[o + range] = n ? sum / (double)n : HUGE_VAL;
        if (support)
            support[o + range] = n;
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of n numbers, the lower one of two; they are sorted. */
static double median_of(double *x, size_t n)
{
    if (n == 0)
        return 0;
    qsort(x, n, sizeof x[0], ascending);
    return x[(n - 1) / 2];
}

/* The lowest point of the parabola through a point and its two neighbours, from it. */
static double between(double before, double here, double after)
{
    const double bend = before - 2 * here + after;
    if (!isfinite(before) || !isfinite(after) || !(bend > 0))
        return 0;
    return fmin(0.5, fmax(-0.5, 0.5 * (before - after) / bend));
}

int vis_sync_answer(const double *curve, int range, struct vis_sync_answer *out)
{
    double finite[WIDTH];
    size_t n = 0;
    int best = -1;
    *out = (struct vis_sync_answer){0};
    for (int i = 2 * range; i >= 0; i--) {
        if (!isfinite(curve[i]))
            continue;
        finite[n++] = curve[i];
        if (best < 0 || curve[i] < curve[best])
            best = i;
    }
    if (best < 0)
        return 0;
    out->frames = best - range;
    out->offset = out->frames;
    out->lowest = curve[best];
    out->median = median_of(finite, n);
    out->confidence = out->median - out->lowest;
    out->at_edge = range > 0 && (best == 0 || best == 2 * range || !isfinite(curve[best - 1]) ||
                                 !isfinite(curve[best + 1]));
    if (best > 0 && best < 2 * range)
        out->offset += between(curve[best - 1], curve[best], curve[best + 1]);
    return 1;
}

/* The mean cost of row i over the offsets there are, NaN for none. */
static double mean_of_row(const struct vis_sync_pairs *p, size_t i, enum vis_sync_curve_kind kind,
                          int range)
{
    double sum = 0;
    int n = 0;
    for (int o = -range; o <= range; o++) {
        const double cost = cost_of(p, i, o, kind, i, 1);
        if (isnan(cost))
            continue;
        sum += cost;
        n++;
    }
    return n ? sum / n : NAN;
}

double vis_sync_prominence(const struct vis_sync_pairs *p, size_t first, size_t count,
                           enum vis_sync_curve_kind kind, int range, int offset)
{
    double mean = 0, squares = 0;
    size_t n = 0;
    kind = kind == VIS_SYNC_PADDED || kind == VIS_SYNC_DISTANCE ? VIS_SYNC_DISTANCE
                                                                : VIS_SYNC_DIAGONAL;
    for (size_t i = first; i < first + count; i++) {
        const double x = mean_of_row(p, i, kind, range) - cost_of(p, i, offset, kind, first, count);
        if (isnan(x))
            continue;
        const double step = x - mean; /* Welford's running mean and sum of squares */
        mean += step / (double)++n;
        squares += step * (x - mean);
    }
    if (n < LEAST || !(squares > 0))
        return 0;
    return mean / sqrt(squares / (double)(n - 1) / ((double)n / SHARED));
}

int vis_sync_fitting_range(size_t count, size_t least, int range)
{
    if (count < least)
        return -1;
    return count - least < (size_t)range ? (int)(count - least) : range;
}

/* ---- Frames -----------------------------------------------------------------------------------
 */

void vis_sync_framewise(const struct vis_sync_pairs *p, size_t first, size_t count, int offset,
                        double median, float *out)
{
    const ptrdiff_t half = VIS_SYNC_MEDIAN / 2;
    for (size_t i = 0; i < count; i++) {
        double x[VIS_SYNC_MEDIAN];
        for (ptrdiff_t k = -half; k <= half; k++) {
            const ptrdiff_t at = (ptrdiff_t)i + k;
            double cost = NAN;
            if (at >= 0 && at < (ptrdiff_t)count)
                cost = cost_of(p, first + (size_t)at, offset, VIS_SYNC_PADDED, first, count);
            x[k + half] = isnan(cost) ? 0 : median - cost;
        }
        out[i] = (float)median_of(x, VIS_SYNC_MEDIAN);
        if (isnan(p->alone[first + i]))
            out[i] = 0;
    }
}

void vis_sync_pairs_matrix(const struct vis_sync_pairs *p, size_t first, int n, float *matrix)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const size_t row = first + (size_t)j, k = (size_t)(p->reach + i - j);
            const float x = p->cosine[row * width_of(p) + k];
            matrix[i * n + j] = isnan(x) ? 0 : x;
        }
}
