/* Between the streams of a sync network and what follows: windows of sound, and the matrix of
 * cosines. */
#ifndef VIS_NETS_SYNC_MATRIX_H
#define VIS_NETS_SYNC_MATRIX_H

#include <stddef.h>

/* How many windows of 20 rows, one every 4, there are in `rows` rows. */
size_t vis_sync_windows(size_t rows);

/* Window t: rows 4 t to 4 t + 19 of features [rows width], as a network takes it: out
 * [1 width 20]. 4 t + 19 < rows. */
void vis_sync_window(float *out, const float *features, int width, size_t t);

/* out [audios videos]: the cosine of every embedding of sound [audios n] with every one of mouths
 * [videos n], summed up in double. One of length 0 has the cosine 0 with all.
 * Source: Kim et al., "End-to-End Lip Synchronisation Based on Pattern Classification", 2021. */
void vis_sync_matrix(float *out, const float *audio, size_t audios, const float *video,
                     size_t videos, size_t n);

#endif
