/* OpenBLAS as the second provider of matrix multiplication: blocks of rows are gathered into
 * scratch memory, multiplied by sgemm on one thread, and finished by the epilogue kernel. */
#ifndef VIS_ENGINE_GEMM_BLAS_H
#define VIS_ENGINE_GEMM_BLAS_H

#include "engine/gemm.h"

size_t vis_gemm_blas_scratch_floats(int m, int k, int n, int threads);
void vis_gemm_blas_run(const struct vis_kernels *kernels, const struct vis_gemm_job *job, int m,
                       struct vis_threads *threads, float *scratch);

#endif
