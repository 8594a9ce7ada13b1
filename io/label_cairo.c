#include <math.h>
#include <stdlib.h>

#include <cairo.h>

#include "base/error.h"
#include "io/label.h"

#define HEIGHT_SHARE 0.05 /* of the text in the picture */
#define LEAST_PIXELS 6.0  /* below this nobody can read it */
#define GROUND_ALPHA 0.6

/* The size at which the text fits, and its extents at it; 0: none. */
static double fit(cairo_t *c, const char *text, int width, int height,
                  cairo_text_extents_t *extents)
{
    double size = fmax(12, height * HEIGHT_SHARE);
    for (; size >= LEAST_PIXELS; size *= 0.9) {
        cairo_set_font_size(c, size);
        cairo_text_extents(c, text, extents);
        if (extents->x_advance + size <= width && 1.6 * size <= height)
            return size;
    }
    return 0;
}

/* Cairo's pixels (native 32 bits, colours times alpha) to B G R and a mask. */
static void split(cairo_surface_t *surface, uint8_t *bgr, uint8_t *mask)
{
    const int width = cairo_image_surface_get_width(surface);
    const int height = cairo_image_surface_get_height(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    for (int y = 0; y < height; y++) {
        const uint32_t *row =
            (const uint32_t *)(const void *)(data + (ptrdiff_t)y *
                                                        cairo_image_surface_get_stride(surface));
        for (int x = 0; x < width; x++, bgr += 3) {
            const uint32_t alpha = row[x] >> 24;
            for (int i = 0; i < 3; i++)
                bgr[i] = alpha ? (uint8_t)(((row[x] >> 8 * i & 255) * 255 + alpha / 2) / alpha) : 0;
            *mask++ = (uint8_t)alpha;
        }
    }
}

static cairo_t *begin(cairo_surface_t *surface)
{
    cairo_t *c = cairo_create(surface);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    return c;
}

static void draw(cairo_surface_t *surface, const char *text, double size, int width, int height)
{
    cairo_t *c = begin(surface);
    cairo_set_source_rgba(c, 0, 0, 0, GROUND_ALPHA);
    cairo_rectangle(c, 0, 0, width, height);
    cairo_fill(c);
    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_set_font_size(c, size);
    cairo_move_to(c, 0.5 * size, 1.15 * size);
    cairo_show_text(c, text);
    cairo_destroy(c);
    cairo_surface_flush(surface);
}

viseme_status vis_label_draw(viseme_patch *patch, const char *text, int width, int height,
                             viseme_error *err)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 1, 1);
    cairo_t *c = begin(surface);
    cairo_text_extents_t extents = {0};
    const double size = fit(c, text, width, height, &extents);
    const int failed = cairo_status(c) != CAIRO_STATUS_SUCCESS;

    *patch = (viseme_patch){0};
    cairo_destroy(c);
    cairo_surface_destroy(surface);
    if (failed)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "the label is not text in UTF-8");
    if (size == 0 || extents.x_advance <= 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "the label is empty or too long for a picture of %d x %d", width, height);
    const int w = (int)ceil(extents.x_advance + size), h = (int)ceil(1.6 * size);
    const size_t pixels = (size_t)w * (size_t)h;
    uint8_t *memory = malloc(4 * pixels);
    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
    if (!memory || cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
        free(memory);
        cairo_surface_destroy(surface);
        return vis_fail_nomem(err, 8 * pixels);
    }
    draw(surface, text, size, w, h);
    split(surface, memory, memory + 3 * pixels);
    cairo_surface_destroy(surface);
    const int margin = (int)(0.5 * size);
    *patch = (viseme_patch){.x = margin < width - w ? margin : width - w,
                            .y = margin < height - h ? height - h - margin : 0,
                            .width = w,
                            .height = h,
                            .bgr = memory,
                            .mask = memory + 3 * pixels};
    return VISEME_OK;
}
