#include "signal/vsr_input.h"

#include <math.h>

static const float mean = 0.421f, deviation = 0.165f;

static float gray_at(const viseme_image *crop, int x, int y)
{
    const uint8_t *p = crop->data + y * crop->stride + (ptrdiff_t)x * 3;
    const int red = crop->format == VISEME_RGB24 ? 0 : 2;
    if (p[0] == p[1] && p[1] == p[2])
        return (float)p[0] / 255.0f;
    return 0.2989f * ((float)p[red] / 255.0f) + 0.587f * ((float)p[1] / 255.0f) +
           0.114f * ((float)p[2 - red] / 255.0f);
}

/* Between which two pixels position i of a side of `side` lies, and the second one's weight. */
struct tap {
    int low, high;
    float weight;
};

static struct tap tap_of(int i, int size, int side)
{
    const float at = fmaxf(0, ((float)i + 0.5f) * ((float)size / (float)side) - 0.5f);
    const int low = (int)at < size - 1 ? (int)at : size - 1;
    return (struct tap){low, low < size - 1 ? low + 1 : low, at - (float)low};
}

static float read_between(const viseme_image *crop, const struct tap *x, const struct tap *y)
{
    const float top = (1 - x->weight) * gray_at(crop, x->low, y->low) +
                      x->weight * gray_at(crop, x->high, y->low);
    const float bottom = (1 - x->weight) * gray_at(crop, x->low, y->high) +
                         x->weight * gray_at(crop, x->high, y->high);
    return (1 - y->weight) * top + y->weight * bottom;
}

static float mean_of_four(const viseme_image *crop, int x, int y)
{
    return 0.25f * (gray_at(crop, x, y) + gray_at(crop, x + 1, y) + gray_at(crop, x, y + 1) +
                    gray_at(crop, x + 1, y + 1));
}

void vis_vsr_input(const viseme_image *crop, enum vis_vsr_fit fit, int side, float *out)
{
    const int step = fit == VIS_VSR_HALVE ? 2 : 1;
    const int left = (int)rint((crop->width - step * side) / 2.0);
    const int top = (int)rint((crop->height - step * side) / 2.0);
    for (int i = 0; i < side; i++) {
        const struct tap y = tap_of(i, crop->height, side);
        for (int j = 0; j < side; j++) {
            const struct tap x = tap_of(j, crop->width, side);
            const float gray = fit == VIS_VSR_RESIZE ? read_between(crop, &x, &y)
                               : fit == VIS_VSR_HALVE
                                   ? mean_of_four(crop, left + 2 * j, top + 2 * i)
                                   : gray_at(crop, left + j, top + i);
            *out++ = (gray - mean) / deviation;
        }
    }
}
