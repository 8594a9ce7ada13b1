/* Between a frame and the network's faces: cutting a face out, and making of a new face the patch
 * that is pasted. */
#ifndef VIS_TASKS_DUB_PATCH_H
#define VIS_TASKS_DUB_PATCH_H

#include "base/error.h"
#include "signal/smooth_boxes.h"

/* How the colours of the network's faces differ from the frame's: planes c[0] + c[1] u + c[2] v
 * over the face, u and v from -0.5 to 0.5, one for each of B, G, R; followed over time. Starts as
 * {0}; starts anew with every face. */
struct vis_colour_match {
    double c[3][3];
    int started;
};

/* Cuts the box (within the frame) out and resizes it, face [96 96 3], B G R. */
void vis_dub_cut(const viseme_image *frame, struct vis_box box, uint8_t *face);

/* Memory that a patch of a box takes. */
size_t vis_dub_patch_bytes(struct vis_box box);

/* Makes the patch that lays `made` over the box; patch->bgr and ->mask come to lie in `memory`.
 *
 *  was, made  [96 96 3]: the face as it was cut out, and the network's
 *  weight     0 to 1: how much of it is seen
 *  match      NULL: the whole box, as it is; else the lower part with feathered edges, in the
 *             frame's colours
 */
void vis_dub_patch(viseme_patch *patch, uint8_t *memory, struct vis_box box, const uint8_t *was,
                   const uint8_t *made, double weight, struct vis_colour_match *match);

/* Cuts out the box as it is with the patch pasted; scratch as large as a patch of the box. */
void vis_dub_cut_pasted(const viseme_image *frame, struct vis_box box, const viseme_patch *patch,
                        uint8_t *scratch, uint8_t *face);

#endif
