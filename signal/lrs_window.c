#include "signal/lrs_window.h"

#include <math.h>

#define DOWN 0.2 /* of the box's height */

/* The beginning of a window around `centre` in a side of `size`. */
static int begin_of(double centre, double size)
{
    const double half = VIS_LRS_SIDE / 2.0;
    return (int)(fmax(half, fmin(centre, size - half)) - half);
}

void vis_lrs_window(double x, double y, double face_height, double width, double height, int *left,
                    int *top)
{
    *left = begin_of(x, width);
    *top = begin_of(y + DOWN * face_height, height);
}
