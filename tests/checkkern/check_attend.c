/* Attention of one query on scattered keys and values. */
#include "tests/checkkern/ck.h"

#include <math.h>

enum { MOST = 80 };

struct attend_call {
    vis_attend_fn *fn;
    struct vis_attend a;
};

static void call_attend(void *context)
{
    const struct attend_call *c = context;
    c->fn(&c->a);
}

/* Rows of keys and values with a gap before, between and behind them, in an order of their own. */
static void make_call(struct ck *t, struct attend_call *c, int n, int width)
{
    static const float *rows[MOST];
    const int key = ck_pick(t, 0, 5), value = key + width + ck_pick(t, 0, 5);
    const int step = value + width + ck_pick(t, 0, 3);
    const float *all = ck_in(t, (size_t)n * (size_t)step);
    for (int j = 0; j < n; j++)
        rows[j] = all + (size_t)((j * 7 + 3) % n) * (size_t)step;
    *c = (struct attend_call){t->k.attend_f32,
                              {.q = ck_in(t, (size_t)width),
                               .rows = rows,
                               .key = key,
                               .value = value,
                               .n = n,
                               .width = width}};
    c->a.dst = ck_out(t, (size_t)width);
    c->a.weight = ck_out(t, (size_t)n);
}

/* A score is off by at most gamma(width) sum |q k|; e^ turns that into a relative error of its
 * weight, and of their sum. Then as in check_rows.c, and n roundings of the last sum. */
static void check_result(struct ck *t, const struct vis_attend *a)
{
    double score[MOST], off = 0, max = -INFINITY, sum = 0;
    for (int j = 0; j < a->n; j++) {
        double magnitude = 0;
        score[j] = 0;
        for (int c = 0; c < a->width; c++) {
            const double x = (double)a->q[c] * (double)a->rows[j][a->key + c];
            score[j] += x;
            magnitude += fabs(x);
        }
        off = fmax(off, ck_gamma(a->width + 1) * magnitude);
        max = fmax(max, score[j]);
    }
    for (int j = 0; j < a->n; j++)
        sum += exp(score[j] - max);
    for (int c = 0; c < a->width; c++) {
        double want = 0, magnitude = 0;
        for (int j = 0; j < a->n; j++) {
            const double x = exp(score[j] - max) / sum * (double)a->rows[j][a->value + c];
            want += x;
            magnitude += fabs(x) * (1 + fabs(score[j] - max) * 0x1p-23);
        }
        const double relative = expm1(2 * off) + ck_gamma(3 * a->n + 30);
        ck_near(t, a->dst[c], want, relative * magnitude + 0x1p-126, c, -1);
    }
}

void check_attend(struct ck *t)
{
    static const int widths[] = {1, 2, 7, 8, 12, 15, 16, 17, 24, 31, 32, 48, 63, 64, 65, 128, 150};
    static const int counts[] = {1, 2, 3, 5, 16, 17, 77, MOST};
    if (!ck_start(t, (ck_any_fn *)t->k.attend_f32, "attend_f32"))
        return;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            struct attend_call call;
            if (!ck_case(t, "n=%d width=%d", counts[j], widths[i]))
                break;
            make_call(t, &call, counts[j], widths[i]);
            if (!ck_call(t, call_attend, &call))
                break;
            check_result(t, &call.a);
        }
    if (t->bench) {
        struct attend_call call;
        ck_time_next(t);
        make_call(t, &call, 77, 64);
        ck_bench(t, 4.0 * 77 * 64, CK_GFLOPS, call_attend, &call, "attend_f32 77x64");
    }
    ck_finish(t);
}
