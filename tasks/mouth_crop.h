/* The mouth crop of a face whose landmarks are known. */
#ifndef VIS_TASKS_MOUTH_CROP_H
#define VIS_TASKS_MOUTH_CROP_H

#include "signal/affine.h"
#include "viseme.h"

enum { VIS_MOUTH_POINTS = 51 };

/* The map from LipNet's 256 x 256 template to the frame, by points 17 to 67 of the 68 of iBUG
 * 300-W: (x, y) in pixels of the frame. */
struct vis_affine vis_mouth_align(const float (*points)[2]);

/* Where the crop's centre lies in the frame. */
void vis_mouth_centre(const struct vis_affine *back, double out[2]);

/* Cuts LipNet's crop, 64 x 128 pixels B G R.
 *
 *  back  from the 256 x 256 template to the frame.
 *
 * As LipNet-PyTorch (demo.py) does it: the frame warped to the template, 160 x 80 of that around
 * the mouth, resized; bilinear without smoothing, black outside. Only the 160 x 80 are made. Where
 * that would skip pixels, because the face is more than twice as large as the template, the crop
 * is read from the frame at once, and smoothed. */
void vis_mouth_crop(const viseme_image *frame, const struct vis_affine *back, uint8_t *crop);

#endif
