#include "engine/gemm_blas.h"

#include <string.h>

#if VIS_BLAS
#include <cblas.h>

/* sgemm may sum in another order when it gets another number of rows, so the blocks are a
 * function of the layer's shape alone: then the bits do not depend on the threads. */
static int block_rows(int m, int k)
{
    enum { BLOCK_FLOATS = 1 << 18, MIN_ROWS = 48 };
    int rows = BLOCK_FLOATS / k;
    if (rows < MIN_ROWS)
        rows = MIN_ROWS;
    return rows < m ? rows : m;
}

static size_t aligned(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static size_t block_floats(int rows, int k, int n) /* a block of A, then one of C */
{
    return aligned((size_t)rows * (size_t)k) + aligned((size_t)rows * (size_t)n);
}

size_t vis_gemm_blas_scratch_floats(int m, int k, int n, int threads)
{
    return block_floats(block_rows(m, k), k, n) * (size_t)threads;
}

struct blas_run {
    const struct vis_kernels *kernels;
    const struct vis_gemm_job *job;
    int m, rows;
    float *scratch;
};

enum { GROUP = 16 }; /* rows found at a time */

static void gather(const struct blas_run *r, int first, int count, float *dst)
{
    const struct vis_gemm_job *job = r->job;
    ptrdiff_t a[GROUP], c[GROUP], residual[GROUP];
    size_t k = (size_t)job->weights->k, kc = (size_t)job->kc;
    for (int i = 0; i < count; i += GROUP) {
        int n = count - i < GROUP ? count - i : GROUP;
        vis_gemm_row_offsets(job, first + i, n, a, c, residual);
        for (int j = 0; j < n; j++)
            for (int tap = 0; tap < job->taps; tap++)
                memcpy(dst + (size_t)(i + j) * k + (size_t)tap * kc,
                       job->a + a[j] + job->tap_offset[tap], kc * sizeof(float));
    }
}

static void block_task(void *context, int task, int thread)
{
    const struct blas_run *r = context;
    const struct vis_gemm_job *job = r->job;
    const struct vis_gemm_weights *w = job->weights;
    int first = task * r->rows;
    int count = r->m - first < r->rows ? r->m - first : r->rows;
    float *a_block = r->scratch + (size_t)thread * block_floats(r->rows, w->k, w->n);
    float *c_block = a_block + aligned((size_t)r->rows * (size_t)w->k);
    gather(r, first, count, a_block);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, w->n, w->k, 1.0f, a_block, w->k,
                w->b, w->k, 0.0f, c_block, w->n);
    ptrdiff_t a[GROUP], c[GROUP], residual[GROUP];
    for (int i = 0; i < count; i += GROUP) {
        int n = count - i < GROUP ? count - i : GROUP;
        vis_gemm_row_offsets(job, first + i, n, a, c, residual);
        for (int j = 0; j < n; j++) {
            float *row = c_block + (size_t)(i + j) * (size_t)w->n;
            const struct vis_epilogue ends = {
                .bias = w->bias,
                .slope = w->slope,
                .residual = job->residual ? job->residual + residual[j] : NULL,
                .residual_n = job->residual_n,
                .act = job->act};
            r->kernels->epilogue_f32(row, w->n, &ends); /* before c, which may be the residual */
            memcpy(job->c + c[j], row, (size_t)w->n * sizeof(float));
        }
    }
}

void vis_gemm_blas_run(const struct vis_kernels *kernels, const struct vis_gemm_job *job, int m,
                       struct vis_threads *threads, float *scratch)
{
    struct blas_run run = {.kernels = kernels,
                           .job = job,
                           .m = m,
                           .scratch = scratch,
                           .rows = block_rows(m, job->weights->k)};
    openblas_set_num_threads(1);
    vis_threads_run(threads, (m + run.rows - 1) / run.rows, block_task, &run);
}

int vis_gemm_has_blas(void)
{
    return 1;
}

#else

size_t vis_gemm_blas_scratch_floats(int m, int k, int n, int threads)
{
    (void)m, (void)k, (void)n, (void)threads;
    return 0;
}

void vis_gemm_blas_run(const struct vis_kernels *kernels, const struct vis_gemm_job *job, int m,
                       struct vis_threads *threads, float *scratch)
{
    (void)kernels, (void)job, (void)m, (void)threads, (void)scratch;
}

int vis_gemm_has_blas(void)
{
    return 0;
}
#endif
