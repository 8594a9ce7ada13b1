#include "engine/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "engine/gemm_blas.h"
#include "engine/memory.h"

viseme_status vis_gemm_pack(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                            viseme_gemm provider, const float *src, const float *bias,
                            const int32_t *k_index, int k, int n, viseme_error *err)
{
    const struct vis_gemm *g = &kernels->gemm_f32;
    int nr = provider == VISEME_GEMM_NATIVE ? g->nr : 1;
    int padded = (n + nr - 1) / nr * nr;
    size_t b_bytes = (size_t)padded * (size_t)k * sizeof(float);
    size_t bias_bytes = bias ? (size_t)padded * sizeof(float) : 0;
    *out = (struct vis_gemm_weights){
        .provider = provider, .k = k, .n = n, .nr = nr, .bytes = b_bytes + bias_bytes};
    out->b = vis_memory_alloc(b_bytes);
    out->bias = bias ? vis_memory_alloc(bias_bytes) : NULL;
    if (!out->b || (bias && !out->bias)) {
        vis_gemm_weights_free(out);
        return vis_fail_nomem(err, b_bytes + bias_bytes);
    }
    if (provider == VISEME_GEMM_NATIVE)
        for (int n0 = 0; n0 < n; n0 += nr)
            g->pack(out->b + (size_t)n0 * (size_t)k, src, k, k_index, k, n0, n);
    else
        for (int j = 0; j < n; j++)
            for (int i = 0; i < k; i++)
                out->b[(size_t)j * (size_t)k + (size_t)i] =
                    src[(size_t)j * (size_t)k + (size_t)k_index[i]];
    if (bias) {
        memset(out->bias, 0, bias_bytes);
        memcpy(out->bias, bias, (size_t)n * sizeof(float));
    }
    return VISEME_OK;
}

void vis_gemm_weights_free(struct vis_gemm_weights *w)
{
    vis_memory_free(w->b);
    vis_memory_free(w->bias);
    *w = (struct vis_gemm_weights){0};
}

static int rows_of(const struct vis_gemm_job *job)
{
    int m = 1;
    for (int i = 0; i < VIS_GEMM_AXES; i++)
        m *= job->dim[i];
    return m;
}

/* Pointers of rows first .. first+count-1. */
void vis_gemm_row_pointers(const struct vis_gemm_job *job, int first, int count, const float **a,
                           float **c, const float **residual)
{
    int index[VIS_GEMM_AXES], rest = first;
    for (int i = VIS_GEMM_AXES - 1; i >= 0; i--) {
        index[i] = rest % job->dim[i];
        rest /= job->dim[i];
    }
    for (int r = 0; r < count; r++) {
        ptrdiff_t a_at = 0, c_at = 0, residual_at = 0;
        for (int i = 0; i < VIS_GEMM_AXES; i++) {
            a_at += index[i] * job->a_step[i];
            c_at += index[i] * job->c_step[i];
            residual_at += index[i] * job->residual_step[i];
        }
        a[r] = job->a + a_at;
        c[r] = job->c + c_at;
        if (job->residual)
            residual[r] = job->residual + residual_at;
        for (int i = VIS_GEMM_AXES - 1; i >= 0 && ++index[i] == job->dim[i]; i--)
            index[i] = 0;
    }
}

/* How a layer is cut: row tiles are grouped into blocks, panels into groups, and a task is one
 * block times one group. */
struct split {
    const struct vis_kernels *kernels;
    const struct vis_gemm_job *job;
    int m, tiles, panels;
    int blocks, groups;
    int panels_outer; /* 1: a panel at a time over the block; 0: a row tile at a time */
};

/* Weights up to this size stay in the L2 cache beside the rows: then a tile of rows is used for
 * all its columns while it is in L1. Larger weights are streamed panel by panel over a block of
 * rows that stays in L2 instead. */
enum { L2_WEIGHTS = 768 << 10, L2_ROWS = 512 << 10, SMALL_BLOCK = 8, STREAM_TILES = 6 };

static void choose_split(struct split *s, int threads)
{
    const struct vis_gemm_job *job = s->job;
    const struct vis_gemm *g = &s->kernels->gemm_f32;
    s->m = rows_of(job);
    s->tiles = (s->m + g->mr - 1) / g->mr;
    s->panels = (job->weights->n + g->nr - 1) / g->nr;
    size_t weight_bytes = (size_t)s->panels * (size_t)g->nr * (size_t)job->weights->k * 4;
    s->panels_outer = weight_bytes > L2_WEIGHTS;
    int per_block = SMALL_BLOCK;
    if (s->panels_outer) {
        size_t tile_bytes = job->a_floats * 4 / (size_t)s->tiles + 1;
        per_block = (int)(L2_ROWS / tile_bytes);
        if (per_block < STREAM_TILES)
            per_block = STREAM_TILES;
    }
    s->blocks = (s->tiles + per_block - 1) / per_block;
    if (s->blocks < 2 * threads && s->blocks < s->tiles && !s->panels_outer)
        s->blocks = s->tiles < 4 * threads ? s->tiles : 4 * threads;
    s->groups = 1;
    if (s->blocks < 4 * threads && threads > 1)
        s->groups = s->panels;
}

static int part(int total, int parts, int i) /* where part i of an even split begins */
{
    return (int)((int64_t)total * i / parts);
}

struct tile_rows {
    const float *a[VIS_GEMM_MAX_MR];
    float *c[VIS_GEMM_MAX_MR];
    const float *residual[VIS_GEMM_MAX_MR];
    int count;
};

/* Rows are split evenly over the tiles (75 = 13 + 13 + 13 + 12 + 12 + 12, not 5 x 14 + 5): short
 * tiles have too few multiply-add chains in flight. */
static void find_rows(const struct split *s, int tile, struct tile_rows *rows)
{
    int first = part(s->m, s->tiles, tile);
    rows->count = part(s->m, s->tiles, tile + 1) - first;
    vis_gemm_row_pointers(s->job, first, rows->count, rows->a, rows->c, rows->residual);
}

/* prefetch_tiles: over how many tiles the next panel's prefetch is spread; 0: no prefetch. */
static void run_tile(const struct split *s, const struct tile_rows *rows, int panel,
                     int prefetch_tiles, int prefetch_index)
{
    const struct vis_gemm_job *job = s->job;
    const struct vis_gemm_weights *w = job->weights;
    const struct vis_gemm *g = &s->kernels->gemm_f32;
    int column = panel * g->nr;
    float *c[VIS_GEMM_MAX_MR];
    const float *residual[VIS_GEMM_MAX_MR];
    for (int i = 0; i < rows->count; i++) {
        c[i] = rows->c[i] + column;
        if (job->residual)
            residual[i] = rows->residual[i] + column;
    }
    struct vis_gemm_tile tile = {
        .m = rows->count,
        .n = w->n - column < g->nr ? w->n - column : g->nr,
        .taps = job->taps,
        .kc = job->kc,
        .tap_offset = job->tap_offset,
        .a = rows->a,
        .b = w->b + (size_t)column * (size_t)w->k,
        .bias = w->bias ? w->bias + column : NULL,
        .c = c,
        .residual = job->residual ? residual : NULL,
        .act = job->act,
    };
    if (prefetch_tiles > 0 && panel + 1 < s->panels) {
        int step = (g->nr * 4 + prefetch_tiles - 1) / prefetch_tiles;
        tile.prefetch = (const char *)(tile.b + (size_t)g->nr * (size_t)w->k) +
                        (size_t)prefetch_index * (size_t)step * (size_t)w->k;
        tile.prefetch_step = step;
    }
    g->tile(&tile);
}

static void native_task(void *context, int task, int thread)
{
    const struct split *s = context;
    (void)thread;
    int block = task / s->groups, group = task % s->groups;
    int tile0 = part(s->tiles, s->blocks, block), tile1 = part(s->tiles, s->blocks, block + 1);
    int panel0 = part(s->panels, s->groups, group), panel1 = part(s->panels, s->groups, group + 1);
    struct tile_rows rows;
    if (s->panels_outer) {
        for (int panel = panel0; panel < panel1; panel++)
            for (int tile = tile0; tile < tile1; tile++) {
                find_rows(s, tile, &rows);
                run_tile(s, &rows, panel, tile1 - tile0, tile - tile0);
            }
    } else {
        for (int tile = tile0; tile < tile1; tile++) {
            find_rows(s, tile, &rows);
            for (int panel = panel0; panel < panel1; panel++)
                run_tile(s, &rows, panel, 0, 0);
        }
    }
}

size_t vis_gemm_row_step(size_t n)
{
    return n % 512 == 0 ? n + 16 : n;
}

size_t vis_gemm_scratch_floats(viseme_gemm provider, int m, int k, int n, int threads)
{
    return provider == VISEME_GEMM_BLAS ? vis_gemm_blas_scratch_floats(m, k, n, threads) : 0;
}

void vis_gemm_run(const struct vis_kernels *kernels, const struct vis_gemm_job *job,
                  struct vis_threads *threads, float *scratch)
{
    if (job->weights->provider == VISEME_GEMM_BLAS) {
        vis_gemm_blas_run(kernels, job, rows_of(job), threads, scratch);
        return;
    }
    struct split s = {.kernels = kernels, .job = job};
    choose_split(&s, vis_threads_count(threads));
    vis_threads_run(threads, s.blocks * s.groups, native_task, &s);
}
