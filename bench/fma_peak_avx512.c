/* The multiply-add loop of the peak measurement, for AVX-512. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "bench/fma_peak.h"
#include "kernels/x86/unroll.h"

#include <immintrin.h>

enum { CHAINS = 12 };

float vis_fma_loop_avx512(long rounds)
{
    const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f);
    __m512 s[CHAINS];
    VIS_UNROLL
    for (int i = 0; i < CHAINS; i++)
        s[i] = _mm512_set1_ps(3.0f + (float)i); /* equal or constant chains would be dropped */
    for (long r = 0; r < 2 * rounds; r++) {
        VIS_UNROLL
        for (int i = 0; i < CHAINS; i++)
            s[i] = _mm512_fmadd_ps(s[i], a, b);
    }
    __m512 sum = s[0];
    VIS_UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum = _mm512_add_ps(sum, s[i]);
    return _mm512_cvtss_f32(sum);
}
