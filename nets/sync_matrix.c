#include "nets/sync_matrix.h"

#include <math.h>

#include "nets/sync_streams.h"

size_t vis_sync_windows(size_t rows)
{
    return rows < VIS_SYNC_ROWS ? 0 : (rows - VIS_SYNC_ROWS) / VIS_SYNC_ROWS_PER_FRAME + 1;
}

void vis_sync_window(float *out, const float *features, int width, size_t t)
{
    const float *first = features + VIS_SYNC_ROWS_PER_FRAME * t * (size_t)width;
    for (int c = 0; c < width; c++)
        for (int i = 0; i < VIS_SYNC_ROWS; i++)
            out[c * VIS_SYNC_ROWS + i] = first[i * width + c];
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void vis_sync_matrix(float *out, const float *audio, size_t audios, const float *video,
                     size_t videos, size_t n)
{
    for (size_t i = 0; i < audios; i++) {
        const float *a = audio + i * n;
        double aa = dot(a, a, n);
        for (size_t j = 0; j < videos; j++) {
            const float *v = video + j * n;
            double lengths = sqrt(aa * dot(v, v, n));
            out[i * videos + j] = lengths > 0 ? (float)(dot(a, v, n) / lengths) : 0;
        }
    }
}
