/* The multiply-add loop of the peak measurement, for AVX2. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with the AVX2 flags of the Makefile"
#endif
#include "bench/fma_peak.h"
#include "kernels/x86/unroll.h"

#include <immintrin.h>

enum { CHAINS = 12 };

float vis_fma_loop_avx2(long rounds)
{
    const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f);
    __m256 s[CHAINS];
    VIS_UNROLL
    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm256_set1_ps(3.0f + (float)i); /* equal or constant chains would be dropped */
    for (long r = 0; r < 2 * rounds; r++) {
        VIS_UNROLL
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm256_fmadd_ps(s[i], a, b);
    }
    __m256 sum = s[0];
    VIS_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum = _mm256_add_ps(sum, s[i]);
    return _mm256_cvtss_f32(sum);
}
