#include "signal/align_robust.h"

#include <math.h>

/* Pixels that a point may always be off: landmarks are no better, and the best of all pairs may
 * happen to fit half of the points much better than the rest. */
#define MIN_LIMIT 2.0

/* The similarity without a reflection that the points with use[k] fit best; a shift alone where
 * they all coincide. */
static struct vis_affine least_squares(const double (*p)[2], const double (*q)[2], const int *use,
                                       int count)
{
    double cp[2] = {0, 0}, cq[2] = {0, 0}, square = 0, dot = 0, cross = 0;
    int used = 0;
    for (int k = 0; k < count; k++)
        used += use[k];
    for (int k = 0; k < count; k++)
        for (int i = 0; i < 2 && use[k]; i++) {
            cp[i] += p[k][i] / used;
            cq[i] += q[k][i] / used;
        }
    for (int k = 0; k < count; k++) {
        const double px = p[k][0] - cp[0], py = p[k][1] - cp[1];
        const double qx = q[k][0] - cq[0], qy = q[k][1] - cq[1];
        if (!use[k])
            continue;
        square += px * px + py * py;
        dot += px * qx + py * qy;
        cross += px * qy - py * qx;
    }
    const double a = square > 0 ? dot / square : 0, b = square > 0 ? cross / square : 0;
    return (struct vis_affine){
        {{a, -b, cq[0] - a * cp[0] + b * cp[1]}, {b, a, cq[1] - b * cp[0] - a * cp[1]}}};
}

/* How far point k lies off, squared. */
static double miss(const struct vis_affine *m, const double p[2], const double q[2])
{
    double at[2];
    vis_affine_apply(m, p[0], p[1], at);
    return (at[0] - q[0]) * (at[0] - q[0]) + (at[1] - q[1]) * (at[1] - q[1]);
}

/* The median of the squared misses. */
static double median_miss(const struct vis_affine *m, const double (*p)[2], const double (*q)[2],
                          int count)
{
    double sorted[VIS_ALIGN_POINTS];
    for (int k = 0; k < count; k++) {
        const double d = miss(m, p[k], q[k]);
        int at = k;
        for (; at > 0 && sorted[at - 1] > d; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = d;
    }
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

struct vis_affine vis_align_robust(const double (*p)[2], const double (*q)[2], int count)
{
    struct vis_affine best = {{{0, 0, 0}, {0, 0, 0}}};
    double least = HUGE_VAL;
    int use[VIS_ALIGN_POINTS] = {0};
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) {
            use[i] = use[j] = 1;
            const struct vis_affine m = least_squares(p, q, use, count);
            const double median = median_miss(&m, p, q, count);
            use[i] = use[j] = 0;
            if (median < least) {
                least = median;
                best = m;
            }
        }
    const double spread = 1.4826 * (1 + 5.0 / (count - 2)) * sqrt(least);
    const double limit = fmax(2.5 * spread, MIN_LIMIT);
    for (int k = 0; k < count; k++)
        use[k] = miss(&best, p[k], q[k]) <= limit * limit;
    return least < HUGE_VAL ? least_squares(p, q, use, count) : best;
}
