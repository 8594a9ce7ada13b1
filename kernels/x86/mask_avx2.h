/* The first n of eight floats. Whole vectors take plain moves: masked ones are slow on some CPUs,
 * stores above all. */
#ifndef VIS_KERNELS_MASK_AVX2_H
#define VIS_KERNELS_MASK_AVX2_H

#include <immintrin.h>

/* Any n: none below 0, all above 8. */
static inline __m256i first_lanes(int n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
}

/* The other lanes are 0. */
static inline __m256 load_first(const float *p, int n)
{
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}

static inline void store_first(float *p, int n, __m256 x)
{
    if (n >= 8)
        _mm256_storeu_ps(p, x);
    else
        _mm256_maskstore_ps(p, first_lanes(n), x);
}

#endif
