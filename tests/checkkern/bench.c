/* Timing of kernels. */
#include "bench/fma_peak.h"
#include "tests/checkkern/ck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 101 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double c_rate(const struct ck *t, const char *label)
{
    for (int i = 0; i < t->time_count; i++)
        if (strcmp(t->times[i].label, label) == 0)
            return t->times[i].rate;
    return 0.0;
}

static void remember_c(struct ck *t, const char *label, double rate)
{
    if (t->time_count == CK_MAX_TIMES)
        return;
    struct ck_time *to = &t->times[t->time_count++];
    snprintf(to->label, sizeof to->label, "%s", label);
    to->rate = rate;
}

void ck_bench(struct ck *t, double work, enum ck_unit unit, void (*fn)(void *context),
              void *context, const char *label, ...)
{
    char name[CK_NAME];
    double rate[SAMPLES], share[SAMPLES];
    va_list list;
    va_start(list, label);
    vsnprintf(name, sizeof name, label, list);
    va_end(list);

    /* Samples of about 0.1 ms: long beside the clock's 50 ns, short beside a time slice. */
    int repeat = 1;
    for (;;) {
        const double start = seconds();
        for (int i = 0; i < repeat; i++)
            fn(context);
        if (seconds() - start > 1e-4 || repeat > 1 << 20)
            break;
        repeat *= 2;
    }
    const int samples = repeat == 1 ? SAMPLES / 5 : SAMPLES;
    for (int s = 0; s < samples; s++) {
        const double peak = unit == CK_GFLOPS ? vis_fma_rate(t->cpu) * 1e9 : 1.0;
        const double start = seconds();
        for (int i = 0; i < repeat; i++)
            fn(context);
        rate[s] = work * repeat / (seconds() - start);
        share[s] = rate[s] / peak;
    }
    qsort(rate, (size_t)samples, sizeof rate[0], ascending);
    qsort(share, (size_t)samples, sizeof share[0], ascending);
    const double best = rate[samples - 1];
    if (t->quiet) {
        remember_c(t, name, best);
        return;
    }
    printf("  %-32s %8.2f %s, median %.2f", name, best * 1e-9,
           unit == CK_GFLOPS ? "GFLOP/s" : "GB/s", rate[samples / 2] * 1e-9);
    if (unit == CK_GFLOPS)
        printf(", %.3f of peak", share[samples / 2]);
    if (t->cpu != VIS_CPU_C && c_rate(t, name) > 0.0)
        printf(", %.1f x C", best / c_rate(t, name));
    printf("\n");
}
