#include "engine/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "engine/gemm_blas.h"
#include "engine/memory.h"

/* A copy of n floats with zeros behind them (vis_memory_alloc() gives zeros); NULL of NULL. */
static float *padded_copy(const float *src, int n, int padded)
{
    float *dst = src ? vis_memory_alloc((size_t)padded * sizeof *dst) : NULL;
    if (dst)
        memcpy(dst, src, (size_t)n * sizeof *dst);
    return dst;
}

/* Room for k x n weights; bias and slope as they will stay. */
static viseme_status make_room(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                               viseme_gemm provider, const float *bias, const float *slope, int k,
                               int n, viseme_error *err)
{
    const int nr = provider == VISEME_GEMM_NATIVE ? kernels->gemm_f32.nr : 1;
    const int padded = (n + nr - 1) / nr * nr;
    const size_t b_bytes = (size_t)padded * (size_t)k * sizeof(float);
    *out = (struct vis_gemm_weights){.provider = provider, .k = k, .n = n, .nr = nr};
    out->bytes = b_bytes + (size_t)padded * sizeof(float) * ((bias != NULL) + (slope != NULL));
    out->b = vis_memory_room(b_bytes);
    out->bias = padded_copy(bias, n, padded);
    out->slope = padded_copy(slope, n, padded);
    if (!out->b || (bias && !out->bias) || (slope && !out->slope)) {
        vis_gemm_weights_free(out);
        return vis_fail_nomem(err, out->bytes);
    }
    return VISEME_OK;
}

/* Columns first .. first + count - 1 of B, a panel's or some without panels, from
 * src[column * n_stride + k_index[i]]. */
static void pack_columns(const struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                         const float *src, int n_stride, const int32_t *k_index, int first,
                         int count)
{
    const int k = out->k;
    float *dst = out->b + (size_t)first * (size_t)k;
    if (out->provider == VISEME_GEMM_NATIVE) {
        kernels->gemm_f32.pack(dst, src, n_stride, k_index, k, 0, count);
        return;
    }
    for (int j = 0; j < count; j++)
        for (int i = 0; i < k; i++)
            *dst++ = src[(size_t)j * (size_t)n_stride + (size_t)k_index[i]];
}

viseme_status vis_gemm_pack(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                            viseme_gemm provider, const float *src, const float *bias,
                            const float *slope, int n_stride, const int32_t *k_index, int k, int n,
                            viseme_error *err)
{
    viseme_status status = make_room(out, kernels, provider, bias, slope, k, n, err);
    for (int first = 0; first < n && status == VISEME_OK; first += out->nr)
        pack_columns(out, kernels, src + (size_t)first * (size_t)n_stride, n_stride, k_index, first,
                     n - first < out->nr ? n - first : out->nr);
    return status;
}

/* Packing of rows that are read in groups. */
struct pack_rows {
    const struct vis_gemm_weights *out;
    const struct vis_kernels *kernels;
    const struct vis_gemm_source *source;
    int group;   /* rows of a task */
    float *room; /* [threads][group][k] */
};

static void pack_task(void *context, int task, int thread)
{
    const struct pack_rows *p = context;
    const struct vis_gemm_source *s = p->source;
    const int first = task * p->group, count = s->n - first < p->group ? s->n - first : p->group;
    float *rows = p->room + (size_t)thread * (size_t)p->group * (size_t)s->k;
    s->read(s->context, first, count, rows);
    pack_columns(p->out, p->kernels, rows, s->k, s->k_index, first, count);
}

viseme_status vis_gemm_pack_rows(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                                 viseme_gemm provider, const struct vis_gemm_source *s,
                                 struct vis_threads *threads, viseme_error *err)
{
    struct pack_rows p = {
        .out = out, .kernels = kernels, .source = s, .group = kernels->gemm_f32.nr};
    const int tasks = (s->n + p.group - 1) / p.group;
    const size_t floats = (size_t)p.group * (size_t)s->k,
                 count = threads ? (size_t)vis_threads_count(threads) : 1;
    viseme_status status = make_room(out, kernels, provider, s->bias, s->slope, s->k, s->n, err);
    if (status != VISEME_OK)
        return status;
    p.room = vis_memory_room(count * floats * sizeof *p.room);
    if (!p.room) {
        vis_gemm_weights_free(out);
        return vis_fail_nomem(err, count * floats * sizeof *p.room);
    }
    if (threads)
        vis_threads_run(threads, tasks, pack_task, &p);
    for (int task = 0; !threads && task < tasks; task++)
        pack_task(&p, task, 0);
    vis_memory_free(p.room);
    return VISEME_OK;
}

void vis_gemm_weights_free(struct vis_gemm_weights *w)
{
    vis_memory_free(w->b);
    vis_memory_free(w->bias);
    vis_memory_free(w->slope);
    *w = (struct vis_gemm_weights){0};
}

static int rows_of(const struct vis_gemm_job *job)
{
    int m = 1;
    for (int i = 0; i < VIS_GEMM_AXES; i++)
        m *= job->dim[i];
    return m;
}

/* Along the last axis rows are one step apart. */
void vis_gemm_row_offsets(const struct vis_gemm_job *job, int first, int count, ptrdiff_t *a,
                          ptrdiff_t *c, ptrdiff_t *residual)
{
    enum { LAST = VIS_GEMM_AXES - 1 };
    int index[VIS_GEMM_AXES], rest = first;
    for (int i = LAST; i >= 0; i--) {
        int outer = rest < job->dim[i] ? 0 : rest / job->dim[i];
        index[i] = rest - outer * job->dim[i];
        rest = outer;
    }
    for (int r = 0; r < count;) {
        ptrdiff_t a_at = 0, c_at = 0, residual_at = 0;
        for (int i = 0; i < VIS_GEMM_AXES; i++) {
            a_at += index[i] * job->a_step[i];
            c_at += index[i] * job->c_step[i];
            residual_at += index[i] * job->residual_step[i];
        }
        int end = r + job->dim[LAST] - index[LAST];
        if (end > count)
            end = count;
        index[LAST] += end - r;
        for (int i = r; i < end && job->residual_n; i++, residual_at += job->residual_step[LAST])
            residual[i] = residual_at;
        for (; r < end; r++, a_at += job->a_step[LAST], c_at += job->c_step[LAST]) {
            a[r] = a_at;
            c[r] = c_at;
        }
        for (int i = LAST; i > 0 && index[i] == job->dim[i]; i--) {
            index[i] = 0;
            index[i - 1]++;
        }
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
enum { L2_WEIGHTS = 512 << 10, L2_ROWS = 512 << 10, SMALL_BLOCK = 8, STREAM_TILES = 6 };

static void count_tiles(struct split *s)
{
    const struct vis_gemm *g = &s->kernels->gemm_f32;
    int n = s->job->weights->n, mr = n <= g->nr / 2 ? g->narrow_mr : g->mr;
    s->tiles = (s->m + mr - 1) / mr;
    s->panels = (n + g->nr - 1) / g->nr;
}

static void choose_split(struct split *s, int threads)
{
    const struct vis_gemm_job *job = s->job;
    const struct vis_gemm *g = &s->kernels->gemm_f32;
    s->m = rows_of(job);
    count_tiles(s);
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
    /* Panels that follow each other stay with one thread, or it would prefetch for the others. */
    s->groups = 1;
    if (s->blocks < 4 * threads && threads > 1)
        s->groups = s->panels < 4 * threads ? s->panels : 4 * threads;
}

static int part(int total, int parts, int i) /* where part i of an even split begins */
{
    return (int)((int64_t)total * i / parts);
}

/* What is fetched from memory while tiles are computed: a part for each of them. */
struct ahead {
    const void *begin; /* NULL: nothing */
    size_t bytes;
    int part, parts;
};

static void fetch_ahead(struct vis_gemm_tile *tile, const struct ahead *ahead, int k)
{
    const size_t step = (ahead->bytes / (size_t)ahead->parts + (size_t)k - 1) / (size_t)k;
    tile->prefetch = (const char *)ahead->begin + (size_t)ahead->part * step * (size_t)k;
    tile->prefetch_step = (int)step;
}

/* One tile of rows from the offsets of its first row on. */
static void run_tile(const struct split *s, const struct vis_gemm_rows *rows, int first, int count,
                     int panel, const struct ahead *ahead)
{
    const struct vis_gemm_job *job = s->job;
    const struct vis_gemm_weights *w = job->weights;
    const struct vis_gemm *g = &s->kernels->gemm_f32;
    int column = panel * g->nr;
    int n = w->n - column < g->nr ? w->n - column : g->nr;
    int residual_n = job->residual_n - column < n ? job->residual_n - column : n;
    struct vis_gemm_tile tile = {
        .m = count,
        .n = n,
        .taps = job->taps,
        .kc = job->kc,
        .tap_offset = job->tap_offset,
        .a = job->a,
        .a_offset = rows->a + first,
        .b = w->b + (size_t)column * (size_t)w->k,
        .bias = w->bias ? w->bias + column : NULL,
        .c = job->c + column,
        .c_offset = rows->c + first,
        .residual = job->residual && residual_n > 0 ? job->residual + column : NULL,
        .residual_offset = rows->residual + first,
        .residual_n = residual_n,
        .act = job->act,
        .slope = w->slope ? w->slope + column : NULL,
    };
    if (ahead && ahead->begin)
        fetch_ahead(&tile, ahead, w->k);
    g->tile(&tile);
}

/* Rows are split evenly over the tiles (75 = 13 + 13 + 13 + 12 + 12 + 12, not 5 x 14 + 5): short
 * tiles have too few multiply-add chains in flight. */
static int find_rows(const struct split *s, int tile, ptrdiff_t offset[3][VIS_GEMM_MAX_MR])
{
    int first = part(s->m, s->tiles, tile), count = part(s->m, s->tiles, tile + 1) - first;
    vis_gemm_row_offsets(s->job, first, count, offset[0], offset[1], offset[2]);
    return count;
}

/* What a tile reads first: the last tap's row, the others have been read for other outputs. */
static struct ahead rows_ahead(const struct split *s, const ptrdiff_t *offset, int count, int parts)
{
    const struct vis_gemm_job *job = s->job;
    const ptrdiff_t floats = offset[count - 1] - offset[0] + job->kc;
    return (struct ahead){job->a + job->tap_offset[job->taps - 1] + offset[0],
                          (size_t)floats * sizeof *job->a, 0, parts};
}

/* A panel at a time over a block of tiles, while the next panel comes: behind the last one the
 * first again, for the next block. The first pass over a large block brings its rows, too, and the
 * next panel over the last of its tiles. */
static void run_panels(const struct split *s, int tile0, int tile1, int panel0, int panel1)
{
    enum { LARGE = 16 };
    const struct vis_gemm_weights *w = s->job->weights;
    const size_t panel_floats = (size_t)s->kernels->gemm_f32.nr * (size_t)w->k;
    const int tiles = tile1 - tile0;
    ptrdiff_t offset[3][VIS_GEMM_MAX_MR], next_offset[3][VIS_GEMM_MAX_MR];
    const struct vis_gemm_rows rows = {offset[0], offset[1], offset[2]};
    for (int panel = panel0; panel < panel1; panel++) {
        const int last = panel + 1 == panel1 && s->groups == 1;
        const int next = !last ? panel + 1 : tile1 < s->tiles ? panel0 : s->panels;
        const int with_rows = panel == panel0 && tiles >= LARGE ? tiles - tiles / 4 : 0;
        struct ahead ahead = {next < s->panels ? w->b + (size_t)next * panel_floats : NULL,
                              panel_floats * sizeof *w->b, 0, tiles - with_rows};
        for (int tile = tile0; tile < tile1; tile++) {
            const int count = find_rows(s, tile, offset);
            if (tile < tile0 + with_rows) {
                const int next_count = find_rows(s, tile + 1, next_offset);
                const struct ahead few = rows_ahead(s, next_offset[0], next_count, 1);
                run_tile(s, &rows, 0, count, panel, &few);
            } else {
                run_tile(s, &rows, 0, count, panel, &ahead);
                ahead.part++;
            }
        }
    }
}

/* A tile of rows at a time, while the next tile's come. */
static void run_tiles(const struct split *s, int tile0, int tile1, int panel0, int panel1)
{
    ptrdiff_t offset[2][3][VIS_GEMM_MAX_MR];
    int count = find_rows(s, tile0, offset[0]);
    for (int tile = tile0, turn = 0; tile < tile1; tile++, turn ^= 1) {
        const struct vis_gemm_rows rows = {offset[turn][0], offset[turn][1], offset[turn][2]};
        struct ahead ahead = {NULL, 0, 0, 1};
        int next_count = 0;
        if (tile + 1 < s->tiles) {
            next_count = find_rows(s, tile + 1, offset[turn ^ 1]);
            ahead = rows_ahead(s, offset[turn ^ 1][0], next_count, panel1 - panel0);
        }
        for (int panel = panel0; panel < panel1; panel++, ahead.part++)
            run_tile(s, &rows, 0, count, panel, &ahead);
        count = next_count;
    }
}

static void native_task(void *context, int task, int thread)
{
    const struct split *s = context;
    (void)thread;
    int block = task / s->groups, group = task % s->groups;
    int tile0 = part(s->tiles, s->blocks, block), tile1 = part(s->tiles, s->blocks, block + 1);
    int panel0 = part(s->panels, s->groups, group), panel1 = part(s->panels, s->groups, group + 1);
    (s->panels_outer ? run_panels : run_tiles)(s, tile0, tile1, panel0, panel1);
}

void vis_gemm_run_rows(const struct vis_kernels *kernels, const struct vis_gemm_job *job,
                       const struct vis_gemm_rows *rows, int count)
{
    struct split s = {.kernels = kernels, .job = job, .m = count};
    count_tiles(&s);
    for (int tile = 0; tile < s.tiles; tile++) {
        int first = part(count, s.tiles, tile), end = part(count, s.tiles, tile + 1);
        for (int panel = 0; panel < s.panels; panel++)
            run_tile(&s, rows, first, end - first, panel, NULL);
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
