/* A picture of how lips and sound go together: the cost of every offset, the similarity of pictures
 * and sound over time, and the offsets over time. */
#ifndef VIS_IO_SYNC_PLOT_H
#define VIS_IO_SYNC_PLOT_H

#include <stdio.h>

#include "viseme.h"

struct vis_sync_plot {
    const char *title, *text, *note; /* UTF-8: the file; the result; how it was found */
    const double *curve;             /* [curve_count] from `curve_first` frames of 40 ms on */
    size_t curve_count;              /* 0: there is none */
    int curve_first;
    const char *cost;        /* what the curve is of */
    const float *similarity; /* [rows columns] of the face that is drawn, see
                                viseme_sync_similarity(); NULL: there is none */
    size_t rows, columns;
    double start_s; /* of row 0 */
    const viseme_sync_window *windows;
    size_t window_count;
    int known; /* 1: offset_ms is marked */
    double offset_ms;
};

/* Draws it as a PNG of 1500 x 1240 pixels. A failed write is seen by whoever owns the stream;
 * `name` is for messages. Returns VISEME_OK, VISEME_ERR_ARGUMENT (a build without cairo) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_sync_plot_write(FILE *to, const struct vis_sync_plot *plot, const char *name,
                                  viseme_error *err);

#endif
