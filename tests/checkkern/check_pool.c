/* Max pooling of a row of pixels. */
#include "tests/checkkern/ck.h"

#include <math.h>

struct pool_call {
    vis_maxpool_fn *fn;
    float *dst;
    const float *src;
    ptrdiff_t dst_step, src_step;
    const ptrdiff_t *tap_offset;
    int taps, w, c;
};

static void call_pool(void *context)
{
    const struct pool_call *p = context;
    p->fn(p->dst, p->dst_step, p->src, p->src_step, p->tap_offset, p->taps, p->w, p->c);
}

static void check_result(struct ck *t, const struct pool_call *p)
{
    for (int x = 0; x < p->w; x++) {
        for (int ch = 0; ch < p->c; ch++) {
            double want = -INFINITY;
            for (int tap = 0; tap < p->taps; tap++) {
                const double v = (double)p->src[x * p->src_step + p->tap_offset[tap] + ch];
                if (v > want || isnan(v))
                    want = v;
                if (isnan(v))
                    break;
            }
            ck_near(t, p->dst[x * p->dst_step + ch], want, 0.0, x, ch);
        }
        if (x + 1 < p->w)
            ck_unwritten(t, p->dst + x * p->dst_step + p->c, (size_t)(p->dst_step - p->c));
    }
}

/* `taps` offsets (the largest last), then exactly the floats that the window reaches. */
static bool fill_and_run(struct ck *t, struct pool_call *p, const ptrdiff_t *offset, bool special)
{
    ptrdiff_t *taps = ck_bytes(t, CK_IN, (size_t)p->taps * sizeof *taps, sizeof *taps);
    for (int i = 0; i < p->taps; i++)
        taps[i] = offset[i];
    const size_t n = (size_t)((p->w - 1) * p->src_step + offset[p->taps - 1] + p->c);
    float *src = ck_in(t, n);
    if (special)
        ck_special(t, src, n, true);
    p->fn = t->k.maxpool_f32;
    p->tap_offset = taps;
    p->src = src;
    p->dst = ck_out(t, (size_t)((p->w - 1) * p->dst_step + p->c));
    return ck_call(t, call_pool, p);
}

static void check_layer(struct ck *t, const struct shape *s)
{
    ptrdiff_t offset[64];
    const int *k = s->kernel, c = s->in[3], w = s->in[2], h = s->in[1];
    struct pool_call p = {.dst_step = c, .src_step = (ptrdiff_t)s->stride[2] * c, .c = c};
    p.w = (w - k[2]) / s->stride[2] + 1;
    if (k[0] * k[1] * k[2] > 64) {
        ck_fail(t, "%s: a window of more than 64 taps", s->name);
        return;
    }
    for (int kt = 0; kt < k[0]; kt++)
        for (int ky = 0; ky < k[1]; ky++)
            for (int kx = 0; kx < k[2]; kx++)
                offset[p.taps++] = (((ptrdiff_t)kt * h + ky) * w + kx) * c;
    if (ck_case(t, "%s", s->name) && fill_and_run(t, &p, offset, false))
        check_result(t, &p);
    if (t->bench) {
        ck_time_next(t);
        fill_and_run(t, &p, offset, false);
        ck_bench(t, 4.0 * (p.taps + 1) * p.w * c, CK_GBYTES, call_pool, &p, "maxpool %s row",
                 s->name);
    }
}

void check_maxpool(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.maxpool_f32, "maxpool_f32"))
        return;
    for (int round = 0; round < 280; round++) {
        ptrdiff_t offset[9];
        struct pool_call p = {.w = ck_pick(t, 1, 9), .c = 1 + round % 70};
        p.taps = ck_pick(t, 1, 9);
        p.dst_step = p.c + (ck_pick(t, 0, 1) ? ck_pick(t, 1, 40) : 0);
        p.src_step = ck_pick(t, 1, 120);
        offset[0] = 0;
        for (int i = 1; i < p.taps; i++)
            offset[i] = offset[i - 1] + ck_pick(t, 0, 60);
        if (!ck_case(t, "w=%d c=%d taps=%d", p.w, p.c, p.taps) ||
            !fill_and_run(t, &p, offset, round % 2))
            break;
        check_result(t, &p);
    }
    for (int i = 0; i < t->shapes.count; i++)
        if (t->shapes.shape[i].op == SHAPE_POOL)
            check_layer(t, &t->shapes.shape[i]);
    ck_finish(t);
}
