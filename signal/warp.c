#include "signal/warp.h"

#include <math.h>

enum { MAX_GRID = 16, WEIGHT_BITS = 11 };

struct vis_similarity vis_similarity_box(double centre_x, double centre_y, double source_width,
                                         int width, int height)
{
    const double a = source_width / width;
    return (struct vis_similarity){a, 0, centre_x - a * width / 2, centre_y - a * height / 2};
}

/* The two neighbours of a position along one axis, -1 for one outside of a black border, and the
 * weight of the second of 2^WEIGHT_BITS. */
struct tap {
    int at[2];
    uint32_t weight;
};

static struct tap tap_of(double position, int size, enum vis_border border)
{
    double p = position - 0.5;
    if (!(p > -2)) /* further outside nothing changes; this also takes care of NaN */
        p = -2;
    else if (p > size + 1)
        p = size + 1;
    const int below = (int)(p + 2) - 2; /* rounds down */
    struct tap t = {{below, below + 1}, (uint32_t)((p - below) * (1 << WEIGHT_BITS) + 0.5)};
    for (int k = 0; k < 2; k++) {
        if (border == VIS_BORDER_NEAREST)
            t.at[k] = t.at[k] < 0 ? 0 : t.at[k] > size - 1 ? size - 1 : t.at[k];
        else if (t.at[k] < 0 || t.at[k] > size - 1)
            t.at[k] = -1;
    }
    return t;
}

/* Adds the pixel at a position to sum[3], in units of 2^-8 of a grey level. */
static void add_reading(const viseme_image *source, double x, double y, enum vis_border border,
                        uint32_t sum[3])
{
    static const uint8_t black[3] = {0, 0, 0};
    const struct tap tx = tap_of(x, source->width, border);
    const struct tap ty = tap_of(y, source->height, border);
    const uint32_t one = 1u << WEIGHT_BITS;
    const uint8_t *p[2][2];
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++)
            p[j][i] = tx.at[i] < 0 || ty.at[j] < 0
                          ? black
                          : source->data + ty.at[j] * source->stride + (ptrdiff_t)tx.at[i] * 3;
    for (int c = 0; c < 3; c++) {
        const uint32_t top = p[0][0][c] * (one - tx.weight) + p[0][1][c] * tx.weight;
        const uint32_t bottom = p[1][0][c] * (one - tx.weight) + p[1][1][c] * tx.weight;
        const uint32_t v = top * (one - ty.weight) + bottom * ty.weight;
        sum[c] += (v + (1u << (2 * WEIGHT_BITS - 9))) >> (2 * WEIGHT_BITS - 8);
    }
}

void vis_warp_bgr(const viseme_image *source, const struct vis_similarity *m,
                  enum vis_border border, uint8_t *dst, int width, int height)
{
    const double scale = fmax(1.0, fmin(hypot(m->a, m->b) - 1e-6, MAX_GRID));
    const int grid = (int)ceil(scale);
    const uint32_t unit = (uint32_t)(grid * grid) << 8;       /* 256 readings of 255 * 2^8 fit */
    const int first = source->format == VISEME_RGB24 ? 2 : 0; /* where blue is */
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++, dst += 3) {
            uint32_t sum[3] = {unit / 2, unit / 2, unit / 2};
            for (int j = 0; j < grid; j++) {
                for (int i = 0; i < grid; i++) {
                    const double u = x + (i + 0.5) / grid, v = y + (j + 0.5) / grid;
                    add_reading(source, m->a * u - m->b * v + m->tx, m->b * u + m->a * v + m->ty,
                                border, sum);
                }
            }
            dst[0] = (uint8_t)(sum[first] / unit);
            dst[1] = (uint8_t)(sum[1] / unit);
            dst[2] = (uint8_t)(sum[2 - first] / unit);
        }
    }
}
