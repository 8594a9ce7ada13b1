#include "signal/cut.h"

#include <math.h>
#include <string.h>

enum { POINTS = VIS_CUT_ROWS * VIS_CUT_COLUMNS };

#define LEAST   0.25
#define MOST    0.7
#define FACTOR  4.0
#define PART    0.15 /* of the new change in the running mean */
#define FLAT    4.0  /* variance below which a picture has nothing to compare */
#define SHIFTED 20.0 /* grey levels between a flat picture and another one */

static float gray_at(const viseme_image *f, int x, int y)
{
    const uint8_t *p = f->data + y * f->stride + (ptrdiff_t)x * 3;
    return (float)(p[0] + 2 * p[1] + p[2]) / 4; /* the same for B G R and R G B */
}

/* Every point is the mean of two pixels on a diagonal, which is enough against noise. */
static void sample(const viseme_image *f, float grid[POINTS])
{
    for (int j = 0; j < VIS_CUT_ROWS; j++) {
        const int y = (2 * j + 1) * f->height / (2 * VIS_CUT_ROWS);
        const int below = y + 1 < f->height ? y + 1 : y;
        for (int i = 0; i < VIS_CUT_COLUMNS; i++) {
            const int x = (2 * i + 1) * f->width / (2 * VIS_CUT_COLUMNS);
            const int beside = x + 1 < f->width ? x + 1 : x;
            *grid++ = (gray_at(f, x, y) + gray_at(f, beside, below)) / 2;
        }
    }
}

static double change(const float *a, const float *b)
{
    double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < POINTS; i++) {
        sa += (double)a[i];
        sb += (double)b[i];
    }
    sa /= POINTS;
    sb /= POINTS;
    for (int i = 0; i < POINTS; i++) {
        const double u = (double)a[i] - sa, v = (double)b[i] - sb;
        aa += u * u;
        bb += v * v;
        ab += u * v;
    }
    if (aa < FLAT * POINTS && bb < FLAT * POINTS)
        return 0;
    if (aa < FLAT * POINTS || bb < FLAT * POINTS)
        return fabs(sa - sb) > SHIFTED ? 1 : 0;
    return 1 - ab / sqrt(aa * bb);
}

int vis_cut_push(struct vis_cut *cut, const viseme_image *frame)
{
    float now[POINTS];
    int is_cut = 0;
    sample(frame, now);
    if (cut->started) {
        const double d = change(cut->before, now);
        is_cut = d > fmin(MOST, LEAST + FACTOR * cut->usual);
        if (!is_cut)
            cut->usual += PART * (d - cut->usual);
    }
    cut->started = 1;
    memcpy(cut->before, now, sizeof now);
    return is_cut;
}
