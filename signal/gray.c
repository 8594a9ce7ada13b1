#include "signal/gray.h"

enum { BLUE = 3735, GREEN = 19235, RED = 9798, GRAY_BITS = 15 };

static const uint8_t *pixel_at(const viseme_image *image, int x, int y)
{
    return image->data + (ptrdiff_t)y * image->stride + (ptrdiff_t)x * 3;
}

/* Weights of the three bytes of a pixel. */
struct weights {
    uint32_t w[3];
};

static uint8_t block_gray(const viseme_image *image, int x, int y, int factor, struct weights k)
{
    const uint64_t unit = (uint64_t)(factor * factor) << GRAY_BITS;
    uint64_t sum = unit / 2;
    for (int j = 0; j < factor; j++) {
        const uint8_t *p = pixel_at(image, x, y + j);
        uint32_t row = 0; /* at most 64 pixels of 255 * 2^15: fits */
        for (int i = 0; i < factor; i++, p += 3)
            row += p[0] * k.w[0] + p[1] * k.w[1] + p[2] * k.w[2];
        sum += row;
    }
    return (uint8_t)(sum / unit);
}

void vis_gray_reduce(const viseme_image *image, const struct vis_rect *area, int factor,
                     uint8_t *out)
{
    const int width = area->width / factor, height = area->height / factor;
    const struct weights k = image->format == VISEME_RGB24 ? (struct weights){{RED, GREEN, BLUE}}
                                                           : (struct weights){{BLUE, GREEN, RED}};
    for (int y = 0; y < height; y++, out += width) {
        if (factor > 1) {
            for (int x = 0; x < width; x++)
                out[x] = block_gray(image, area->x + x * factor, area->y + y * factor, factor, k);
            continue;
        }
        const uint8_t *p = pixel_at(image, area->x, area->y + y);
        for (int x = 0; x < width; x++, p += 3)
            out[x] = (uint8_t)((p[0] * k.w[0] + p[1] * k.w[1] + p[2] * k.w[2] +
                                (1u << (GRAY_BITS - 1))) >>
                               GRAY_BITS);
    }
}
