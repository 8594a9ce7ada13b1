/* Elementwise kernels: maps, sum, epilogue, copy. */
#include "tests/checkkern/ck.h"

#include <math.h>
#include <string.h>

struct map_call {
    vis_map_fn *fn;
    float *dst;
    const float *src;
    size_t n;
};

static void call_map(void *context)
{
    const struct map_call *c = context;
    c->fn(c->dst, c->src, c->n);
}

static double relu(double x)
{
    return x < 0.0 ? 0.0 : x;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double swish(double x)
{
    return ck_act(VIS_ACT_SWISH, x, 0.0);
}

static double gelu(double x)
{
    return ck_act(VIS_ACT_GELU, x, 0.0);
}

static double gelu_tanh(double x)
{
    return ck_act(VIS_ACT_GELU_TANH, x, 0.0);
}

/* A map, and the activation that it is, VIS_ACT_NONE for others. */
struct map_truth {
    double (*of)(double);
    enum vis_act act;
};

/* 4 units in the last place, and results below the normal numbers may become 0; the activations
 * have their own rule. */
static double map_tolerance(const struct map_truth *truth, double x, double want)
{
    if (truth->act > VIS_ACT_RELU)
        return ck_act_tolerance(truth->act, x, 0.0, 0.0);
    if (truth->act == VIS_ACT_RELU || want == 0.0 || !isfinite(want))
        return 0.0;
    int exponent;
    frexp(want, &exponent);
    return fmax(4.0 * ldexp(1.0, exponent - 24), 0x1p-126);
}

/* Every 1021st float from a random start on: all exponents, both signs, Inf and NaN. */
static void sweep(struct ck *t, vis_map_fn *fn, const struct map_truth *truth)
{
    enum { STEP = 1021, CHUNK = 4096 };
    uint64_t bits = (uint64_t)ck_pick(t, 0, STEP - 1);
    while (bits < (uint64_t)1 << 32 && ck_case(t, "numbers from bits %08x", (unsigned)bits)) {
        float *src = ck_in(t, CHUNK);
        for (int i = 0; i < CHUNK; i++, bits += STEP) {
            const uint32_t word = (uint32_t)bits;
            memcpy(&src[i], &word, sizeof word);
        }
        struct map_call call = {fn, ck_out(t, CHUNK), src, CHUNK};
        if (!ck_call(t, call_map, &call))
            return;
        for (int i = 0; i < CHUNK; i++) {
            const double x = (double)src[i], want = truth->of(x);
            ck_near(t, call.dst[i], want, map_tolerance(truth, x, want), i, -1);
        }
    }
}

static void check_map(struct ck *t, vis_map_fn *fn, const char *name, double (*of)(double),
                      enum vis_act act)
{
    const struct map_truth truth = {of, act};
    if (!ck_start(t, (ck_any_fn *)fn, "%s", name))
        return;
    for (int round = 0; round < 140; round++) {
        const int n = round % 70;
        const bool in_place = round >= 70;
        float was[70];
        if (!ck_case(t, "n=%d%s", n, in_place ? " in place" : ""))
            break;
        float *src = in_place ? ck_inout(t, (size_t)n) : ck_in(t, (size_t)n);
        ck_special(t, src, (size_t)n, true);
        memcpy(was, src, (size_t)n * sizeof(float));
        struct map_call call = {fn, in_place ? src : ck_out(t, (size_t)n), src, (size_t)n};
        if (!ck_call(t, call_map, &call))
            break;
        for (int i = 0; i < n; i++) {
            const double x = (double)was[i], want = of(x);
            ck_near(t, call.dst[i], want, map_tolerance(&truth, x, want), i, -1);
        }
    }
    sweep(t, fn, &truth);
    if (t->bench) {
        const size_t n = 4096;
        ck_time_next(t);
        struct map_call call = {fn, ck_out(t, n), ck_in(t, n), n};
        ck_bench(t, 8.0 * (double)n, CK_GBYTES, call_map, &call, "%s n=%zu", name, n);
    }
    ck_finish(t);
}

void check_maps(struct ck *t)
{
    check_map(t, t->k.relu_f32, "relu_f32", relu, VIS_ACT_RELU);
    check_map(t, t->k.sigmoid_f32, "sigmoid_f32", sigmoid, VIS_ACT_NONE);
    check_map(t, t->k.tanh_f32, "tanh_f32", tanh, VIS_ACT_NONE);
    check_map(t, t->k.swish_f32, "swish_f32", swish, VIS_ACT_SWISH);
    check_map(t, t->k.gelu_f32, "gelu_f32", gelu, VIS_ACT_GELU);
    check_map(t, t->k.gelu_tanh_f32, "gelu_tanh_f32", gelu_tanh, VIS_ACT_GELU_TANH);
}

struct add_call {
    vis_binary_fn *fn;
    float *dst;
    const float *a, *b;
    size_t n;
};

static void call_add(void *context)
{
    const struct add_call *c = context;
    c->fn(c->dst, c->a, c->b, c->n);
}

static void check_add(struct ck *t)
{
    enum { MOST = 70 };
    if (!ck_start(t, (ck_any_fn *)t->k.add_f32, "add_f32"))
        return;
    for (int round = 0; round < 3 * MOST; round++) {
        const size_t n = (size_t)(round % MOST);
        const int place = round / MOST; /* 0 apart, 1 dst == a, 2 dst == b */
        float was_a[MOST], was_b[MOST];
        if (!ck_case(t, "n=%zu%s", n, place == 0 ? "" : place == 1 ? " dst == a" : " dst == b"))
            break;
        float *a = place == 1 ? ck_inout(t, n) : ck_in(t, n);
        float *b = place == 2 ? ck_inout(t, n) : ck_in(t, n);
        ck_special(t, a, n, true);
        ck_special(t, b, n, true);
        memcpy(was_a, a, n * sizeof(float));
        memcpy(was_b, b, n * sizeof(float));
        struct add_call call = {t->k.add_f32,
                                place == 0   ? ck_out(t, n)
                                : place == 1 ? a
                                             : b,
                                a, b, n};
        if (!ck_call(t, call_add, &call))
            break;
        /* A sum of two floats, rounded from double, is the correctly rounded float. */
        for (size_t i = 0; i < n; i++)
            ck_near(t, call.dst[i], (double)(float)((double)was_a[i] + (double)was_b[i]), 0.0,
                    (int)i, -1);
    }
    if (t->bench) {
        const size_t n = 4096;
        ck_time_next(t);
        struct add_call call = {t->k.add_f32, ck_out(t, n), ck_in(t, n), ck_in(t, n), n};
        ck_bench(t, 12.0 * (double)n, CK_GBYTES, call_add, &call, "add_f32 n=%zu", n);
    }
    ck_finish(t);
}

struct copy_call {
    vis_copy_fn *fn;
    float *dst;
    const float *src;
    ptrdiff_t dst_step, src_step;
    size_t n;
};

static void call_copy(void *context)
{
    const struct copy_call *c = context;
    c->fn(c->dst, c->dst_step, c->src, c->src_step, c->n);
}

static size_t strided(size_t n, ptrdiff_t step)
{
    return n == 0 ? 0 : (n - 1) * (size_t)step + 1;
}

static void check_copy(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.copy_f32, "copy_f32"))
        return;
    for (int round = 0; round < 280; round++) {
        const size_t n = (size_t)(round % 70);
        const ptrdiff_t to = round < 70 ? 1 : ck_pick(t, 1, 9);
        const ptrdiff_t from = round < 70 ? 1 : ck_pick(t, 1, 9);
        if (!ck_case(t, "n=%zu steps %td <- %td", n, to, from))
            break;
        float *src = ck_in(t, strided(n, from));
        ck_special(t, src, strided(n, from), true);
        struct copy_call call = {t->k.copy_f32, ck_out(t, strided(n, to)), src, to, from, n};
        if (!ck_call(t, call_copy, &call))
            break;
        for (size_t i = 0; i < n; i++) {
            if (memcmp(&call.dst[i * (size_t)to], &src[i * (size_t)from], sizeof *src) != 0)
                ck_fail(t, "[%zu] has other bits", i);
            if (i + 1 < n)
                ck_unwritten(t, &call.dst[i * (size_t)to + 1], (size_t)to - 1);
        }
    }
    if (t->bench) {
        const size_t n = 1024;
        ck_time_next(t);
        struct copy_call call = {t->k.copy_f32, ck_out(t, n), ck_in(t, n * 32), 1, 32, n};
        ck_bench(t, 8.0 * (double)n, CK_GBYTES, call_copy, &call, "copy_f32 1 <- 32 n=%zu", n);
    }
    ck_finish(t);
}

struct interleave_call {
    vis_interleave3_fn *fn;
    float *dst;
    const float *src;
    ptrdiff_t plane_step;
    size_t n;
};

static void call_interleave(void *context)
{
    const struct interleave_call *c = context;
    c->fn(c->dst, c->src, c->plane_step, c->n);
}

static void check_interleave(struct ck *t)
{
    if (!ck_start(t, (ck_any_fn *)t->k.interleave3_f32, "interleave3_f32"))
        return;
    for (int n = 1; n <= 70; n++) {
        const int step = n + ck_pick(t, 0, 20);
        if (!ck_case(t, "n=%d step=%d", n, step))
            break;
        float *src = ck_in(t, (size_t)(2 * step + n));
        ck_special(t, src, (size_t)(2 * step + n), true);
        struct interleave_call call = {t->k.interleave3_f32, ck_out(t, 3 * (size_t)n), src, step,
                                       (size_t)n};
        if (!ck_call(t, call_interleave, &call))
            break;
        for (int i = 0; i < 3 * n; i++)
            ck_near(t, call.dst[i], (double)src[i % 3 * step + i / 3], 0.0, i, -1);
    }
    if (t->bench) {
        const size_t n = 192;
        ck_time_next(t);
        struct interleave_call call = {t->k.interleave3_f32, ck_out(t, 3 * n), ck_in(t, 3 * n),
                                       (ptrdiff_t)n, n};
        ck_bench(t, 24.0 * (double)n, CK_GBYTES, call_interleave, &call, "interleave3_f32 n=192");
    }
    ck_finish(t);
}

void check_copies(struct ck *t)
{
    check_add(t);
    check_copy(t);
    check_interleave(t);
}

struct epilogue_call {
    vis_epilogue_fn *fn;
    float *c;
    int n;
    struct vis_epilogue ends;
};

static void call_epilogue(void *context)
{
    const struct epilogue_call *e = context;
    e->fn(e->c, e->n, &e->ends);
}

void check_epilogue(struct ck *t)
{
    enum { MOST = 70 };
    if (!ck_start(t, (ck_any_fn *)t->k.epilogue_f32, "epilogue_f32"))
        return;
    for (int round = 0; round < 24 * MOST; round++) {
        const int n = 1 + round % MOST, ends = round / MOST;
        const enum vis_act act = (enum vis_act)(ends / 4);
        float was[MOST];
        if (!ck_case(t, "n=%d%s%s act %d", n, ends & 1 ? " bias" : "", ends & 2 ? " residual" : "",
                     (int)act))
            break;
        struct epilogue_call e = {t->k.epilogue_f32, ck_inout(t, (size_t)n), n, {.act = act}};
        struct vis_epilogue *with = &e.ends;
        ck_special(t, e.c, (size_t)n, true);
        memcpy(was, e.c, (size_t)n * sizeof(float));
        with->bias = ends & 1 ? ck_in(t, (size_t)n) : NULL;
        with->residual_n = ck_pick(t, 0, 1) ? n : ck_pick(t, 1, n);
        with->residual = ends & 2 ? ck_in(t, (size_t)with->residual_n) : NULL;
        with->slope = act == VIS_ACT_PRELU ? ck_in(t, (size_t)n) : NULL;
        if (!ck_call(t, call_epilogue, &e))
            break;
        for (int j = 0; j < n; j++) {
            const double bias = with->bias ? (double)with->bias[j] : 0.0;
            const double residual =
                with->residual && j < with->residual_n ? (double)with->residual[j] : 0.0;
            const double slope = act == VIS_ACT_PRELU ? (double)with->slope[j] : 0.0;
            const double sum = (double)was[j] + bias + residual;
            const double size = fabs((double)was[j]) + fabs(bias) + fabs(residual);
            const bool exact = !(ends & 3) && act <= VIS_ACT_RELU;
            ck_near(t, e.c[j], ck_act(act, sum, slope),
                    exact ? 0.0 : ck_act_tolerance(act, sum, slope, ck_gamma(3) * size + 0x1p-150),
                    j, -1);
        }
    }
    if (t->bench) {
        const int n = 1536;
        ck_time_next(t);
        struct epilogue_call e = {t->k.epilogue_f32,
                                  ck_inout(t, (size_t)n),
                                  n,
                                  {.bias = ck_in(t, (size_t)n),
                                   .residual = ck_in(t, (size_t)n),
                                   .residual_n = n,
                                   .act = VIS_ACT_RELU}};
        ck_bench(t, 16.0 * n, CK_GBYTES, call_epilogue, &e, "epilogue_f32 n=%d", n);
    }
    ck_finish(t);
}
