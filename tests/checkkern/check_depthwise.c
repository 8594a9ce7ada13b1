/* Depthwise convolution of a row of pixels. */
#include "tests/checkkern/ck.h"

#include <math.h>

enum { MAX_TAPS = 40 };

struct depthwise_call {
    vis_depthwise_fn *fn;
    float *dst;
    const float *src, *weight, *bias;
    ptrdiff_t dst_step, src_step;
    const ptrdiff_t *tap_offset;
    int taps, w, c;
};

static void call_depthwise(void *context)
{
    const struct depthwise_call *d = context;
    d->fn(d->dst, d->dst_step, d->src, d->src_step, d->tap_offset, d->taps, d->weight, d->bias,
          d->w, d->c);
}

static int block_of(int c)
{
    return (c + VIS_DEPTHWISE_BLOCK - 1) / VIS_DEPTHWISE_BLOCK * VIS_DEPTHWISE_BLOCK;
}

static void check_result(struct ck *t, const struct depthwise_call *d)
{
    for (int x = 0; x < d->w; x++) {
        for (int ch = 0; ch < d->c; ch++) {
            double sum = (double)d->bias[ch], size = fabs(sum);
            for (int tap = 0; tap < d->taps; tap++) {
                const double v = (double)d->src[x * d->src_step + d->tap_offset[tap] + ch] *
                                 (double)d->weight[tap * block_of(d->c) + ch];
                sum += v;
                size += fabs(v);
            }
            ck_near(t, d->dst[x * d->dst_step + ch], sum,
                    ck_gamma(d->taps + 1) * size + (d->taps + 1) * 0x1p-150, x, ch);
        }
        if (x + 1 < d->w)
            ck_unwritten(t, d->dst + x * d->dst_step + d->c, (size_t)(d->dst_step - d->c));
    }
}

/* `taps` offsets (the largest last), then exactly the floats that the row reaches. */
static bool fill_and_run(struct ck *t, struct depthwise_call *d, const ptrdiff_t *offset,
                         bool special)
{
    ptrdiff_t *taps = ck_bytes(t, CK_IN, (size_t)d->taps * sizeof *taps, sizeof *taps);
    for (int i = 0; i < d->taps; i++)
        taps[i] = offset[i];
    const size_t n = (size_t)((d->w - 1) * d->src_step + offset[d->taps - 1] + d->c);
    float *src = ck_in(t, n);
    if (special)
        ck_special(t, src, n, true);
    d->fn = t->k.depthwise_f32;
    d->tap_offset = taps;
    d->src = src;
    d->weight = ck_in_aligned(t, (size_t)(d->taps * block_of(d->c)));
    d->bias = ck_in_aligned(t, (size_t)block_of(d->c));
    d->dst = ck_out(t, (size_t)((d->w - 1) * d->dst_step + d->c));
    return ck_call(t, call_depthwise, d);
}

/* A row of a layer, whose input has its padding around it. */
static void check_layer(struct ck *t, const struct shape *s)
{
    ptrdiff_t offset[MAX_TAPS];
    const int *k = s->kernel, c = s->in[3], w = s->in[2], h = s->in[1];
    struct depthwise_call d = {.dst_step = c, .src_step = (ptrdiff_t)s->stride[2] * c, .c = c};
    d.w = (w - k[2]) / s->stride[2] + 1;
    if (k[0] * k[1] * k[2] > MAX_TAPS) {
        ck_fail(t, "%s: a window of more than %d taps", s->name, MAX_TAPS);
        return;
    }
    for (int kt = 0; kt < k[0]; kt++)
        for (int ky = 0; ky < k[1]; ky++)
            for (int kx = 0; kx < k[2]; kx++)
                offset[d.taps++] = (((ptrdiff_t)kt * h + ky) * w + kx) * c;
    if (ck_case(t, "%s", s->name) && fill_and_run(t, &d, offset, false))
        check_result(t, &d);
    if (t->bench) {
        ck_time_next(t);
        fill_and_run(t, &d, offset, false);
        ck_bench(t, 2.0 * d.taps * d.w * c, CK_GFLOPS, call_depthwise, &d, "depthwise %s row",
                 s->name);
    }
}

void check_depthwise(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.depthwise_f32, "depthwise_f32"))
        return;
    for (int round = 0; round < 420; round++) {
        ptrdiff_t offset[MAX_TAPS];
        struct depthwise_call d = {.w = ck_pick(t, 1, 21), .c = 1 + round % 70};
        d.taps = round % 2 ? 9 : ck_pick(t, 1, MAX_TAPS);
        d.dst_step = d.c + (ck_pick(t, 0, 1) ? ck_pick(t, 1, 40) : 0);
        d.src_step = ck_pick(t, 1, 120);
        offset[0] = 0;
        for (int i = 1; i < d.taps; i++)
            offset[i] = offset[i - 1] + ck_pick(t, 0, 60);
        if (!ck_case(t, "w=%d c=%d taps=%d", d.w, d.c, d.taps) ||
            !fill_and_run(t, &d, offset, round % 3 == 0))
            break;
        check_result(t, &d);
    }
    for (int i = 0; i < t->shapes.count; i++)
        if (t->shapes.shape[i].op == SHAPE_DEPTHWISE)
            check_layer(t, &t->shapes.shape[i]);
    ck_finish(t);
}
