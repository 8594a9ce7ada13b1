/* Times loops of multiply-adds in registers. */
#include "bench/fma_peak.h"

#include <time.h>

enum { CHAINS = 12, SAMPLES = 300, ROUNDS = 3000 };

typedef float vec4 __attribute__((vector_size(16)));

static float fma_loop_c(long rounds)
{
    const vec4 a = {0.5f, 0.5f, 0.5f, 0.5f}, b = {1.0f, 1.0f, 1.0f, 1.0f};
    vec4 s[CHAINS];
    for (int i = 0; i < CHAINS; i++) /* all different, or a compiler keeps one chain */
        s[i] = (vec4){(float)i, 1.0f, 2.0f, 3.0f};
    for (long r = 0; r < rounds; r++)
        for (int repeat = 0; repeat < 2; repeat++)
            for (int i = 0; i < CHAINS; i++)
                s[i] = s[i] * a + b;
    vec4 sum = s[0];
    for (int i = 1; i < CHAINS; i++)
        sum += s[i];
    return sum[0];
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double vis_fma_rate(enum vis_cpu level)
{
    vis_fma_loop_fn *loop = fma_loop_c;
    int lanes = 4;
#if defined(__x86_64__)
    if (level == VIS_CPU_AVX2) {
        loop = vis_fma_loop_avx2;
        lanes = 8;
    } else if (level == VIS_CPU_AVX512) {
        loop = vis_fma_loop_avx512;
        lanes = 16;
    }
#else
    (void)level;
#endif
    const double start = seconds();
    volatile float sink = loop(ROUNDS);
    (void)sink;
    return 2.0 * 24 * lanes * ROUNDS / (seconds() - start) * 1e-9;
}

double vis_fma_peak(enum vis_cpu level)
{
    double best = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        const double rate = vis_fma_rate(level);
        best = rate > best ? rate : best;
    }
    return best;
}
