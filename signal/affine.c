#include "signal/affine.h"

#include <math.h>

enum { POSITION_BITS = 10, FRACTION_BITS = 5, FRACTIONS = 1 << FRACTION_BITS, STRIP = 256 };

/* A position in 1/1024 pixel, rounded to even. Held within 2^29, so that sums of two fit; a
 * picture ends at 2^24. NaN becomes the lower limit. */
static int fixed(double position)
{
    const double limit = 536870912.0, p = rint(position * (1 << POSITION_BITS));
    return p > -limit ? p < limit ? (int)p : (int)limit : -(int)limit;
}

struct vis_affine vis_affine_inverse(const struct vis_affine *a)
{
    const double determinant = a->m[0][0] * a->m[1][1] - a->m[0][1] * a->m[1][0];
    const double d = determinant != 0 ? 1.0 / determinant : 0;
    struct vis_affine b;
    b.m[0][0] = a->m[1][1] * d;
    b.m[0][1] = a->m[0][1] * -d;
    b.m[1][0] = a->m[1][0] * -d;
    b.m[1][1] = a->m[0][0] * d;
    b.m[0][2] = -b.m[0][0] * a->m[0][2] - b.m[0][1] * a->m[1][2];
    b.m[1][2] = -b.m[1][0] * a->m[0][2] - b.m[1][1] * a->m[1][2];
    return b;
}

void vis_affine_apply(const struct vis_affine *a, double x, double y, double out[2])
{
    for (int i = 0; i < 2; i++)
        out[i] = a->m[i][0] * x + a->m[i][1] * y + a->m[i][2];
}

/* Where a pixel of the result lies in the source: a pixel and 1/32 parts to the next ones. */
struct place {
    int x, y, fx, fy;
};

/* Near the edge of the source, or anywhere: what lies outside is black. */
static void blend(const struct vis_bytes *s, const struct place *at, uint8_t *out)
{
    const int fx = at->fx, fy = at->fy;
    const int weight[4] = {(FRACTIONS - fx) * (FRACTIONS - fy), fx * (FRACTIONS - fy),
                           (FRACTIONS - fx) * fy, fx * fy};
    int sum[4] = {0, 0, 0, 0};
    for (int k = 0; k < 4; k++) {
        const int u = at->x + k % 2, v = at->y + k / 2;
        if (u < 0 || v < 0 || u >= s->width || v >= s->height)
            continue;
        const uint8_t *p = s->data + v * s->stride + (ptrdiff_t)u * s->channels;
        for (int c = 0; c < s->channels; c++)
            sum[c] += weight[k] * p[c];
    }
    for (int c = 0; c < s->channels; c++) /* the weights add up to 2^10 */
        out[c] = (uint8_t)((sum[c] + 512) >> 10);
}

/* Three bytes, each in 20 bits of its own. */
static inline uint64_t spread(const uint8_t *p)
{
    return p[0] | (uint64_t)p[1] << 20 | (uint64_t)p[2] << 40;
}

/* The same for pixels of 3 bytes, all four in the source; q: a row below p. */
static inline void blend_inside(const uint8_t *p, const uint8_t *q, int fx, int fy, uint8_t *out)
{
    const uint64_t half = 512 | 512ull << 20 | 512ull << 40;
    const uint64_t left = (uint64_t)(FRACTIONS - fx), right = (uint64_t)fx;
    const uint64_t top = spread(p) * left + spread(p + 3) * right;
    const uint64_t bottom = spread(q) * left + spread(q + 3) * right;
    const uint64_t sum = top * (uint64_t)(FRACTIONS - fy) + bottom * (uint64_t)fy + half;
    out[0] = (uint8_t)(sum >> 10); /* 18 of the 20 bits are in use */
    out[1] = (uint8_t)(sum >> 30);
    out[2] = (uint8_t)(sum >> 50);
}

/* A row of the result: positions in 1/32 pixel are (x0 + dx[i]) >> shift and likewise y. */
static void warp_row(const struct vis_bytes *s, int x0, int y0, const int *dx, const int *dy,
                     int count, uint8_t *out)
{
    const int shift = POSITION_BITS - FRACTION_BITS, n = s->channels;
    const unsigned inside_x = n == 3 ? (unsigned)s->width - 1 : 0; /* has one on its right */
    const unsigned inside_y = (unsigned)s->height - 1;
    const uint8_t *const data = s->data;
    const ptrdiff_t stride = s->stride;
    for (int i = 0; i < count; i++, out += n) {
        const int px = (x0 + dx[i]) >> shift, py = (y0 + dy[i]) >> shift;
        const struct place at = {px >> FRACTION_BITS, py >> FRACTION_BITS, px & (FRACTIONS - 1),
                                 py & (FRACTIONS - 1)};
        if ((unsigned)at.x < inside_x && (unsigned)at.y < inside_y) {
            const uint8_t *p = data + at.y * stride + (ptrdiff_t)at.x * 3;
            blend_inside(p, p + stride, at.fx, at.fy, out);
        } else {
            blend(s, &at, out);
        }
    }
}

void vis_affine_warp(const struct vis_bytes *s, const struct vis_affine *back, int left, int top,
                     uint8_t *dst, int width, int height)
{
    const int half = 1 << (POSITION_BITS - FRACTION_BITS - 1);
    const ptrdiff_t row = (ptrdiff_t)width * s->channels;
    for (int first = 0; first < width; first += STRIP) {
        int dx[STRIP], dy[STRIP];
        const int columns = width - first < STRIP ? width - first : STRIP;
        for (int x = 0; x < columns; x++) {
            dx[x] = fixed(back->m[0][0] * (left + first + x));
            dy[x] = fixed(back->m[1][0] * (left + first + x));
        }
        for (int y = 0; y < height; y++) {
            const int x0 = fixed(back->m[0][1] * (top + y) + back->m[0][2]) + half;
            const int y0 = fixed(back->m[1][1] * (top + y) + back->m[1][2]) + half;
            warp_row(s, x0, y0, dx, dy, columns, dst + y * row + (ptrdiff_t)first * s->channels);
        }
    }
}
