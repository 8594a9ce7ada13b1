/* Prints the peak of fused multiply-adds of one core at each CPU level, in GFLOP/s, as JSON. */
#include "bench/fma_peak.h"
#include "kernels/kernels.h"

#include <stdio.h>

int main(void)
{
    printf("{\"best\": \"%s\"", vis_cpu_name(vis_cpu_best()));
    for (int cpu = VIS_CPU_AVX2; cpu <= (int)vis_cpu_best(); cpu++)
        printf(", \"%s\": %.1f", vis_cpu_name((enum vis_cpu)cpu), vis_fma_peak((enum vis_cpu)cpu));
    printf("}\n");
    return 0;
}
