/* Masks of the first n lanes of sixteen floats. */
#ifndef VIS_KERNELS_MASK_AVX512_H
#define VIS_KERNELS_MASK_AVX512_H

#include <immintrin.h>

/* Any n: none below 0, all above 16. */
static inline __mmask16 first_lanes(int n)
{
    return n <= 0 ? 0 : n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

#endif
