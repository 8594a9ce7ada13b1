#include "signal/lrw_window.h"

#include <math.h>
#include <stdlib.h>

enum { ROI = 55 };

/* Lips, then the lower face's outline. */
static const short roi[ROI] = {0,   13,  14,  17,  37,  39,  40,  61,  78,  80,  81,  82,  84,  87,
                               88,  91,  95,  146, 178, 181, 185, 191, 267, 269, 270, 291, 308, 310,
                               311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415, 58,  172,
                               136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288};

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vis_lrw_centre(const float (*points)[3], size_t count, double out[2])
{
    double low = (double)points[0][0], high = low;
    for (size_t i = 1; i < count; i++) {
        low = fmin(low, (double)points[i][0]);
        high = fmax(high, (double)points[i][0]);
    }
    for (int k = 0; k < 2; k++) {
        double values[ROI], sum = 0;
        for (int i = 0; i < ROI; i++) {
            values[i] = (double)points[roi[i]][k];
            sum += values[i];
        }
        qsort(values, ROI, sizeof *values, ascending);
        out[k] = values[ROI / 2] + sum / ROI;
    }
    out[0] = (out[0] + low + high) / 4;
    out[1] /= 2;
}

static int begin_of(double centre, int window, double size)
{
    const double begin = floor(centre) - window / 2.0;
    const double last = floor(size) - window;
    if (begin <= 0 || last <= 0)
        return 0;
    return (int)(begin >= last ? last : begin);
}

void vis_lrw_window(double x, double y, double width, double height, int *left, int *top)
{
    *left = begin_of(x, VIS_LRW_WIDTH, width);
    *top = begin_of(y, VIS_LRW_HEIGHT, height);
}
