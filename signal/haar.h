/* Finding objects with a Haar cascade. Every number follows OpenCV 4.6's CascadeClassifier (scale
 * pyramid by INTER_LINEAR_EXACT, variance normalisation, float32 features, float64 stage sums,
 * groupRectangles with eps 0.2), so windows, stage sums and boxes are the same. */
#ifndef VIS_SIGNAL_HAAR_H
#define VIS_SIGNAL_HAAR_H

#include "base/error.h"
#include "signal/cascade.h"
#include "signal/gray.h"

struct vis_haar_options {
    double scale_factor;       /* from one window size to the next, 1.01 to 10; 1.1 is usual */
    int min_neighbors;         /* a group needs more windows than this; 0: no grouping */
    int min_width, min_height; /* of a window; 0: the cascade's own */
    int max_width, max_height; /* of a window; either 0: as large as the picture */
};

/* An accepted window, before grouping and clipping. */
struct vis_haar_window {
    struct vis_rect box;
    double weight; /* sum of the last stage */
};

/* A group of windows that agree, clipped to the picture. */
struct vis_haar_box {
    struct vis_rect box;
    int neighbors; /* windows in the group */
};

struct vis_haar;

/* Makes a detector. It takes over `cascade` (also when it fails) and frees it with itself.
 * Returns VISEME_OK or VISEME_ERR_NOMEM. One thread at a time. */
viseme_status vis_haar_create(struct vis_haar **out, struct vis_cascade *cascade,
                              viseme_error *err);
void vis_haar_free(struct vis_haar *haar);

/* Looks for objects in a grey picture.
 *
 *  gray    `height` rows of `width` bytes, 1 to 16384 each, `stride` bytes apart.
 *  roi     NULL for the whole picture, or the part to search, inside it. The part counts as a
 *          picture of its own, but windows and boxes are in pixels of the whole.
 *  opts    see above.
 *
 * The result is read with the two functions below until the next search. Returns VISEME_OK,
 * VISEME_ERR_ARGUMENT (an option or the part to search out of range), VISEME_ERR_MODEL (a cascade
 * that accepts more than 16384 windows of one picture) or VISEME_ERR_NOMEM. */
viseme_status vis_haar_detect(struct vis_haar *haar, const uint8_t *gray, int width, int height,
                              size_t stride, const struct vis_rect *roi,
                              const struct vis_haar_options *opts, viseme_error *err);

/* Boxes of the last search in OpenCV's order, and the accepted windows in scan order. They belong
 * to the detector. */
const struct vis_haar_box *vis_haar_boxes(const struct vis_haar *haar, size_t *count);
const struct vis_haar_window *vis_haar_windows(const struct vis_haar *haar, size_t *count);

/* Groups windows as OpenCV's groupRectangles does (eps 0.2), without clipping.
 *
 *  boxes  room for `count` boxes; receives *found of them.
 *  work   room for 2 * count ints.
 */
void vis_haar_group(const struct vis_haar_window *windows, size_t count, int min_neighbors,
                    struct vis_haar_box *boxes, size_t *found, int *work);

#endif
