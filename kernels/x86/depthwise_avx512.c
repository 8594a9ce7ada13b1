/* Depthwise convolution of one row of pixels, 16 channels at a time. */
#if !defined(__AVX512F__)
#error "compile this file with the AVX-512 flags of the Makefile"
#endif
#include "kernels/x86/mask_avx512.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/x86.h"

enum { LANES = 16, SQUARE = 9, MANY = 4 };

/* One row and block of channels. */
struct row {
    float *dst;
    const float *src;
    ptrdiff_t dst_step, src_step, weight_step;
    const ptrdiff_t *tap_offset;
    const float *weight, *bias;
    int taps, w, n; /* n: channels of the block, LANES unless it is the last */
};

/* A 3 x 3 kernel: its weights and offsets stay in registers. The sums of neighbouring pixels do not
 * wait for each other, so the CPU overlaps them by itself. `whole` is a constant at each call. */
static inline __attribute__((always_inline)) void square_row(const struct row *r, const int whole)
{
    const __mmask16 mask = first_lanes(r->n);
    const __m512 bias = _mm512_load_ps(r->bias);
    const ptrdiff_t src_step = r->src_step, dst_step = r->dst_step;
    const float *src = r->src;
    float *dst = r->dst;
    __m512 weight[SQUARE];
    ptrdiff_t offset[SQUARE];
    VIS_UNROLL
    for (int tap = 0; tap < SQUARE; tap++) {
        weight[tap] = _mm512_load_ps(r->weight + tap * r->weight_step);
        offset[tap] = r->tap_offset[tap];
    }
    for (int left = r->w; left > 0; left--, src += src_step, dst += dst_step) {
        __m512 sum = bias;
        VIS_UNROLL
        for (int tap = 0; tap < SQUARE; tap++) {
            const float *at = src + offset[tap];
            sum = _mm512_fmadd_ps(whole ? _mm512_loadu_ps(at) : _mm512_maskz_loadu_ps(mask, at),
                                  weight[tap], sum);
        }
        if (whole)
            _mm512_storeu_ps(dst, sum);
        else
            _mm512_mask_storeu_ps(dst, mask, sum);
    }
}

static void any_row(const struct row *r)
{
    const __mmask16 mask = first_lanes(r->n);
    for (int x = 0; x < r->w; x++) {
        const float *src = r->src + x * r->src_step;
        float *dst = r->dst + x * r->dst_step;
        __m512 sum = _mm512_load_ps(r->bias);
        for (int tap = 0; tap < r->taps; tap++) {
            const float *at = src + r->tap_offset[tap];
            sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, at),
                                  _mm512_load_ps(r->weight + tap * r->weight_step), sum);
        }
        _mm512_mask_storeu_ps(dst, mask, sum);
    }
}

/* MANY whole blocks of channels side by side: a long kernel is a long chain of multiply-adds, and
 * one alone waits for itself. */
static void many_row(const struct row *r)
{
    for (int x = 0; x < r->w; x++) {
        const float *src = r->src + x * r->src_step;
        float *dst = r->dst + x * r->dst_step;
        __m512 sum[MANY];
        VIS_UNROLL
        for (int i = 0; i < MANY; i++)
            sum[i] = _mm512_load_ps(r->bias + i * LANES);
        for (int tap = 0; tap < r->taps; tap++) {
            const float *at = src + r->tap_offset[tap], *weight = r->weight + tap * r->weight_step;
            VIS_UNROLL
            for (int i = 0; i < MANY; i++)
                sum[i] = _mm512_fmadd_ps(_mm512_loadu_ps(at + i * LANES),
                                         _mm512_load_ps(weight + i * LANES), sum[i]);
        }
        VIS_UNROLL
        for (int i = 0; i < MANY; i++)
            _mm512_storeu_ps(dst + i * LANES, sum[i]);
    }
}

void vis_depthwise_f32_avx512(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                              const ptrdiff_t *tap_offset, int taps, const float *weight,
                              const float *bias, int w, int c)
{
    const int blocks = (c + VIS_DEPTHWISE_BLOCK - 1) / VIS_DEPTHWISE_BLOCK;
    for (int ch = 0, done; ch < c; ch += done) {
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
            .w = w,
            .n = c - ch,
        };
        done = taps != SQUARE && r.n >= MANY * LANES ? MANY * LANES : LANES;
        if (done > LANES)
            many_row(&r);
        else if (taps != SQUARE)
            any_row(&r);
        else if (r.n >= LANES)
            square_row(&r, 1);
        else
            square_row(&r, 0);
    }
}
