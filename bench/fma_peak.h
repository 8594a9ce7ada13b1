/* The multiply-add peak of one core: what every GFLOP/s figure is a share of. */
#ifndef VIS_BENCH_FMA_PEAK_H
#define VIS_BENCH_FMA_PEAK_H

#include "kernels/kernels.h"

/* GFLOP/s of a loop of independent fp32 multiply-adds that stay in registers, one thread: one run
 * of about 20 us, and the best of 300 of them. A multiply-add counts as 2. At VIS_CPU_C it is a
 * separate multiply and add of 4 floats. `level` must be at most vis_cpu_best().
 *
 * Clocks drift, and fall while wide vectors run: for the share that a kernel reaches, compare it
 * with the rate right beside it, not with a peak of another moment. */
double vis_fma_rate(enum vis_cpu level);
double vis_fma_peak(enum vis_cpu level);

/* The loops: `rounds` times 24 multiply-adds on vectors of 4, 8 and 16 floats. The result only
 * keeps the compiler from dropping the work. */
typedef float vis_fma_loop_fn(long rounds);
vis_fma_loop_fn vis_fma_loop_avx2, vis_fma_loop_avx512;

#endif
