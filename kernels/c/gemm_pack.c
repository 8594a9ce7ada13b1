/* Packing of the right-hand side of a matrix product. */
#include "kernels/c/c.h"

enum { BLOCK = 16 };

/* Where the columns of B lie side by side its rows are copied. */
static inline void copy_rows(float *dst, const float *src, const int32_t *k_index, int k, int count,
                             const int nr)
{
    for (int i = 0; i < k; i++, dst += nr) {
        const float *row = src + k_index[i];
        for (int j = 0; j < count; j++)
            dst[j] = row[j];
        for (int j = count; j < nr; j++)
            dst[j] = 0.0f;
    }
}

/* Sixteen k at a time: a source row is read in whole cache lines where k_index is dense, and the
 * 16 x nr block of dst stays in the L1 cache while its columns are filled. */
static inline void pack(float *dst, const float *src, ptrdiff_t n_stride, const int32_t *k_index,
                        int k, int n0, int n, const int nr)
{
    if (n_stride == 1) {
        copy_rows(dst, src + n0, k_index, k, n - n0 < nr ? n - n0 : nr, nr);
        return;
    }
    for (int k0 = 0; k0 < k; k0 += BLOCK, dst += BLOCK * nr) {
        const int end = k - k0 < BLOCK ? k - k0 : BLOCK;
        for (int j = 0; j < nr; j++) {
            if (n0 + j < n) {
                const float *row = src + (n0 + j) * n_stride;
                for (int i = 0; i < end; i++)
                    dst[i * nr + j] = row[k_index[k0 + i]];
            } else {
                for (int i = 0; i < end; i++)
                    dst[i * nr + j] = 0.0f;
            }
        }
    }
}

void vis_gemm_pack_f32_16_c(float *dst, const float *src, ptrdiff_t n_stride,
                            const int32_t *k_index, int k, int n0, int n)
{
    pack(dst, src, n_stride, k_index, k, n0, n, 16);
}

void vis_gemm_pack_f32_32_c(float *dst, const float *src, ptrdiff_t n_stride,
                            const int32_t *k_index, int k, int n0, int n)
{
    pack(dst, src, n_stride, k_index, k, n0, n, 32);
}
