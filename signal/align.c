#include "signal/align.h"

#include <math.h>

static void mean_of(const double (*p)[2], int count, double mean[2])
{
    mean[0] = mean[1] = 0;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < 2; i++)
            mean[i] += p[k][i] / count;
}

struct vis_affine vis_align_similarity(const double (*p)[2], const double (*q)[2], int count)
{
    double cp[2], cq[2], sp = 0, sq = 0, a[2][2] = {{0, 0}, {0, 0}}; /* a = P' Q */
    struct vis_affine out = {{{0, 0, 0}, {0, 0, 0}}};
    mean_of(p, count, cp);
    mean_of(q, count, cq);
    for (int k = 0; k < count; k++)
        for (int i = 0; i < 2; i++) {
            sp += (p[k][i] - cp[i]) * (p[k][i] - cp[i]);
            sq += (q[k][i] - cq[i]) * (q[k][i] - cq[i]);
            for (int j = 0; j < 2; j++)
                a[i][j] += (p[k][i] - cp[i]) * (q[k][j] - cq[j]);
        }
    /* The orthogonal factor of a: a turn where the determinant is positive, else a reflection. */
    const int flip = a[0][0] * a[1][1] - a[0][1] * a[1][0] < 0;
    const double c = flip ? a[0][0] - a[1][1] : a[0][0] + a[1][1];
    const double s = flip ? a[0][1] + a[1][0] : a[0][1] - a[1][0];
    const double length = hypot(c, s);
    if (!(sp > 0) || !(length > 0))
        return out;
    const double scale = sqrt(sq / sp) / length;
    out.m[0][0] = scale * c;
    out.m[1][0] = scale * s;
    out.m[0][1] = flip ? scale * s : -scale * s;
    out.m[1][1] = flip ? -scale * c : scale * c;
    for (int i = 0; i < 2; i++)
        out.m[i][2] = cq[i] - out.m[i][0] * cp[0] - out.m[i][1] * cp[1];
    return out;
}
