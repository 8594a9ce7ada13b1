/* Depthwise convolution of one row of pixels, 16 channels of eight pixels at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { LANES = 16, PIXELS = 8, SQUARE = 9 };

/* One row and block of channels. */
struct row {
    float *dst;
    const float *src;
    ptrdiff_t dst_step, src_step, weight_step;
    const ptrdiff_t *tap_offset;
    const float *weight, *bias;
    int taps, n; /* n: channels of the block, 16 unless it is the last */
};

/* `pixels` and `whole` are constants at each call, so that sum[] becomes registers. `square`: the
 * weights of a 3 x 3 kernel, which stay in registers; NULL: they are read from memory. */
static inline __attribute__((always_inline)) void
columns(const struct row *r, int x, const int pixels, const int whole, const __m512 *square)
{
    const float *src = r->src + x * r->src_step;
    float *dst = r->dst + x * r->dst_step;
    __m512 sum[PIXELS];
    VIS_UNROLL
    for (int i = 0; i < pixels; i++)
        sum[i] = _mm512_load_ps(r->bias);
    const __mmask16 mask = first_lanes(r->n);
    const int taps = square ? SQUARE : r->taps;
    VIS_UNROLL
    for (int tap = 0; tap < taps; tap++) {
        const float *from = src + r->tap_offset[tap];
        const __m512 w = square ? square[tap] : _mm512_load_ps(r->weight + tap * r->weight_step);
        VIS_UNROLL
        for (int i = 0; i < pixels; i++) {
            const float *p = from + i * r->src_step;
            sum[i] = _mm512_fmadd_ps(whole ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(mask, p), w,
                                     sum[i]);
        }
    }
    VIS_UNROLL
    for (int i = 0; i < pixels; i++)
        store_first(dst + i * r->dst_step, whole ? LANES : r->n, sum[i]);
}

static inline __attribute__((always_inline)) void
pixels_of_row(const struct row *r, int w, const int whole, const __m512 *square)
{
    int x = 0;
    for (; w - x >= PIXELS; x += PIXELS)
        columns(r, x, PIXELS, whole, square);
    for (; w - x >= 4; x += 4)
        columns(r, x, 4, whole, square);
    for (; x < w; x++)
        columns(r, x, 1, whole, square);
}

static void square_row(const struct row *r, int w)
{
    __m512 square[SQUARE];
    VIS_UNROLL
    for (int tap = 0; tap < SQUARE; tap++)
        square[tap] = _mm512_load_ps(r->weight + tap * r->weight_step);
    if (r->n >= LANES)
        pixels_of_row(r, w, 1, square);
    else
        pixels_of_row(r, w, 0, square);
}

static void any_row(const struct row *r, int w)
{
    if (r->n >= LANES)
        pixels_of_row(r, w, 1, NULL);
    else
        pixels_of_row(r, w, 0, NULL);
}

void vis_depthwise_f32_avx512(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                              const ptrdiff_t *tap_offset, int taps, const float *weight,
                              const float *bias, int w, int c)
{
    const int blocks = (c + VIS_DEPTHWISE_BLOCK - 1) / VIS_DEPTHWISE_BLOCK;
    for (int ch = 0; ch < c; ch += LANES) {
        const struct row r = {
            .dst = dst + ch,
            .src = src + ch,
            .dst_step = dst_step,
            .src_step = src_step,
            .weight_step = blocks * VIS_DEPTHWISE_BLOCK,
            .tap_offset = tap_offset,
            .weight = weight + ch,
            .bias = bias + ch,
            .taps = taps,
            .n = c - ch,
        };
        if (taps == SQUARE)
            square_row(&r, w);
        else
            any_row(&r, w);
    }
}
