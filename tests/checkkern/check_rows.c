/* Softmax and log-softmax of a row. */
#include "tests/checkkern/ck.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 5049 }; /* the largest vocabulary among the nets */

struct row_call {
    vis_row_fn *fn;
    float *dst;
    const float *src;
    int n;
};

static void call_row(void *context)
{
    const struct row_call *r = context;
    r->fn(r->dst, r->src, r->n);
}

/* Bounds: x - max has one rounding, which e^ turns into a relative error of |x - max| u; e^ itself
 * may be 4 ulp off; the sum has n roundings; scaling two. Terms below the normal numbers may
 * become 0. */
static void check_result(struct ck *t, const struct row_call *r, const float *x, bool log_form)
{
    double max = -INFINITY, sum = 0.0, spread = 0.0;
    for (int i = 0; i < r->n; i++)
        max = (double)x[i] > max ? (double)x[i] : max;
    for (int i = 0; i < r->n; i++) {
        const double e = exp((double)x[i] - max);
        sum += e;
        if (e > 0.0)
            spread += e * fabs((double)x[i] - max);
    }
    const double sum_error = ck_gamma(r->n + 8) + spread / sum * 0x1p-24;
    for (int i = 0; i < r->n; i++) {
        const double d = (double)x[i] - max;
        if (log_form) {
            const double tolerance = sum_error + 0x1p-22 * (fabs(d) + fabs(log(sum)));
            ck_near(t, r->dst[i], d - log(sum), tolerance, i, -1);
        } else {
            const double want = exp(d) / sum;
            const double relative = sum_error + ck_gamma(10 + fmin(fabs(d), 200.0));
            ck_near(t, r->dst[i], want, relative * want + 0x1p-126, i, -1);
        }
    }
}

static void check_length(struct ck *t, vis_row_fn *fn, int n, bool log_form)
{
    static float was[LONGEST];
    for (int kind = 0; kind < 6; kind++) {
        const bool in_place = kind & 1;
        if (!ck_case(t, "n=%d kind %d%s", n, kind, in_place ? " in place" : ""))
            return;
        float *src = in_place ? ck_inout(t, (size_t)n) : ck_in(t, (size_t)n);
        const float scale = kind < 2 ? 1.0f : kind < 4 ? 30.0f : 1e30f;
        for (int i = 0; i < n; i++)
            src[i] *= scale;
        if (kind == 2 || kind == 3) { /* a masked element, as attention and beams make them */
            src[ck_pick(t, 0, n - 1)] = -INFINITY;
        } else if (kind >= 4) {
            ck_special(t, src, (size_t)n, ck_pick(t, 0, 1));
        }
        memcpy(was, src, (size_t)n * sizeof(float));
        struct row_call call = {fn, in_place ? src : ck_out(t, (size_t)n), src, n};
        if (!ck_call(t, call_row, &call))
            return;
        check_result(t, &call, was, log_form);
    }
}

static void check_form(struct ck *t, vis_row_fn *fn, const char *name, bool log_form)
{
    if (!ck_start(t, (ck_any_fn *)fn, "%s", name))
        return;
    for (int n = 1; n <= 70; n++)
        check_length(t, fn, n, log_form);
    check_length(t, fn, LONGEST, log_form);
    for (int i = 0; i < t->shapes.count; i++) {
        const struct shape *s = &t->shapes.shape[i];
        if (s->op != SHAPE_ROW)
            continue;
        if (s->length <= LONGEST)
            check_length(t, fn, s->length, log_form);
        if (t->bench) {
            ck_time_next(t);
            struct row_call call = {fn, ck_out(t, (size_t)s->length), ck_in(t, (size_t)s->length),
                                    s->length};
            ck_bench(t, 8.0 * s->length, CK_GBYTES, call_row, &call, "%s %s", name, s->name);
        }
    }
    ck_finish(t);
}

void check_rows(struct ck *t)
{
    check_form(t, t->k.softmax_f32, "softmax_f32", false);
    check_form(t, t->k.log_softmax_f32, "log_softmax_f32", true);
}
