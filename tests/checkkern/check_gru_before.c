/* One step of a GRU whose reset gate acts before the product, with the packing of its weights. */
#include "tests/checkkern/ck.h"

#include <math.h>
#include <stdlib.h>

struct gru_call {
    vis_gru_before_step_fn *step;
    vis_gru_pack_fn *pack;
    float *h_out, *reset, *packed;
    const float *h, *x, *weights;
    int units;
};

static void call_pack(void *context)
{
    const struct gru_call *g = context;
    g->pack(g->packed, g->weights, g->units);
}

static void call_step(void *context)
{
    const struct gru_call *g = context;
    g->step(g->h_out, g->h, g->x, g->packed, g->reset, g->units);
}

/* A number and the bound of its rounding. */
struct bounded {
    double value, error;
};

/* W v of one gate and unit. */
static struct bounded product(const struct gru_call *g, int gate, int unit, const struct bounded *v)
{
    struct bounded sum = {0, (g->units + 1) * 0x1p-150};
    for (int k = 0; k < g->units; k++) {
        const double w = (double)g->weights[(3 * k + gate) * g->units + unit];
        sum.value += w * v[k].value;
        sum.error += ck_gamma(g->units) * fabs(w * v[k].value) + fabs(w) * v[k].error;
    }
    return sum;
}

static struct bounded gate(const struct gru_call *g, int gate, int unit, const struct bounded *h)
{
    const double round = 0x1p-24, x = (double)g->x[gate * g->units + unit];
    struct bounded p = product(g, gate, unit, h);
    const double y = 0.2 * (x + p.value) + 0.5;
    /* the sum, 0.2 as a float, the product, the last sum */
    p.error = 0.2 * (p.error + 3.0 * round * fabs(x + p.value)) + 2.0 * round;
    p.value = y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y;
    if (!isfinite(p.error)) /* Inf ends at exactly 0 or 1 */
        p.error = 0.0;
    return p;
}

static void check_result(struct ck *t, const struct gru_call *g)
{
    const double ulp = 0x1p-23, round = 0x1p-24;
    struct bounded *h = calloc(2 * (size_t)g->units, sizeof *h), *reset = h + g->units;
    if (!h) {
        ck_fail(t, "out of memory");
        return;
    }
    for (int u = 0; u < g->units; u++)
        h[u].value = (double)g->h[u];
    for (int u = 0; u < g->units; u++) {
        const struct bounded r = gate(g, 1, u, h);
        reset[u].value = r.value * h[u].value;
        reset[u].error = r.error * fabs(h[u].value) + round * fabs(reset[u].value) + 0x1p-150;
    }
    for (int u = 0; u < g->units; u++) {
        const struct bounded z = gate(g, 0, u, h), p = product(g, 2, u, reset);
        const double x = (double)g->x[2 * g->units + u], n = tanh(x + p.value);
        double n_error = p.error + round * fabs(x + p.value) + 4.0 * ulp;
        if (!isfinite(n_error))
            n_error = 0.0;
        const double size = 1.0 + fabs(h[u].value);
        const double tolerance = n_error + z.error * size + 6.0 * round * size;
        ck_near(t, g->h_out[u], z.value * h[u].value + (1.0 - z.value) * n, tolerance, u, -1);
    }
    free(h);
}

/* Allocates and packs; false if packing failed. */
static bool set_up(struct ck *t, struct gru_call *g, int units)
{
    const size_t u = (size_t)units;
    float *weights = ck_in(t, 3 * u * u);
    for (size_t i = 0; i < 3 * u * u; i++)
        weights[i] *= 1.0f / sqrtf((float)units);
    *g = (struct gru_call){.step = t->k.gru_before_step_f32, .pack = t->k.gru_before_pack_f32};
    g->units = units;
    g->weights = weights;
    g->packed = ck_out_aligned(t, vis_gru_packed_floats(units));
    if (!ck_call(t, call_pack, g))
        return false;
    t->buffer[t->buffers - 1].use = CK_IN;
    for (size_t i = 0; i < vis_gru_packed_floats(units); i++)
        if (!isfinite(g->packed[i])) {
            ck_fail(t, "packed [%zu] was not written", i);
            return false;
        }
    g->h = ck_in(t, u);
    float *x = ck_in(t, 3 * u);
    for (size_t i = 0; i < 2 * u; i++)
        x[i] *= 3.0f; /* gates at both ends and between */
    g->x = x;
    g->h_out = ck_out(t, u);
    g->reset = ck_out(t, u);
    return true;
}

static void check_units(struct ck *t, int units)
{
    struct gru_call g;
    for (int special = 0; special < 4 && ck_case(t, "units=%d", units); special++) {
        if (!set_up(t, &g, units))
            return;
        /* Inf and NaN where they stay in their unit: in r or h they would reach every one. */
        if (special == 1)
            ck_special(t, (float *)g.x, (size_t)units, true);
        else if (special == 2)
            ck_special(t, (float *)g.x + 2 * units, (size_t)units, true);
        else if (special == 3)
            ck_special(t, (float *)g.h, (size_t)units, false);
        if (!ck_call(t, call_step, &g))
            return;
        check_result(t, &g);
    }
}

void check_gru_before(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.gru_before_step_f32, "gru_before_step_f32"))
        return;
    for (int units = 1; units <= 70; units++)
        check_units(t, units);
    for (int i = 0; i < t->shapes.count; i++) {
        const struct shape *s = &t->shapes.shape[i];
        if (s->op != SHAPE_GRU)
            continue;
        check_units(t, s->length);
        if (t->bench) {
            struct gru_call g;
            ck_time_next(t);
            if (set_up(t, &g, s->length))
                ck_bench(t, 4.0 * (double)vis_gru_packed_floats(s->length), CK_GBYTES, call_step,
                         &g, "gru_before_step %s", s->name);
        }
    }
    ck_finish(t);
}
