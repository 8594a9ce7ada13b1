/* Which instruction sets the CPU has and the operating system saves. */
#include "kernels/kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The register state that the operating system saves on a context switch (XCR0). */
static uint64_t saved_state(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

/* Bits as in the CPUID pages of the Intel and AMD manuals (leaf 1 ECX, leaf 7 EBX, XCR0). */
enum vis_cpu vis_cpu_best(void)
{
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
    const unsigned avx2 = 1u << 5;
    const unsigned avx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31); /* F DQ BW VL */
    const uint64_t ymm = 0x6, zmm = 0xe6;
    unsigned a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (fma | osxsave | avx)) != (fma | osxsave | avx))
        return VIS_CPU_C;
    const uint64_t state = saved_state();
    if ((state & ymm) != ymm || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & avx2))
        return VIS_CPU_C;
    if ((state & zmm) != zmm || (b & avx512) != avx512)
        return VIS_CPU_AVX2;
    return VIS_CPU_AVX512;
}
#else
enum vis_cpu vis_cpu_best(void)
{
    return VIS_CPU_C;
}
#endif

static const char *const names[] = {
    [VIS_CPU_C] = "c",
    [VIS_CPU_AVX2] = "avx2",
    [VIS_CPU_AVX512] = "avx512",
};

const char *vis_cpu_name(enum vis_cpu cpu)
{
    return cpu >= VIS_CPU_C && cpu <= VIS_CPU_AVX512 ? names[cpu] : "unknown";
}

enum vis_cpu vis_cpu_from_name(const char *name)
{
    for (int cpu = VIS_CPU_C; cpu <= VIS_CPU_AVX512; cpu++)
        if (strcmp(name, names[cpu]) == 0)
            return (enum vis_cpu)cpu;
    return (enum vis_cpu)0;
}
