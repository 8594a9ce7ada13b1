/* Scene cuts, by comparing a coarse grey picture of every frame with that of the frame before. */
#ifndef VIS_SIGNAL_CUT_H
#define VIS_SIGNAL_CUT_H

#include "viseme.h"

enum { VIS_CUT_COLUMNS = 48, VIS_CUT_ROWS = 32 };

/* All zero before the first frame. */
struct vis_cut {
    int started;
    double usual; /* running mean of the change from frame to frame */
    float before[VIS_CUT_ROWS * VIS_CUT_COLUMNS];
};

/* Takes the next frame, of any size. Returns 1 when it belongs to another scene than the frame
 * before, else 0 (also for the first one).
 *
 * The change between two frames is 1 minus the correlation of their grey values at 48 x 32
 * points, so light and contrast do not matter. A cut is a change above 0.25 plus four times what
 * is usual, at most 0.7. Fades and dissolves are not cuts. */
int vis_cut_push(struct vis_cut *cut, const viseme_image *frame);

#endif
