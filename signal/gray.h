/* Grey pictures from 8-bit colour ones, smaller if wanted. */
#ifndef VIS_SIGNAL_GRAY_H
#define VIS_SIGNAL_GRAY_H

#include "viseme.h"

/* A rectangle of whole pixels; x to the right, y down. */
struct vis_rect {
    int x, y, width, height;
};

/* Grey picture of `area` of a colour picture, every factor x factor block made one pixel.
 *
 *  area    inside the picture, at least factor x factor pixels.
 *  factor  1 to 64.
 *  out     [area.height / factor, area.width / factor] bytes, rows next to each other; pixels of
 *          the area that do not fill a block at its right and lower edge are left out.
 *
 * Grey is (3735 B + 19235 G + 9798 R) / 2^15, rounded once after averaging: for factor 1 the same
 * bytes as OpenCV's BGR2GRAY. */
void vis_gray_reduce(const viseme_image *image, const struct vis_rect *area, int factor,
                     uint8_t *out);

#endif
