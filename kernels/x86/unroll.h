/* VIS_UNROLL before a loop with a constant trip count of at most 16 removes the loop early enough
 * for arrays of sums to become registers, in both compilers. */
#ifndef VIS_KERNELS_UNROLL_H
#define VIS_KERNELS_UNROLL_H

#if defined(__clang__)
#define VIS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VIS_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
