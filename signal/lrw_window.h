/* The window of a face that SyncVSR reads words from (LRW).
 * Source: KAIST-AILab/SyncVSR, LRW/video/src. */
#ifndef VIS_SIGNAL_LRW_WINDOW_H
#define VIS_SIGNAL_LRW_WINDOW_H

#include <stddef.h>

enum { VIS_LRW_WIDTH = 112, VIS_LRW_HEIGHT = 96 }; /* pixels of the window */

/* The point that the window lies around: x is the mean of four numbers, the median and the mean of
 * 55 points of lips and chin, the leftmost and the rightmost of all points; y that of the median
 * and the mean alone.
 * points [count][3]: x, y, z of FaceMesh's mesh, at least 468 of them, finite. */
void vis_lrw_centre(const float (*points)[3], size_t count, double out[2]);

/* Where the window around (x, y) begins in a frame of width x height pixels. The point is cut down
 * to whole pixels; a window that would touch the frame's edge is laid along it. In frames smaller
 * than itself it begins at 0. Numbers must be finite and below 1e9. */
void vis_lrw_window(double x, double y, double width, double height, int *left, int *top);

#endif
