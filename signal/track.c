#include "signal/track.h"

#include <math.h>
#include <stdlib.h>

enum {
    MIN_SIDE = 8,
    MAX_SIDE = 256,
    CELL = 2,   /* the coarse search looks at cells of 2 x 2 samples */
    STEPS = 20, /* Gauss-Newton rarely needs more than six */
    LANES = 8,
    PARAMETERS = 3 /* shift in x, shift in y, growth */
};

#define REACH      0.2 /* of the patch's width: how far the coarse search goes */
#define MAX_GROWTH 1.12
#define MIN_NORM   3.0 /* grey levels of deviation below which a patch is flat */
#define TINY_STEP  2e-4
#define SURE       0.92 /* correlation that needs no wider search */

struct vis_track {
    int columns, rows;    /* of samples */
    int cells_x, cells_y; /* of the patch in the coarse search */
    int reach;            /* cells that it goes in each direction */
    int learned;
    float *look;              /* [rows columns] the patch with mean 0 and norm 1 */
    float *slope[PARAMETERS]; /* [rows columns] how `look` changes with each parameter */
    double inverse[PARAMETERS][PARAMETERS]; /* of the Gauss-Newton matrix */
    float *now;                             /* [rows columns] the patch as it is now */
    float *wide;                            /* samples of the patch and `reach` cells around it */
    float *coarse;                          /* [cells_y cells_x] of `look`, mean 0 and norm 1 */
    float *coarse_wide;                     /* cells of `wide` */
    int *left;                              /* [widest row] source column before each sample */
    float *weight;                          /* [widest row] of the column after it */
};

viseme_status vis_track_create(struct vis_track **out, int columns, int rows, viseme_error *err)
{
    struct vis_track *t = NULL;
    *out = NULL;
    if (columns < MIN_SIDE || rows < MIN_SIDE || columns > MAX_SIDE || rows > MAX_SIDE)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "tracking: %d x %d samples; each must be %d to %d", columns, rows,
                        (int)MIN_SIDE, (int)MAX_SIDE);
    t = calloc(1, sizeof *t);
    if (!t)
        return vis_fail_nomem(err, sizeof *t);
    t->columns = columns;
    t->rows = rows;
    t->cells_x = columns / CELL;
    t->cells_y = rows / CELL;
    t->reach = (int)ceil(REACH * columns / CELL);
    const size_t n = (size_t)columns * (size_t)rows;
    const size_t wide_x = (size_t)(t->cells_x + 2 * t->reach);
    const size_t wide_y = (size_t)(t->cells_y + 2 * t->reach);
    t->look = malloc(n * sizeof *t->look);
    t->now = malloc(n * sizeof *t->now);
    t->wide = malloc(wide_x * wide_y * CELL * CELL * sizeof *t->wide);
    t->coarse = malloc(n / (CELL * CELL) * sizeof *t->coarse);
    t->coarse_wide = malloc(wide_x * wide_y * sizeof *t->coarse_wide);
    t->left = malloc((wide_x * CELL + CELL) * sizeof *t->left);
    t->weight = malloc((wide_x * CELL + CELL) * sizeof *t->weight);
    int ok = t->look && t->now && t->wide && t->coarse && t->coarse_wide && t->left && t->weight;
    for (int k = 0; k < PARAMETERS; k++) {
        t->slope[k] = malloc(n * sizeof *t->slope[k]);
        ok = ok && t->slope[k];
    }
    if (!ok) {
        vis_track_free(t);
        return vis_fail_nomem(err, n * 6 * sizeof *t->look);
    }
    *out = t;
    return VISEME_OK;
}

void vis_track_free(struct vis_track *t)
{
    if (!t)
        return;
    free(t->look);
    for (int k = 0; k < PARAMETERS; k++)
        free(t->slope[k]);
    free(t->now);
    free(t->wide);
    free(t->coarse);
    free(t->coarse_wide);
    free(t->left);
    free(t->weight);
    free(t);
}

/* ---- Samples ------------------------------------------------------------------------------------
 */

/* The pixel before a continuous position along an axis of `size` pixels, and the weight of the
 * one after; positions outside take the edge. */
static int split(double position, int size, float *weight)
{
    const double p = fmax(0.0, fmin(position - 0.5, size - 1.0)); /* NaN becomes the last pixel */
    int below = (int)p;
    if (below > size - 2)
        below = size > 1 ? size - 2 : 0;
    *weight = size > 1 ? (float)(p - below) : 0.0f;
    return below;
}

/* Reads a grid of columns x rows samples, `spacing` pixels apart, around a centre. */
static void sample(const struct vis_track *t, const struct vis_gray *g, double x, double y,
                   double spacing, int columns, int rows, float *out)
{
    const size_t next = g->width > 1 ? 1 : 0;
    for (int i = 0; i < columns; i++)
        t->left[i] = split(x + spacing * (i + 0.5 - columns * 0.5), g->width, &t->weight[i]);
    for (int j = 0; j < rows; j++, out += columns) {
        float w = 0;
        const int top = split(y + spacing * (j + 0.5 - rows * 0.5), g->height, &w);
        const uint8_t *a = g->data + (size_t)top * g->stride;
        const uint8_t *b = g->height > 1 ? a + g->stride : a;
        for (int i = 0; i < columns; i++) {
            const uint8_t *p = a + t->left[i], *q = b + t->left[i];
            const float u = t->weight[i];
            const float upper = (float)p[0] + u * (float)(p[next] - p[0]);
            const float lower = (float)q[0] + u * (float)(q[next] - q[0]);
            out[i] = upper + w * (lower - upper);
        }
    }
}

/* Sums run in LANES chains, which lets them overlap. */
static double dot(const float *a, const float *b, size_t n)
{
    double chain[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            chain[k] += (double)(a[i + k] * b[i + k]);
    for (; i < n; i++)
        chain[0] += (double)(a[i] * b[i]);
    for (size_t k = 1; k < LANES; k++)
        chain[0] += chain[k];
    return chain[0];
}

static double sum_of(const float *v, size_t n)
{
    double chain[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            chain[k] += (double)v[i + k];
    for (; i < n; i++)
        chain[0] += (double)v[i];
    for (size_t k = 1; k < LANES; k++)
        chain[0] += chain[k];
    return chain[0];
}

/* Brings n values to mean 0 and norm 1; returns the norm they had about their mean. */
static double normalise(float *v, size_t n)
{
    const float mean = (float)(sum_of(v, n) / (double)n);
    for (size_t i = 0; i < n; i++)
        v[i] -= mean;
    const double norm = sqrt(dot(v, v, n));
    const float scale = norm > 0 ? (float)(1 / norm) : 0.0f;
    for (size_t i = 0; i < n; i++)
        v[i] *= scale;
    return norm;
}

/* Means of CELL x CELL samples: [cells_y cells_x] from rows of cells_x * CELL + `extra`. */
static void pool(const float *from, int row, int cells_x, int cells_y, float *to)
{
    for (int y = 0; y < cells_y; y++)
        for (int x = 0; x < cells_x; x++) {
            const float *p = from + (size_t)(y * CELL) * (size_t)row + (size_t)(x * CELL);
            *to++ = 0.25f * (p[0] + p[1] + p[row] + p[row + 1]);
        }
}

/* ---- Learning -----------------------------------------------------------------------------------
 */

/* Inverts a symmetric positive 3 x 3 matrix; 0 when it is close to singular. */
static int invert(double m[PARAMETERS][PARAMETERS], double out[PARAMETERS][PARAMETERS])
{
    double det = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            out[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    for (int i = 0; i < 3; i++)
        det += m[0][i] * out[i][0];
    if (!(det > 1e-9 * m[0][0] * m[1][1] * m[2][2]))
        return 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] /= det;
    return 1;
}

/* How the normalised patch changes when it is read a little to the right, further down or larger;
 * lengths in widths of the patch. */
static void fill_slopes(struct vis_track *t)
{
    const int w = t->columns, h = t->rows;
    const size_t n = (size_t)w * (size_t)h;
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++) {
            const size_t at = (size_t)j * (size_t)w + (size_t)i;
            const int l = i > 0, r = i<w - 1, u = j> 0, d = j < h - 1;
            const float gx =
                (t->look[at + (size_t)r] - t->look[at - (size_t)l]) * ((float)w / (float)(l + r));
            const float gy = (t->look[d ? at + (size_t)w : at] - t->look[u ? at - (size_t)w : at]) *
                             ((float)w / (float)(u + d));
            const float x = ((float)i + 0.5f - (float)w * 0.5f) / (float)w;
            const float y = ((float)j + 0.5f - (float)h * 0.5f) / (float)w;
            t->slope[0][at] = gx;
            t->slope[1][at] = gy;
            t->slope[2][at] = gx * x + gy * y;
        }
    for (int k = 0; k < PARAMETERS; k++) { /* changes of brightness and contrast do not count */
        const float mean = (float)(sum_of(t->slope[k], n) / (double)n);
        const float along = (float)dot(t->slope[k], t->look, n);
        for (size_t i = 0; i < n; i++)
            t->slope[k][i] -= mean + along * t->look[i];
    }
}

int vis_track_learn(struct vis_track *t, const struct vis_gray *picture, const struct vis_patch *at)
{
    const size_t n = (size_t)t->columns * (size_t)t->rows;
    double matrix[PARAMETERS][PARAMETERS];
    t->learned = 0;
    if (!(at->width >= 1) || !isfinite(at->width) || !isfinite(at->x) || !isfinite(at->y))
        return 0;
    sample(t, picture, at->x, at->y, at->width / t->columns, t->columns, t->rows, t->look);
    pool(t->look, t->columns, t->cells_x, t->cells_y, t->coarse);
    if (normalise(t->look, n) < MIN_NORM * sqrt((double)n) ||
        normalise(t->coarse, (size_t)t->cells_x * (size_t)t->cells_y) <= 0)
        return 0;
    fill_slopes(t);
    for (int i = 0; i < PARAMETERS; i++)
        for (int j = 0; j < PARAMETERS; j++)
            matrix[i][j] = dot(t->slope[i], t->slope[j], n);
    t->learned = invert(matrix, t->inverse);
    return t->learned;
}

/* ---- Finding ------------------------------------------------------------------------------------
 */

/* Correlation of the coarse patch with the cells at (x, y) of the searched part. */
static double coarse_match(const struct vis_track *t, int x, int y, int row)
{
    double sum = 0, squares = 0, cross = 0;
    const float *c = t->coarse;
    for (int j = 0; j < t->cells_y; j++) {
        const float *p = t->coarse_wide + (size_t)(y + j) * (size_t)row + (size_t)x;
        float s = 0, q = 0, k = 0;
        for (int i = 0; i < t->cells_x; i++) {
            s += p[i];
            q += p[i] * p[i];
            k += p[i] * c[i];
        }
        sum += s;
        squares += q;
        cross += k;
        c += t->cells_x;
    }
    const double spread = squares - sum * sum / ((double)t->cells_x * t->cells_y);
    return spread > 1e-6 ? cross / sqrt(spread) : -1;
}

/* Moves `at` to the best whole cell around it. */
static void search(struct vis_track *t, const struct vis_gray *picture, struct vis_patch *at)
{
    const double spacing = at->width / t->columns;
    const int wide_x = t->cells_x + 2 * t->reach, wide_y = t->cells_y + 2 * t->reach;
    int best_x = t->reach, best_y = t->reach;
    double best = -2;
    /* the grid of cells may miss half a sample on the right and below: centre it on the patch */
    const double shift_x = (t->columns - t->cells_x * CELL) * 0.5 * spacing;
    const double shift_y = (t->rows - t->cells_y * CELL) * 0.5 * spacing;
    sample(t, picture, at->x - shift_x, at->y - shift_y, spacing, wide_x * CELL, wide_y * CELL,
           t->wide);
    pool(t->wide, wide_x * CELL, wide_x, wide_y, t->coarse_wide);
    for (int y = 0; y <= 2 * t->reach; y++)
        for (int x = 0; x <= 2 * t->reach; x++) {
            const double match = coarse_match(t, x, y, wide_x);
            if (match > best) {
                best = match;
                best_x = x;
                best_y = y;
            }
        }
    at->x += (best_x - t->reach) * CELL * spacing;
    at->y += (best_y - t->reach) * CELL * spacing;
}

/* Gauss-Newton steps from `at`; the correlation where they end, or -1 when they run away from
 * `start`. */
static double refine(struct vis_track *t, const struct vis_gray *picture,
                     const struct vis_patch *start, struct vis_patch *at)
{
    const size_t n = (size_t)t->columns * (size_t)t->rows;
    struct vis_patch p = *at;
    double quality = -1;
    for (int step = 0; step < STEPS; step++) {
        double pull[PARAMETERS], move[PARAMETERS] = {0, 0, 0};
        sample(t, picture, p.x, p.y, p.width / t->columns, t->columns, t->rows, t->now);
        normalise(t->now, n);
        quality = dot(t->now, t->look, n);
        for (size_t i = 0; i < n; i++)
            t->now[i] -= t->look[i];
        for (int k = 0; k < PARAMETERS; k++)
            pull[k] = dot(t->slope[k], t->now, n);
        for (int i = 0; i < PARAMETERS; i++)
            for (int k = 0; k < PARAMETERS; k++)
                move[i] += t->inverse[i][k] * pull[k];
        if (fabs(move[0]) + fabs(move[1]) + fabs(move[2]) < TINY_STEP)
            break;
        p.width /= 1 + fmax(-0.1, fmin(move[2], 0.1));
        p.x -= p.width * move[0];
        p.y -= p.width * move[1];
        if (!(hypot(p.x - start->x, p.y - start->y) < 2 * REACH * start->width) ||
            !(p.width < start->width * MAX_GROWTH) || !(p.width > start->width / MAX_GROWTH))
            return -1;
    }
    *at = p;
    return quality;
}

double vis_track_find(struct vis_track *t, const struct vis_gray *picture, struct vis_patch *at)
{
    struct vis_patch near = *at, far = *at;
    if (!t->learned || !(at->width >= 1) || !isfinite(at->width) || !isfinite(at->x) ||
        !isfinite(at->y))
        return -1;
    double quality = refine(t, picture, at, &near);
    if (quality < SURE) { /* it may have moved further than the steps reach */
        search(t, picture, &far);
        const double other = refine(t, picture, at, &far);
        if (other > quality) {
            quality = other;
            near = far;
        }
    }
    if (quality > -1)
        *at = near;
    return quality;
}
