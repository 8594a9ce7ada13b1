#include "tasks/sync_trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SECONDS 20.0 /* between points, for a slope */
#define LEAST_STEP_MS 30.0
#define LEAST_GAIN    0.3

enum { LEAST_POINTS = 4, LEAST_SIDE = 3 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n > 0 numbers, which are sorted. */
static double median_of(double *x, size_t n)
{
    qsort(x, n, sizeof x[0], ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* What is left of the points once a first guess of the slope is taken out. */
struct residuals {
    double y[VIS_SYNC_MAX_POINTS], scratch[VIS_SYNC_MAX_POINTS];
};

/* The median slope between points a quarter of all apart: few such pairs have a given step
 * between them. */
static double guess_slope(const struct vis_sync_point *p, size_t n, double *scratch)
{
    const size_t apart = n / 4;
    size_t count = 0;
    for (size_t i = 0; apart && i + apart < n; i++) {
        const double dt = p[i + apart].time_s - p[i].time_s;
        if (dt > 0)
            scratch[count++] = (p[i + apart].offset_ms - p[i].offset_ms) / dt;
    }
    return count ? median_of(scratch, count) : 0;
}

/* The median of y [n], and the sum of the deviations from it. */
static double level(struct residuals *r, size_t first, size_t n, double *deviations)
{
    memcpy(r->scratch, r->y + first, n * sizeof r->y[0]);
    const double middle = median_of(r->scratch, n);
    *deviations = 0;
    for (size_t i = first; i < first + n; i++)
        *deviations += fabs(r->y[i] - middle);
    return middle;
}

/* Single outliers out, edges kept: a running median of five, shorter at the ends. */
static void smooth(struct residuals *r, size_t n)
{
    memcpy(r->scratch, r->y, n * sizeof r->y[0]);
    for (size_t i = 0; i < n; i++) {
        const size_t half = i < 2 ? i : n - 1 - i < 2 ? n - 1 - i : 2;
        double near[5];
        memcpy(near, r->scratch + i - half, (2 * half + 1) * sizeof near[0]);
        r->y[i] = median_of(near, 2 * half + 1);
    }
}

/* Finds the best place to part points first ... first + n: the first point after it, 0 for none. */
static size_t find_step(struct residuals *r, size_t first, size_t n)
{
    double whole, best = HUGE_VAL, best_change = 0;
    size_t at = 0;
    level(r, first, n, &whole);
    for (size_t left = LEAST_SIDE; left + LEAST_SIDE <= n; left++) {
        double a, b;
        const double change = level(r, first + left, n - left, &b) - level(r, first, left, &a);
        if (a + b < best) {
            best = a + b;
            best_change = change;
            at = first + left;
        }
    }
    return at && fabs(best_change) >= LEAST_STEP_MS && best <= (1 - LEAST_GAIN) * whole ? at : 0;
}

/* starts [count]: the first points of the pieces between steps, ascending; returns their number. */
static size_t find_pieces(struct residuals *r, size_t n, size_t *starts)
{
    size_t count = 1;
    starts[0] = 0;
    for (size_t i = 0; i < count && count <= VIS_SYNC_MAX_STEPS;) {
        const size_t end = i + 1 < count ? starts[i + 1] : n;
        const size_t at = find_step(r, starts[i], end - starts[i]);
        if (!at) {
            i++;
            continue;
        }
        memmove(starts + i + 2, starts + i + 1, (count - i - 1) * sizeof starts[0]);
        starts[i + 1] = at;
        count++;
    }
    return count;
}

/* Slopes of the pairs within each piece; `slopes` holds n (n - 1) / 2. */
static size_t slopes_within(const struct vis_sync_point *p, size_t n, const size_t *starts,
                            size_t pieces, double *slopes)
{
    size_t count = 0;
    for (size_t k = 0; k < pieces; k++) {
        const size_t end = k + 1 < pieces ? starts[k + 1] : n;
        for (size_t i = starts[k]; i < end; i++)
            for (size_t j = i + 1; j < end; j++)
                if (p[j].time_s > p[i].time_s)
                    slopes[count++] =
                        (p[j].offset_ms - p[i].offset_ms) / (p[j].time_s - p[i].time_s);
    }
    return count;
}

/* The longest time from the first to the last point of a piece of enough points. */
static double longest(const struct vis_sync_point *p, size_t n, const size_t *starts, size_t pieces)
{
    double best = 0;
    for (size_t k = 0; k < pieces; k++) {
        const size_t end = k + 1 < pieces ? starts[k + 1] : n;
        if (end - starts[k] >= LEAST_POINTS)
            best = fmax(best, p[end - 1].time_s - p[starts[k]].time_s);
    }
    return best;
}

viseme_status vis_sync_trend(const struct vis_sync_point *p, size_t n, struct vis_sync_trend *out,
                             viseme_error *err)
{
    size_t starts[VIS_SYNC_MAX_STEPS + 2];
    *out = (struct vis_sync_trend){0};
    n = n < VIS_SYNC_MAX_POINTS ? n : VIS_SYNC_MAX_POINTS;
    if (n < LEAST_POINTS)
        return VISEME_OK;
    const size_t bytes = sizeof(struct residuals) + n * (n - 1) / 2 * sizeof(double);
    struct residuals *r = malloc(bytes);
    if (!r)
        return vis_fail_nomem(err, bytes);
    double *slopes = (double *)(r + 1);
    const double slope = guess_slope(p, n, r->scratch);
    for (size_t i = 0; i < n; i++)
        r->y[i] = p[i].offset_ms - slope * (p[i].time_s - p[0].time_s);
    smooth(r, n);
    const size_t pieces = find_pieces(r, n, starts);
    const size_t count = slopes_within(p, n, starts, pieces, slopes);
    if (count && longest(p, n, starts, pieces) >= LEAST_SECONDS) {
        out->has_drift = 1;
        out->drift_ms_per_min = 60 * median_of(slopes, count);
        for (size_t i = 0; i < n; i++)
            r->scratch[i] = p[i].offset_ms - out->drift_ms_per_min / 60 * p[i].time_s;
        out->start_ms = median_of(r->scratch, n);
    }
    for (size_t i = 0; i < n; i++)
        r->y[i] = p[i].offset_ms - out->drift_ms_per_min / 60 * (p[i].time_s - p[0].time_s);
    for (size_t k = 1; k < pieces; k++) {
        const size_t at = starts[k], end = k + 1 < pieces ? starts[k + 1] : n;
        double deviations;
        out->steps[out->step_count++] = (struct vis_sync_step){
            .before_s = p[at - 1].time_s,
            .after_s = p[at].time_s,
            .from_ms = level(r, starts[k - 1], at - starts[k - 1], &deviations),
            .to_ms = level(r, at, end - at, &deviations)};
    }
    free(r);
    return VISEME_OK;
}
