/* The window of a face that SyncVSR reads sentences from (LRS2, LRS3). */
#ifndef VIS_SIGNAL_LRS_WINDOW_H
#define VIS_SIGNAL_LRS_WINDOW_H

enum { VIS_LRS_SIDE = 128 }; /* pixels of the window, square */

/* Where the window begins, *left and *top, in a frame of width x height pixels, for a face whose
 * box has the centre (x, y) and so many pixels of height: its centre lies 0.2 of them below the
 * box's and at least half a window from the frame's edges; what is then between pixels is cut off.
 * In smaller frames it begins at 0. Numbers must be finite.
 * Source: KAIST-AILab/SyncVSR, LRS/video/preprocess. */
void vis_lrs_window(double x, double y, double face_height, double width, double height, int *left,
                    int *top);

#endif
