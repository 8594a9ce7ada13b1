/* One head of one clip is a task: keys, positions and values are packed as the right-hand sides of
 * matrix products, then a tile of query rows at a time goes through scores, softmax and sum in the
 * thread's scratch memory. The shift of the relative positions is an index into a row of scores. */
#include "engine/attention.h"

#include <math.h>
#include <stdio.h>

#include "engine/floats.h"
#include "engine/model.h"

struct attention_state {
    struct vis_attention attention;
    const struct vis_weights_tensor *bias[2]; /* u, v; NULL: none */
    const float *u, *v;                       /* [heads width] */
    size_t thread_floats;
    int32_t index[]; /* [width] 0, 1, ..., then [T] the starts of rows */
};

/* Where a thread's scratch memory begins, in floats; `end` is its size. Blocks that are packed are
 * whole panels, so that all begin at 64 bytes. */
struct layout {
    int columns, distances, depth; /* T, 2T-1 and the head's width in whole panels */
    size_t keys, positions, values, with_u, with_v, scores, shifted, end;
};

static int whole_panels(int n, int nr)
{
    return (n + nr - 1) / nr * nr;
}

static size_t aligned(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static struct layout lay_out(const struct vis_gemm *gemm, int frames, int width, int has_positions)
{
    const int distances = has_positions ? 2 * frames - 1 : 0;
    struct layout l = {.columns = whole_panels(frames, gemm->nr),
                       .distances = whole_panels(distances, gemm->nr),
                       .depth = whole_panels(width, gemm->nr)};
    const size_t rows = (size_t)gemm->mr, w = (size_t)width;
    l.positions = aligned((size_t)l.columns * w);
    l.values = l.positions + aligned((size_t)l.distances * w);
    l.with_u = l.values + aligned((size_t)frames * (size_t)l.depth);
    l.with_v = l.with_u + aligned(rows * w);
    l.scores = l.with_v + aligned(rows * w);
    l.shifted = l.scores + aligned(rows * (size_t)l.columns);
    l.end = l.shifted + aligned(rows * (size_t)l.distances);
    return l;
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct attention_state *s = node->state;
    const struct vis_value *x = vis_graph_value(g, node->in[0]);
    const struct vis_gemm *gemm = &vis_model_kernels(g->model)->gemm_f32;
    const int frames = x->dim[VIS_T], width = s->attention.width, has_positions = node->in[1] != 0;
    if (s->bias[0]) {
        viseme_status status = vis_floats(g, "attention", s->bias, &s->u, err);
        if (status != VISEME_OK)
            return status;
        s->v = s->u + s->bias[0]->count;
    }
    for (int i = 0; i < width; i++)
        s->index[i] = i;
    for (int t = 0; t < frames; t++)
        s->index[width + t] = (int32_t)(t * x->stride[VIS_T]);
    s->thread_floats = lay_out(gemm, frames, width, has_positions).end;
    node->scratch_floats = s->thread_floats * (size_t)threads;
    node->flop = 2.0 * x->dim[VIS_N] * s->attention.heads * width * frames *
                 (2.0 * frames + (has_positions ? 2 * frames - 1 : 0));
    snprintf(node->algorithm, sizeof node->algorithm, "heads %s", gemm->name);
    return VISEME_OK;
}

struct attention_run {
    const struct vis_node *node;
    const struct vis_run *run;
    struct layout layout;
    float scale;
};

/* A head of a clip while it is computed. */
struct head {
    const struct attention_run *r;
    const struct attention_state *s;
    int frames, width;
    const float *q, *u, *v; /* u, v: of this head, NULL: none */
    ptrdiff_t row, out_row; /* from a frame to the next */
    float *out, *scratch;
};

static const ptrdiff_t no_offset[1] = {0};

/* c[i][column] for the panels that hold columns first .. last of B [k][n], rows of `m`. */
static void multiply(const struct head *h, int m, const float *a, ptrdiff_t a_row, int k,
                     const float *b, int first, int last, int n, float *c, ptrdiff_t c_row)
{
    const struct vis_gemm *gemm = &h->r->run->kernels->gemm_f32;
    ptrdiff_t a_offset[VIS_GEMM_MAX_MR], c_offset[VIS_GEMM_MAX_MR];
    for (int i = 0; i < m; i++) {
        a_offset[i] = i * a_row;
        c_offset[i] = i * c_row;
    }
    for (int column = first / gemm->nr * gemm->nr; column <= last; column += gemm->nr) {
        const struct vis_gemm_tile tile = {
            .m = m,
            .n = n - column < gemm->nr ? n - column : gemm->nr,
            .taps = 1,
            .kc = k,
            .tap_offset = no_offset,
            .a = a,
            .a_offset = a_offset,
            .b = b + (size_t)column * (size_t)k,
            .c = c + column,
            .c_offset = c_offset,
        };
        gemm->tile(&tile);
    }
}

static void add_to_rows(float *dst, const struct head *h, int first, int m, const float *bias)
{
    for (int i = 0; i < m; i++)
        h->r->run->kernels->add_f32(dst + i * h->width, h->q + (first + i) * h->row, bias,
                                    (size_t)h->width);
}

/* Frames first .. first + m - 1 as queries. Of the distances of row i, T-1-i .. 2T-2-i count. */
static void query_rows(const struct head *h, int first, int m)
{
    const struct layout *l = &h->r->layout;
    const struct vis_kernels *kernels = h->r->run->kernels;
    const int frames = h->frames, width = h->width, distances = 2 * frames - 1;
    float *scores = h->scratch + l->scores, *shifted = h->scratch + l->shifted;
    const float *queries = h->q + first * h->row;
    ptrdiff_t query_row = h->row;
    if (h->u) {
        add_to_rows(h->scratch + l->with_u, h, first, m, h->u);
        add_to_rows(h->scratch + l->with_v, h, first, m, h->v);
        queries = h->scratch + l->with_u;
        query_row = width;
        multiply(h, m, h->scratch + l->with_v, width, width, h->scratch + l->positions,
                 frames - first - m, distances - 1 - first, distances, shifted, l->distances);
    }
    multiply(h, m, queries, query_row, width, h->scratch, 0, frames - 1, frames, scores,
             l->columns);
    for (int i = 0; i < m; i++) {
        float *row = scores + (ptrdiff_t)i * l->columns;
        if (h->u)
            kernels->add_f32(row, row,
                             shifted + (ptrdiff_t)i * l->distances + (frames - 1 - first - i),
                             (size_t)frames);
        for (int j = 0; j < frames; j++)
            row[j] *= h->r->scale;
        kernels->softmax_f32(row, row, frames);
    }
    multiply(h, m, scores, l->columns, frames, h->scratch + l->values, 0, width - 1, width,
             h->out + first * h->out_row, h->out_row);
}

static void head_task(void *context, int task, int thread)
{
    const struct attention_run *r = context;
    const struct attention_state *s = r->node->state;
    const struct vis_gemm *gemm = &r->run->kernels->gemm_f32;
    const struct vis_value *x = vis_graph_value(r->run->graph, r->node->in[0]);
    const struct vis_value *y = vis_graph_value(r->run->graph, r->node->out);
    const int heads = s->attention.heads, width = s->attention.width, frames = x->dim[VIS_T];
    const int n = task / heads, first = task % heads * width;
    struct head h = {
        .r = r,
        .s = s,
        .frames = frames,
        .width = width,
        .q = vis_run_data(r->run, r->node->in[0]) + n * x->stride[VIS_N] + first,
        .u = s->u ? s->u + first : NULL,
        .v = s->v ? s->v + first : NULL,
        .row = x->stride[VIS_T],
        .out_row = y->stride[VIS_T],
        .out = vis_run_data(r->run, r->node->out) + n * y->stride[VIS_N] + first,
        .scratch = r->run->scratch + (size_t)thread * s->thread_floats,
    };
    const float *keys = h.q + heads * width, *values = keys + heads * width;
    for (int n0 = 0; n0 < frames; n0 += gemm->nr)
        gemm->pack(h.scratch + (size_t)n0 * (size_t)width, keys, h.row, s->index, width, n0,
                   frames);
    for (int n0 = 0; n0 < width; n0 += gemm->nr)
        gemm->pack(h.scratch + r->layout.values + (size_t)n0 * (size_t)frames, values, 1,
                   s->index + width, frames, n0, width);
    if (h.u) {
        const struct vis_value *p = vis_graph_value(r->run->graph, r->node->in[1]);
        const float *positions = vis_run_data(r->run, r->node->in[1]) + first;
        for (int n0 = 0; n0 < 2 * frames - 1; n0 += gemm->nr)
            gemm->pack(h.scratch + r->layout.positions + (size_t)n0 * (size_t)width, positions,
                       p->stride[VIS_T], s->index, width, n0, 2 * frames - 1);
    }
    const int tiles = (frames + gemm->mr - 1) / gemm->mr;
    for (int tile = 0; tile < tiles; tile++) {
        const int begin = (int)((int64_t)frames * tile / tiles);
        query_rows(&h, begin, (int)((int64_t)frames * (tile + 1) / tiles) - begin);
    }
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const struct attention_state *s = node->state;
    const struct vis_value *x = vis_graph_value(run->graph, node->in[0]);
    struct attention_run r = {
        .node = node,
        .run = run,
        .layout =
            lay_out(&run->kernels->gemm_f32, x->dim[VIS_T], s->attention.width, node->in[1] != 0),
        .scale = (float)(1 / sqrt((double)s->attention.width)),
    };
    vis_threads_run(run->threads, x->dim[VIS_N] * s->attention.heads, head_task, &r);
}

static const struct vis_op attention_op = {.kind = "attention", .prepare = prepare, .run = run};

vis_val vis_attention(struct vis_graph *g, vis_val qkv, vis_val positions,
                      struct vis_attention attention)
{
    struct attention_state *s;
    if (g->status != VISEME_OK)
        return 0;
    const struct vis_value *x = vis_graph_value(g, qkv);
    const int frames = x->dim[VIS_T], channels = attention.heads * attention.width;
    const int dim[VIS_AXES] = {x->dim[VIS_N], frames, 1, 1, channels};
    const int *p = vis_graph_value(g, positions)->dim;
    if (x->dim[VIS_H] != 1 || x->dim[VIS_W] != 1 || x->dim[VIS_C] != 3 * channels ||
        (positions && (p[VIS_T] != 2 * frames - 1 || p[VIS_C] != channels))) {
        vis_graph_fail(g, VISEME_ERR_INTERNAL, "attention: values of other shapes than its own");
        return 0;
    }
    const int shape[2] = {attention.heads, attention.width};
    const struct vis_weights_tensor *u =
        positions ? vis_graph_weight(g, attention.u, shape, 2) : NULL;
    const struct vis_weights_tensor *v =
        positions ? vis_graph_weight(g, attention.v, shape, 2) : NULL;
    const size_t indices = (size_t)attention.width + (size_t)frames;
    vis_val y = vis_graph_add(g, &attention_op, positions ? attention.u : "attention", qkv,
                              positions, dim, sizeof *s + indices * sizeof *s->index, (void **)&s);
    if (s) {
        s->attention = attention;
        s->bias[0] = u;
        s->bias[1] = v;
    }
    return y;
}
