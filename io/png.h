/* PNG pictures through libpng. */
#ifndef VIS_IO_PNG_H
#define VIS_IO_PNG_H

#include "viseme.h"

struct vis_picture {
    int width, height;
    uint8_t *bgr; /* [height width 3]; owned, free with vis_picture_free() */
};

/* Reads any PNG (1 to 16 bit, grey, palette, alpha over black, interlaced) as BGR24, at most 16384
 * pixels a side; profiles and gamma are not looked at. Returns VISEME_OK, VISEME_ERR_INPUT,
 * VISEME_ERR_LIMIT (more than max_pixels) or VISEME_ERR_NOMEM. */
viseme_status vis_png_read(struct vis_picture *out, const char *path, uint64_t max_pixels,
                           viseme_error *err);
viseme_status vis_png_parse(struct vis_picture *out, const void *bytes, size_t size,
                            const char *name, uint64_t max_pixels, viseme_error *err);
void vis_picture_free(struct vis_picture *picture);

/* Writes an 8-bit RGB PNG through vis_output. Returns VISEME_OK, VISEME_ERR_ARGUMENT (size),
 * VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_png_write(const char *path, const viseme_image *image, viseme_error *err);

#endif
