/* Matrix multiplication over a whole layer: rows addressed in place, weights packed once, work
 * split into tasks for the thread pool. */
#ifndef VIS_ENGINE_GEMM_H
#define VIS_ENGINE_GEMM_H

#include "engine/threads.h"
#include "kernels/kernels.h"

/* Weights of one layer, packed for one provider. */
struct vis_gemm_weights {
    viseme_gemm provider;
    int k, n;     /* B is [K N] */
    int nr;       /* columns of a panel; native only */
    float *b;     /* native: panels [ceil(N / nr)][K][nr]; BLAS: [N K] */
    float *bias;  /* [N rounded up to nr], zeros beyond N; NULL: none */
    float *slope; /* likewise, of PReLU */
    size_t bytes;
};

/* Packs src[n * n_stride + k_index[i]] as element (i, n) of B; bias and slope [n] or NULL.
 * Free with vis_gemm_weights_free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_gemm_pack(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                            viseme_gemm provider, const float *src, const float *bias,
                            const float *slope, int n_stride, const int32_t *k_index, int k, int n,
                            viseme_error *err);
/* The same of an [N K] matrix that need not lie in memory as a whole: read() puts its rows
 * first .. first + count - 1 into rows [count][K], on any of the threads. The panels are packed by
 * all `threads`, NULL: by the caller alone. */
struct vis_gemm_source {
    void (*read)(const void *context, int first, int count, float *rows);
    const void *context;
    const float *bias, *slope; /* [N] or NULL */
    const int32_t *k_index;    /* [K] */
    int k, n;
};
viseme_status vis_gemm_pack_rows(struct vis_gemm_weights *out, const struct vis_kernels *kernels,
                                 viseme_gemm provider, const struct vis_gemm_source *source,
                                 struct vis_threads *threads, viseme_error *err);
void vis_gemm_weights_free(struct vis_gemm_weights *weights);

/* Row r of A, C and the residual, r < m, is found by splitting r over dim (the last fastest):
 *   base + index[0] * step[0] + ... + index[3] * step[3]
 * which addresses the pixels of an activation [N T H W C], strides and halo included. */
enum { VIS_GEMM_AXES = 4 };

struct vis_gemm_job {
    const struct vis_gemm_weights *weights;
    int dim[VIS_GEMM_AXES];
    const float *a;
    ptrdiff_t a_step[VIS_GEMM_AXES];
    float *c;
    ptrdiff_t c_step[VIS_GEMM_AXES];
    const float *residual; /* NULL: none; may be the same elements as c */
    ptrdiff_t residual_step[VIS_GEMM_AXES];
    int residual_n; /* its columns; to the others nothing is added */
    int taps, kc;   /* K = taps * kc, see struct vis_gemm_tile */
    const ptrdiff_t *tap_offset;
    size_t a_floats; /* distinct floats of A that all rows together read: for cache blocking */
    enum vis_act act;
};

/* The distance in floats at which rows of n floats should lie. Rows a multiple of 2 or 4
 * KiB apart fall into the same few sets of the L1 cache, and the 14 rows of a tile evict each other
 * there: such rows get 64 bytes between them. */
size_t vis_gemm_row_step(size_t n);

/* Floats of scratch memory that a run with `threads` threads wants (BLAS gathers rows). */
size_t vis_gemm_scratch_floats(viseme_gemm provider, int m, int k, int n, int threads);

/* C = act(A B + bias + residual). The bits do not depend on the number of threads.
 * scratch: vis_gemm_scratch_floats(), 64-byte aligned. */
void vis_gemm_run(const struct vis_kernels *kernels, const struct vis_gemm_job *job,
                  struct vis_threads *threads, float *scratch);

/* Where rows begin, in floats from the job's a, c and residual; residual is read only if there is
 * one. */
struct vis_gemm_rows {
    const ptrdiff_t *a, *c, *residual;
};
/* Finds them for rows first .. first+count-1. */
void vis_gemm_row_offsets(const struct vis_gemm_job *job, int first, int count, ptrdiff_t *a,
                          ptrdiff_t *c, ptrdiff_t *residual);
/* The same as vis_gemm_run() with native weights for these rows, on the calling thread: for nodes
 * that split their work themselves and keep the offsets. */
void vis_gemm_run_rows(const struct vis_kernels *kernels, const struct vis_gemm_job *job,
                       const struct vis_gemm_rows *rows, int count);

/* 1 when this build has OpenBLAS. */
int vis_gemm_has_blas(void);

#endif
