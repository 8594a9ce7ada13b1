/* Cutting a small picture out of a large one through a similarity: shift, scale and rotation. */
#ifndef VIS_SIGNAL_WARP_H
#define VIS_SIGNAL_WARP_H

#include "viseme.h"

/* Maps a point (x, y) of the result to the point of the source
 *     (a x - b y + tx, b x + a y + ty).
 * Coordinates are continuous: pixel (i, j) covers the square from (i, j) to (i + 1, j + 1), its
 * centre is (i + 0.5, j + 0.5). */
struct vis_similarity {
    double a, b, tx, ty;
};

/* What lies outside of the source. */
enum vis_border {
    VIS_BORDER_NEAREST, /* the nearest pixel of its edge */
    VIS_BORDER_ZERO     /* black */
};

/* The upright similarity that maps a result of `width` pixels a row to a source rectangle of
 * `source_width` with the given centre; `height` is the result's. */
struct vis_similarity vis_similarity_box(double centre_x, double centre_y, double source_width,
                                         int width, int height);

/* Fills dst [height, width, 3] (B G R, rows next to each other) from the source.
 *
 *  m  finite. Source pixels are read bilinearly; where the result is the smaller one, each of its
 *     pixels averages an n x n grid of such readings, n the scale rounded up, at most 16, so that
 *     nothing in between is skipped up to that scale. The cost depends on the result's size and
 *     the scale only.
 *
 * A similarity without rotation at scale 1 and whole shifts copies pixels exactly. */
void vis_warp_bgr(const viseme_image *source, const struct vis_similarity *m,
                  enum vis_border border, uint8_t *dst, int width, int height);

#endif
