/* Packing of the right-hand side of a matrix product, squares of 16 x 16 at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { SIDE = 16, NR = 32 };

/* Turns rows into columns: four rounds of exchanges between them, of elements, pairs, fours and
 * eights. */
static inline __attribute__((always_inline)) void turn(__m512i a[SIDE])
{
    __m512i b[SIDE];
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
        b[c] = _mm512_shuffle_i32x4(even, even2, 0x88);
        b[c + 4] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
        b[c + 8] = _mm512_shuffle_i32x4(even, even2, 0xdd);
        b[c + 12] = _mm512_shuffle_i32x4(odd, odd2, 0xdd);
    }
    VIS_UNROLL
    for (int i = 0; i < SIDE; i++)
        a[i] = b[i];
}

/* dst[i * NR + j] = src[j * step + index[i]], i < k; zeros for j >= rows. */
static void pack_square(float *dst, const float *src, ptrdiff_t step, const int32_t *index, int k,
                        int rows)
{
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __mmask16 lanes = first_lanes(k);
    const __m512i at = _mm512_maskz_loadu_epi32(lanes, index);
    const __m512i run = _mm512_add_epi32(_mm512_set1_epi32(index[0]), order);
    const int dense = _mm512_mask_cmpneq_epi32_mask(lanes, at, run) == 0;
    __m512i a[SIDE];
    VIS_UNROLL
    for (int j = 0; j < SIDE; j++, src += step) {
        if (j >= rows)
            a[j] = _mm512_setzero_si512();
        else if (dense)
            a[j] = _mm512_maskz_loadu_epi32(lanes, src + index[0]);
        else
            a[j] = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, at, src, 4);
    }
    turn(a);
    VIS_UNROLL
    for (int i = 0; i < SIDE; i++)
        if (i < k)
            _mm512_store_si512(dst + i * NR, a[i]);
}

void vis_gemm_pack_f32_32_avx512(float *dst, const float *src, ptrdiff_t n_stride,
                                 const int32_t *k_index, int k, int n0, int n)
{
    const int rows = n - n0;
    if (n_stride == 1) { /* columns lie side by side: rows of B are copied */
        for (int i = 0; i < k; i++, dst += NR) {
            const float *row = src + n0 + k_index[i];
            _mm512_store_ps(dst, load_first(row, rows));
            _mm512_store_ps(dst + SIDE, load_first(row + SIDE, rows - SIDE));
        }
        return;
    }
    for (int first = 0; first < k; first += SIDE)
        for (int half = 0; half < NR; half += SIDE)
            pack_square(dst + (ptrdiff_t)first * NR + half, src + (n0 + half) * n_stride, n_stride,
                        k_index + first, k - first, rows - half);
}
