/* One step of a GRU, with the packing of its weights. */
#include "tests/checkkern/ck.h"

#include <math.h>

struct gru_call {
    vis_gru_step_fn *step;
    vis_gru_pack_fn *pack;
    float *h_out, *packed;
    const float *h, *x, *weights, *bias;
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
    g->step(g->h_out, g->h, g->x, g->packed, g->bias, g->units);
}

/* W h + b of one gate and unit, and the bound of its rounding. */
static double recurrent(const struct gru_call *g, int row, double *bound)
{
    double sum = (double)g->bias[row], size = fabs(sum);
    for (int k = 0; k < g->units; k++) {
        const double v = (double)g->weights[row * g->units + k] * (double)g->h[k];
        sum += v;
        size += fabs(v);
    }
    *bound = ck_gamma(g->units + 1) * size + (g->units + 1) * 0x1p-150;
    return sum;
}

/* Errors travel through the gates by their largest slopes, 1/4 and 1; each gate adds 4 units in
 * the last place of 1, each further operation one rounding. */
static void check_result(struct ck *t, const struct gru_call *g)
{
    const double ulp = 0x1p-23, round = 0x1p-24;
    for (int u = 0; u < g->units; u++) {
        double er, ez, en;
        const double wr = recurrent(g, u, &er), wz = recurrent(g, g->units + u, &ez);
        const double wn = recurrent(g, 2 * g->units + u, &en);
        const double xr = (double)g->x[u], xz = (double)g->x[g->units + u];
        const double xn = (double)g->x[2 * g->units + u], h = (double)g->h[u];
        const double r = 1.0 / (1.0 + exp(-(xr + wr))), z = 1.0 / (1.0 + exp(-(xz + wz)));
        const double n = tanh(xn + r * wn);
        const double r_error = (er + round * fabs(xr + wr)) / 4.0 + 4.0 * ulp;
        const double z_error = (ez + round * fabs(xz + wz)) / 4.0 + 4.0 * ulp;
        const double n_error =
            en + r_error * (fabs(wn) + en) + 3.0 * round * (fabs(xn) + fabs(wn)) + 4.0 * ulp;
        double tolerance = n_error + z_error * (fabs(h) + fabs(n)) + 6.0 * round * (1.0 + fabs(h));
        if (!isfinite(tolerance)) /* a gate driven by Inf is exactly 0, 1 or -1 */
            tolerance = 16.0 * ulp * (1.0 + fabs(h));
        ck_near(t, g->h_out[u], (1.0 - z) * n + z * h, tolerance, u, -1);
    }
}

/* Allocates and packs; false if packing failed. */
static bool set_up(struct ck *t, struct gru_call *g, int units)
{
    const size_t u = (size_t)units;
    float *weights = ck_in(t, 3 * u * u);
    for (size_t i = 0; i < 3 * u * u; i++)
        weights[i] *= 1.0f / sqrtf((float)units);
    *g = (struct gru_call){.step = t->k.gru_step_f32, .pack = t->k.gru_pack_f32};
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
    g->bias = ck_in(t, 3 * u);
    g->h = ck_in(t, u);
    g->x = ck_in(t, 3 * u);
    g->h_out = ck_out(t, u);
    return true;
}

static void check_units(struct ck *t, int units)
{
    struct gru_call g;
    for (int special = 0; special < 3 && ck_case(t, "units=%d", units); special++) {
        if (!set_up(t, &g, units))
            return;
        if (special) /* in h only finite ones, or every sum would be NaN */
            ck_special(t, special == 1 ? (float *)g.x : (float *)g.h,
                       (special == 1 ? 3u : 1u) * (size_t)units, special == 1);
        if (!ck_call(t, call_step, &g))
            return;
        check_result(t, &g);
    }
}

void check_gru(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.gru_step_f32, "gru_step_f32"))
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
                         &g, "gru_step %s", s->name);
        }
    }
    ck_finish(t);
}
