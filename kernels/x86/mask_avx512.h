/* The first n of sixteen floats. Whole vectors take plain moves: masked ones are slow on some CPUs,
 * stores above all. */
#ifndef VIS_KERNELS_MASK_AVX512_H
#define VIS_KERNELS_MASK_AVX512_H

#include <immintrin.h>

/* Any n: none below 0, all above 16. */
static inline __mmask16 first_lanes(int n)
{
    return n <= 0 ? 0 : n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

/* The other lanes are 0. */
static inline __m512 load_first(const float *p, int n)
{
    return n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first_lanes(n), p);
}

static inline void store_first(float *p, int n, __m512 x)
{
    if (n >= 16)
        _mm512_storeu_ps(p, x);
    else
        _mm512_mask_storeu_ps(p, first_lanes(n), x);
}

#endif
