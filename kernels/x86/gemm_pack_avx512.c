/* Packing of the right-hand side of a matrix product, squares of 16 x 16 at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/c/c.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

#include <immintrin.h>

enum { SIDE = 16, NR = 32 };

/* dst[i * NR + j] = src[j * step + i]. Four rounds of exchanges between the rows: of elements,
 * pairs, fours and eights. */
static inline void turn_square(float *dst, const float *src, ptrdiff_t step)
{
    __m512i a[SIDE], b[SIDE];
    VIS_UNROLL
    for (int i = 0; i < SIDE; i++)
        a[i] = _mm512_loadu_si512(src + i * step);
    VIS_UNROLL
    for (int i = 0; i < SIDE; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    VIS_UNROLL
    for (int i = 0; i < SIDE; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 g + c]: columns c, c + 4, c + 8 and c + 12 of rows 4 g .. 4 g + 3 */
    VIS_UNROLL
    for (int c = 0; c < 4; c++) {
        const __m512i even = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xdd);
        const __m512i even2 = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
        const __m512i odd2 = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xdd);
        _mm512_store_si512(dst + c * NR, _mm512_shuffle_i32x4(even, even2, 0x88));
        _mm512_store_si512(dst + (c + 4) * NR, _mm512_shuffle_i32x4(odd, odd2, 0x88));
        _mm512_store_si512(dst + (c + 8) * NR, _mm512_shuffle_i32x4(even, even2, 0xdd));
        _mm512_store_si512(dst + (c + 12) * NR, _mm512_shuffle_i32x4(odd, odd2, 0xdd));
    }
}

/* Whether 16 entries follow each other. */
static inline int is_run(const int32_t *index)
{
    const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i want = _mm512_add_epi32(_mm512_set1_epi32(index[0]), steps);
    return _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(index), want) == 0;
}

void vis_gemm_pack_f32_32_avx512(float *dst, const float *src, ptrdiff_t n_stride,
                                 const int32_t *k_index, int k, int n0, int n)
{
    int first = 0; /* what is packed already: squares as long as there are any */
    if (n - n0 >= NR && n_stride != 1)
        for (; k - first >= SIDE && is_run(k_index + first); first += SIDE)
            for (int half = 0; half < NR; half += SIDE)
                turn_square(dst + (ptrdiff_t)first * NR + half,
                            src + (n0 + half) * n_stride + k_index[first], n_stride);
    vis_gemm_pack_f32_32_c(dst + (ptrdiff_t)first * NR, src, n_stride, k_index + first, k - first,
                           n0, n);
}
