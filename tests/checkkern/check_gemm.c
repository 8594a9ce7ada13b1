/* The matrix product tile and its packing, on random sizes and on the layers of the nets. */
#include "tests/checkkern/ck.h"

#include <math.h>
#include <string.h>

/* A whole problem: what the tile gets, and what its truth is computed from. */
struct problem {
    struct vis_gemm_tile tile;
    vis_gemm_tile_fn *fn;
    const float *weights; /* weights[j * n_stride + k_index[k]] = B[k][j] */
    ptrdiff_t n_stride;
    const int32_t *k_index;
    int n0; /* first column of the panel */
    ptrdiff_t c_stride;
    ptrdiff_t a_rows[VIS_GEMM_MAX_MR], c_rows[VIS_GEMM_MAX_MR], residual_rows[VIS_GEMM_MAX_MR];
    float residual_copy[VIS_GEMM_MAX_MR * VIS_GEMM_MAX_NR];
};

static void call_tile(void *context)
{
    const struct problem *p = context;
    p->fn(&p->tile);
}

struct pack_call {
    vis_gemm_pack_fn *fn;
    float *dst;
    const float *src;
    ptrdiff_t n_stride;
    const int32_t *k_index;
    int k, n0, n;
};

static void call_pack(void *context)
{
    const struct pack_call *p = context;
    p->fn(p->dst, p->src, p->n_stride, p->k_index, p->k, p->n0, p->n);
}

/* c[i][j] of the problem in double: from the unpacked weights, so that packing is proved too. */
static void check_result(struct ck *t, const struct problem *p)
{
    const struct vis_gemm_tile *g = &p->tile;
    const int depth = g->taps * g->kc;
    for (int i = 0; i < g->m; i++) {
        for (int j = 0; j < g->n; j++) {
            const float *column = p->weights + (p->n0 + j) * p->n_stride;
            double sum = 0.0, size = 0.0;
            for (int k = 0; k < depth; k++) {
                const float *a = g->a + g->a_offset[i] + g->tap_offset[k / g->kc];
                const double x = (double)a[k % g->kc] * (double)column[p->k_index[k]];
                sum += x;
                size += fabs(x);
            }
            if (g->bias) {
                sum += (double)g->bias[j];
                size += fabs((double)g->bias[j]);
            }
            if (g->residual && j < g->residual_n) {
                const double r = (double)p->residual_copy[i * VIS_GEMM_MAX_NR + j];
                sum += r;
                size += fabs(r);
            }
            const double slope = g->act == VIS_ACT_PRELU ? (double)g->slope[j] : 0.0;
            /* k + 3 roundings, and as many underflows of at most half a denormal */
            const double error = ck_gamma(depth + 3) * size + (depth + 3) * 0x1p-150;
            ck_near(t, g->c[g->c_offset[i] + j], ck_act(g->act, sum, slope),
                    ck_act_tolerance(g->act, sum, slope, error), i, j);
        }
        const int gap = (int)(i + 1 < g->m ? p->c_stride - g->n : 0);
        if (g->residual != g->c)
            ck_unwritten(t, g->c + g->c_offset[i] + g->n, (size_t)gap);
    }
}

/* One element must have the same bits when its row is computed alone. */
static void check_alone(struct ck *t, struct problem *p)
{
    const int row = ck_pick(t, 0, p->tile.m - 1), n = ck_pick(t, 1, p->tile.n);
    if (p->tile.residual == p->tile.c)
        return;
    struct problem alone = *p;
    float *c = ck_out(t, (size_t)n);
    alone.tile.m = 1;
    alone.tile.n = n;
    alone.tile.residual_n = p->tile.residual_n < n ? p->tile.residual_n : n;
    alone.tile.a_offset = p->tile.a_offset + row;
    alone.tile.residual_offset = p->tile.residual_offset + row;
    alone.tile.c = c;
    float together[VIS_GEMM_MAX_NR];
    memcpy(together, p->tile.c + p->tile.c_offset[row], (size_t)n * sizeof(float));
    if (ck_call(t, call_tile, &alone) && memcmp(together, c, (size_t)n * sizeof(float)) != 0)
        ck_fail(t, "row %d has other bits when it is computed alone", row);
}

/* Bias, residual, activation and output of the tile, at random. */
static void random_ends(struct ck *t, struct problem *p, int gap)
{
    struct vis_gemm_tile *g = &p->tile;
    const int nr = t->k.gemm_f32.nr, ends = ck_pick(t, 0, 3);
    const bool in_place = ends > 1 && ck_pick(t, 0, 1);
    p->c_stride = g->n + gap;
    const size_t block = (size_t)(g->m - 1) * (size_t)p->c_stride + (size_t)g->n;
    g->bias = ends & 1 ? ck_in_aligned(t, (size_t)nr) : NULL;
    g->act = (enum vis_act)ck_pick(t, VIS_ACT_NONE, VIS_ACT_GELU_TANH);
    g->slope = g->act == VIS_ACT_PRELU ? ck_in_aligned(t, (size_t)nr) : NULL;
    g->residual_n = ck_pick(t, 0, 1) ? g->n : ck_pick(t, 1, g->n);
    const ptrdiff_t residual_stride = in_place ? p->c_stride : g->residual_n + ck_pick(t, 0, 9);
    g->c = in_place ? ck_inout(t, block) : ck_out(t, block);
    g->residual = in_place ? g->c : NULL;
    if (ends > 1 && !in_place)
        g->residual = ck_in(t, (size_t)((g->m - 1) * residual_stride + g->residual_n));
    for (int i = 0; i < g->m; i++) {
        p->c_rows[i] = i * p->c_stride;
        p->residual_rows[i] = i * residual_stride;
        if (g->residual)
            memcpy(p->residual_copy + i * VIS_GEMM_MAX_NR, g->residual + p->residual_rows[i],
                   (size_t)g->residual_n * sizeof(float));
    }
    g->c_offset = p->c_rows;
    g->residual_offset = p->residual_rows;
}

static bool pack_panel(struct ck *t, struct problem *p, int columns)
{
    const int depth = p->tile.taps * p->tile.kc, nr = t->k.gemm_f32.nr;
    float *b = ck_out_aligned(t, (size_t)depth * (size_t)nr);
    struct pack_call call = {t->k.gemm_f32.pack, b,     p->weights, p->n_stride,
                             p->k_index,         depth, p->n0,      columns};
    p->tile.b = b;
    if (!ck_call(t, call_pack, &call))
        return false;
    for (int k = 0; k < depth; k++)
        for (int j = 0; j < nr; j++) {
            const bool real = p->n0 + j < columns;
            const float want = real ? p->weights[(p->n0 + j) * p->n_stride + p->k_index[k]] : 0.0f;
            if (memcmp(&b[k * nr + j], &want, sizeof want) != 0) {
                ck_fail(t, "packed [%d][%d] is wrong", k, j);
                return false;
            }
        }
    t->buffer[t->buffers - 1].use = CK_IN;
    return true;
}

/* Random weights whose k_index is in order or a shuffle of 0 .. depth-1; or [depth][columns], so
 * that columns lie side by side. */
static void random_weights(struct ck *t, struct problem *p, int columns)
{
    const int depth = p->tile.taps * p->tile.kc;
    int32_t *index = ck_bytes(t, CK_IN, (size_t)depth * sizeof(int32_t), sizeof(int32_t));
    for (int k = 0; k < depth; k++)
        index[k] = k;
    if (ck_pick(t, 0, 1))
        for (int k = depth - 1; k > 0; k--) {
            const int other = ck_pick(t, 0, k);
            const int32_t keep = index[k];
            index[k] = index[other];
            index[other] = keep;
        }
    p->k_index = index;
    p->n_stride = depth + ck_pick(t, 0, 5);
    if (ck_pick(t, 0, 3) == 0) {
        p->n_stride = 1;
        for (int k = 0; k < depth; k++)
            index[k] *= columns;
    }
    p->weights = ck_in(t, p->n_stride == 1 ? (size_t)depth * (size_t)columns
                                           : (size_t)((columns - 1) * p->n_stride + depth));
}

/* An m x n tile with random taps, depth, strides, ends and, sometimes, special numbers. */
static void check_random(struct ck *t, int m, int n)
{
    struct problem p = {.fn = t->k.gemm_f32.tile};
    struct vis_gemm_tile *g = &p.tile;
    *g = (struct vis_gemm_tile){.m = m, .n = n, .taps = ck_pick(t, 1, 4), .kc = ck_pick(t, 1, 40)};
    const int gap = ck_pick(t, 0, 3) ? 0 : ck_pick(t, 1, 70);
    const ptrdiff_t a_stride = ck_pick(t, 1, 90), tap_stride = ck_pick(t, 0, 99);
    p.n0 = ck_pick(t, 0, 1) * t->k.gemm_f32.nr;
    if (!ck_case(t, "m=%d n=%d taps=%d kc=%d", m, n, g->taps, g->kc))
        return;

    const int columns = p.n0 + n;
    const size_t a_floats = (size_t)((m - 1) * a_stride + (g->taps - 1) * tap_stride + g->kc);
    float *a = ck_in(t, a_floats);
    ptrdiff_t *offset = ck_bytes(t, CK_IN, (size_t)g->taps * sizeof *offset, sizeof *offset);
    for (int tap = 0; tap < g->taps; tap++)
        offset[tap] = tap * tap_stride;
    for (int i = 0; i < m; i++)
        p.a_rows[i] = i * a_stride;
    g->a = a;
    g->a_offset = p.a_rows;
    g->tap_offset = offset;
    random_weights(t, &p, columns);
    if (ck_pick(t, 0, 7) == 0)
        ck_special(t, a, a_floats, ck_pick(t, 0, 1));
    if (ck_pick(t, 0, 3) == 0) { /* a prefetch may point anywhere */
        g->prefetch = (const char *)a + ck_pick(t, 0, 1 << 20);
        g->prefetch_step = 64 * ck_pick(t, 0, 64);
    }
    if (!pack_panel(t, &p, columns))
        return;
    random_ends(t, &p, gap);
    if (!ck_call(t, call_tile, &p))
        return;
    check_result(t, &p);
    check_alone(t, &p);
}

/* The problem of m output pixels of a convolution, from pixel `first` of one frame on, reading
 * [kt][H + 2 ph][W + 2 pw][C] in place, or of m rows of a linear layer. */
static void layer_problem(struct ck *t, const struct shape *s, struct problem *p, int m, int first)
{
    struct vis_gemm_tile *g = &p->tile;
    const bool conv = s->op == SHAPE_CONV;
    const int *k = s->kernel, c = s->in[3];
    const int width = s->in[2] + 2 * s->padding[2], height = s->in[1] + 2 * s->padding[1];
    const int out_w = conv ? (width - k[2]) / s->stride[2] + 1 : 0;
    const int depth = conv ? k[0] * k[1] * k[2] * c : s->length;
    g->m = m;
    g->taps = conv ? k[0] * k[1] : 1;
    g->kc = depth / g->taps;
    p->fn = t->k.gemm_f32.tile;
    p->n_stride = depth;

    const size_t a_floats =
        conv ? (size_t)(k[0] * height) * (size_t)(width * c) : (size_t)m * (size_t)depth;
    const float *a = ck_in(t, a_floats);
    ptrdiff_t *offset = ck_bytes(t, CK_IN, (size_t)g->taps * sizeof *offset, sizeof *offset);
    int32_t *index = ck_bytes(t, CK_IN, (size_t)depth * sizeof *index, sizeof *index);
    for (int tap = 0; tap < g->taps; tap++) {
        const int kt = conv ? tap / k[1] : 0, ky = conv ? tap % k[1] : 0;
        offset[tap] = conv ? ((ptrdiff_t)kt * height + ky) * width * c : 0;
        for (int i = 0; i < g->kc; i++) {
            const int kx = conv ? i / c : 0, ch = conv ? i % c : i;
            index[tap * g->kc + i] = conv ? ((ch * k[0] + kt) * k[1] + ky) * k[2] + kx : ch;
        }
    }
    for (int i = 0; i < m; i++) {
        const int y = conv ? (first + i) / out_w : 0, x = conv ? (first + i) % out_w : 0;
        p->a_rows[i] = conv ? (y * s->stride[1] * width + x * s->stride[2]) * c : i * depth;
    }
    g->a = a;
    g->a_offset = p->a_rows;
    g->tap_offset = offset;
    p->k_index = index;
}

static int pixels_of_frame(const struct shape *s)
{
    if (s->op == SHAPE_LINEAR)
        return s->rows;
    const int h = (s->in[1] + 2 * s->padding[1] - s->kernel[1]) / s->stride[1] + 1;
    const int w = (s->in[2] + 2 * s->padding[2] - s->kernel[2]) / s->stride[2] + 1;
    return h * w;
}

/* The last panel of a layer, at its first and last rows and somewhere between. */
static void check_layer(struct ck *t, const struct shape *s)
{
    const int nr = t->k.gemm_f32.nr, mr = t->k.gemm_f32.mr, pixels = pixels_of_frame(s);
    const int n = (s->out - 1) % nr + 1;
    for (int part = 0; part < 3; part++) {
        const int wanted = part == 2 ? ck_pick(t, 1, mr) : mr;
        const int m = wanted < pixels ? wanted : pixels;
        const int first = part == 0 ? 0 : part == 1 ? pixels - m : ck_pick(t, 0, pixels - m);
        struct problem p = {.tile = {.n = n}};
        if (!ck_case(t, "%s rows %d..%d n=%d", s->name, first, first + m - 1, n))
            return;
        layer_problem(t, s, &p, m, first);
        p.weights = ck_in(t, (size_t)n * (size_t)p.n_stride); /* one panel only: n0 = 0 */
        if (!pack_panel(t, &p, n))
            return;
        random_ends(t, &p, s->out - n);
        if (!ck_call(t, call_tile, &p))
            return;
        check_result(t, &p);
    }
}

static void time_tile(struct ck *t, const struct shape *s, const char *label)
{
    const int nr = t->k.gemm_f32.nr, mr = t->k.gemm_f32.mr, pixels = pixels_of_frame(s);
    const int m = mr < pixels ? mr : pixels, n = s->out < nr ? s->out : nr;
    struct problem p = {.tile = {.n = n}};
    ck_time_next(t);
    layer_problem(t, s, &p, m, 0);
    const int depth = p.tile.taps * p.tile.kc;
    p.tile.b = ck_in_aligned(t, (size_t)depth * (size_t)nr);
    p.tile.bias = ck_in_aligned(t, (size_t)nr);
    p.tile.c = ck_inout(t, (size_t)m * (size_t)nr);
    p.tile.c_offset = p.c_rows;
    for (int i = 0; i < m; i++)
        p.c_rows[i] = i * nr;
    ck_bench(t, 2.0 * m * n * depth, CK_GFLOPS, call_tile, &p, "gemm %s", label);
}

void check_gemm(struct ck *t)
{
    const struct vis_gemm *g = &t->k.gemm_f32;
    if (!ck_start(t, (ck_any_fn *)g->tile, "gemm_f32_%s", g->name))
        return;
    for (int m = 1; m <= g->mr; m++)
        for (int n = 1; n <= g->nr; n++)
            check_random(t, m, n);
    for (int i = 0; i < t->shapes.count; i++)
        if (t->shapes.shape[i].op == SHAPE_CONV || t->shapes.shape[i].op == SHAPE_LINEAR)
            check_layer(t, &t->shapes.shape[i]);
    if (t->bench) {
        const struct shape l1 = {.op = SHAPE_LINEAR, .rows = 64, .length = 256, .out = 64};
        const struct shape l2 = {.op = SHAPE_LINEAR, .rows = 64, .length = 1000, .out = 64};
        time_tile(t, &l1, "K=256, B in L1");
        time_tile(t, &l2, "K=1000, B in L2");
        for (int i = 0; i < t->shapes.count; i++)
            if (t->shapes.shape[i].op == SHAPE_CONV || t->shapes.shape[i].op == SHAPE_LINEAR)
                time_tile(t, &t->shapes.shape[i], t->shapes.shape[i].name);
    }
    ck_finish(t);
}
