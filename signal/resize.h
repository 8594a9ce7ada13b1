/* Resizing 8-bit pictures bilinearly, with the numbers of OpenCV's cv2.resize (INTER_LINEAR): no
 * smoothing when shrinking, weights of 11 bits, exact halves by the mean of 2 x 2 pixels. */
#ifndef VIS_SIGNAL_RESIZE_H
#define VIS_SIGNAL_RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* A picture of `channels` bytes a pixel (1 to 4), rows `stride` bytes apart (may be negative). */
struct vis_bytes {
    const uint8_t *data;
    int width, height, channels; /* sides 1 to 16384 */
    ptrdiff_t stride;
};

/* Fills dst [height width channels], rows next to each other, with all of `source`.
 * width, height: 1 to 16384. Position x of the result reads the source at
 * (x + 0.5) * source.width / width - 0.5; beyond the edge the edge is repeated. */
void vis_resize(const struct vis_bytes *source, uint8_t *dst, int width, int height);

#endif
