#include "io/orient.h"

#include <string.h>

/* Tangent of one degree. */
#define NEARLY_ZERO 0.0175

int vis_orient_from_matrix(const int32_t matrix[9], int *odd)
{
    double a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    double straight = (a < 0 ? -a : a), straight_y = (d < 0 ? -d : d);
    double crossed = (b < 0 ? -b : b), crossed_y = (c < 0 ? -c : c);

    *odd = 0;
    if (straight > 0 && straight_y > 0 && crossed <= NEARLY_ZERO * straight &&
        crossed_y <= NEARLY_ZERO * straight_y)
        return (a < 0 ? VIS_ORIENT_FLIP_X : 0) | (d < 0 ? VIS_ORIENT_FLIP_Y : 0);
    if (crossed > 0 && crossed_y > 0 && straight <= NEARLY_ZERO * crossed &&
        straight_y <= NEARLY_ZERO * crossed_y)
        return VIS_ORIENT_TRANSPOSE | (c < 0 ? VIS_ORIENT_FLIP_X : 0) |
               (b < 0 ? VIS_ORIENT_FLIP_Y : 0);
    *odd = 1;
    return 0;
}

void vis_orient_describe(int orientation, int *degrees, int *mirrored)
{
    int flip_x = (orientation & VIS_ORIENT_FLIP_X) != 0;
    int flip_y = (orientation & VIS_ORIENT_FLIP_Y) != 0;

    if (orientation & VIS_ORIENT_TRANSPOSE)
        *degrees = flip_y ? 270 : 90;
    else
        *degrees = flip_y ? 180 : 0;
    *mirrored = (orientation & VIS_ORIENT_TRANSPOSE ? 1 : 0) ^ flip_x ^ flip_y;
}

void vis_orient_apply(viseme_image *image, int orientation, uint8_t *to)
{
    enum { BLOCK = 32 }; /* square blocks, so that neither side leaves the cache when transposed */
    int transpose = orientation & VIS_ORIENT_TRANSPOSE;
    int width = transpose ? image->height : image->width;
    int height = transpose ? image->width : image->height;
    /* From one pixel of the copy to the next, in the source. */
    ptrdiff_t right = transpose ? image->stride : 3, down = transpose ? 3 : image->stride;
    const uint8_t *first = image->data;

    if (orientation & VIS_ORIENT_FLIP_X) {
        first += (width - 1) * right;
        right = -right;
    }
    if (orientation & VIS_ORIENT_FLIP_Y) {
        first += (height - 1) * down;
        down = -down;
    }
    for (int top = 0; top < height; top += BLOCK)
        for (int left = 0; left < width; left += BLOCK)
            for (int y = top; y < height && y < top + BLOCK; y++) {
                uint8_t *dst = to + 3 * ((size_t)y * (size_t)width + (size_t)left);
                const uint8_t *src = first + y * down + left * right;
                for (int x = left; x < width && x < left + BLOCK; x++, dst += 3, src += right)
                    memcpy(dst, src, 3);
            }
    *image = (viseme_image){.data = to,
                            .width = width,
                            .height = height,
                            .stride = 3 * (ptrdiff_t)width,
                            .format = image->format};
}
