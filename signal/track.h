/* Following a patch of a picture from frame to frame. Coarse search by normalised correlation,
 * then Gauss-Newton steps for shift and size to a fraction of a pixel: the inverse compositional
 * method of S. Baker and I. Matthews, "Lucas-Kanade 20 years on", IJCV 56 (3), 2004, with the
 * brightness and contrast of the patch taken out. */
#ifndef VIS_SIGNAL_TRACK_H
#define VIS_SIGNAL_TRACK_H

#include "base/error.h"

/* A grey picture: `height` rows of `width` bytes, `stride` bytes apart. */
struct vis_gray {
    const uint8_t *data;
    int width, height;
    size_t stride;
};

/* Where the patch is: its centre in continuous coordinates (the centre of pixel (i, j) is
 * (i + 0.5, j + 0.5)) and its width in pixels. The height follows from the tracker's shape. */
struct vis_patch {
    double x, y, width;
};

struct vis_track;

/* Makes a tracker whose patch is sampled at columns x rows points, 8 to 256 each, so the patch is
 * `rows / columns` times as high as wide. Returns VISEME_OK, VISEME_ERR_ARGUMENT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_track_create(struct vis_track **out, int columns, int rows, viseme_error *err);
void vis_track_free(struct vis_track *track);

/* Remembers how the patch looks in `picture` at `at`. Returns 1, or 0 when it is too flat to be
 * followed or not finite or under a pixel wide (the old look is gone either way). */
int vis_track_learn(struct vis_track *track, const struct vis_gray *picture,
                    const struct vis_patch *at);

/* Looks for the remembered patch.
 *
 *  at     in: where it should be; the search reaches about a fifth of its width from there and
 *         a tenth of its size. Out: where it is, unchanged when it is not found.
 *
 * Returns the correlation of what is there now with what was learned, -1 to 1: above 0.9 for the
 * same thing in like light, below 0.5 for something else; -1 when nothing was learned or the
 * search ran away. Parts outside of the picture repeat its edge. */
double vis_track_find(struct vis_track *track, const struct vis_gray *picture,
                      struct vis_patch *at);

#endif
