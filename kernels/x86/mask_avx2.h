/* Masks of the first n lanes of eight floats, for maskload and maskstore. */
#ifndef VIS_KERNELS_MASK_AVX2_H
#define VIS_KERNELS_MASK_AVX2_H

#include <immintrin.h>

/* Any n: none below 0, all above 8. */
static inline __m256i first_lanes(int n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
}

#endif
