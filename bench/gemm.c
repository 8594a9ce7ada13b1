/* C = A B on one thread: viseme's gemm at each CPU level against OpenBLAS as it comes, in GFLOP/s
 * and as a share of the FMA peak. The providers take turns within one run, and the peak is measured
 * in every round, because clocks move. B is packed before, as weights are; viseme's time includes
 * copying A into rows as the engine lays them out.
 *
 *   gemm [SIZE [ROUNDS]]      JSON on standard output */
#include "bench/fma_peak.h"
#include "engine/gemm.h"
#include "engine/memory.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if VIS_BLAS
#include <cblas.h>
#endif

enum { BLAS = 0, MAX_PROVIDERS = VIS_CPU_AVX512 + 1, MAX_ROUNDS = 1000 };

struct provider {
    struct vis_kernels kernels;
    struct vis_gemm_weights weights;
    struct vis_gemm_job job;
    const char *name;
    float *rows; /* A as the engine lays out its rows */
    float *c;
    double seconds[MAX_ROUNDS];
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Numbers in [-1, 1) from a linear congruential generator. */
static void fill(float *x, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* b is [N K], as PyTorch stores the weights of a linear layer. */
static viseme_status prepare(struct provider *p, enum vis_cpu cpu, const float *b,
                             const int32_t *k_index, int n, viseme_error *err)
{
    static const ptrdiff_t no_offset[1] = {0};

    vis_kernels_init(&p->kernels, cpu);
    p->name = vis_cpu_name(cpu);
    p->job = (struct vis_gemm_job){
        .weights = &p->weights,
        .dim = {1, 1, 1, n},
        .a = p->rows,
        .a_step = {0, 0, 0, (ptrdiff_t)vis_gemm_row_step((size_t)n)},
        .c = p->c,
        .c_step = {0, 0, 0, n},
        .taps = 1,
        .kc = n,
        .tap_offset = no_offset,
        .a_floats = (size_t)n * (size_t)n,
    };
    return vis_gemm_pack(&p->weights, &p->kernels, VISEME_GEMM_NATIVE, b, NULL, NULL, n, k_index, n,
                         n, err);
}

static void multiply(struct provider *p, int index, const float *a, const float *b, int n,
                     struct vis_threads *one)
{
#if VIS_BLAS
    if (index == BLAS) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1.0f, a, n, b, n, 0.0f, p->c,
                    n);
        return;
    }
#endif
    (void)index, (void)b;
    for (int i = 0; i < n; i++)
        memcpy(p->rows + (size_t)i * vis_gemm_row_step((size_t)n), a + (size_t)i * (size_t)n,
               (size_t)n * sizeof *a);
    vis_gemm_run(&p->kernels, &p->job, one, NULL);
}

static void report(struct provider *p, int rounds, int n, double peak, const float *truth, int last)
{
    const double flop = 2.0 * n * n * n;
    double worst = 0;

    qsort(p->seconds, (size_t)rounds, sizeof p->seconds[0], by_value);
    for (size_t i = 0; i < (size_t)n * (size_t)n; i++)
        worst = fmax(worst, fabs((double)p->c[i] - (double)truth[i]));
    const double median = flop / p->seconds[rounds / 2] * 1e-9;
    printf("  {\"provider\": \"%s\", \"gflops_median\": %.1f, \"gflops_best\": %.1f, "
           "\"peak_share\": %.3f, \"worst_difference\": %.2g}%s\n",
           p->name, median, flop / p->seconds[0] * 1e-9, median / peak, worst, last ? "" : ",");
}

int main(int argc, char **argv)
{
    const int n = argc > 1 ? atoi(argv[1]) : 1024;
    const int rounds = argc > 2 ? atoi(argv[2]) : 25;
    const enum vis_cpu best = vis_cpu_best();
    const int first = VIS_BLAS ? BLAS : VIS_CPU_C;
    viseme_error err = {VISEME_OK, ""};
    struct vis_threads *one = NULL;
    double peaks[MAX_ROUNDS];
    int exit_code = 1;

    if (n < 1 || n > 16384 || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: gemm [SIZE [ROUNDS]]\n");
        return 2;
    }
    const size_t count = (size_t)n * (size_t)n;
    struct provider *providers = calloc(MAX_PROVIDERS, sizeof *providers);
    float *a = vis_memory_alloc(count * sizeof *a);
    float *b = vis_memory_alloc(count * sizeof *b);
    int32_t *k_index = calloc((size_t)n, sizeof *k_index);
    if (providers == NULL || a == NULL || b == NULL || k_index == NULL ||
        vis_threads_open(&one, 1, &err) != VISEME_OK)
        goto done;
    fill(a, count, 1);
    fill(b, count, 2);
    for (int i = 0; i < n; i++)
        k_index[i] = i;
    for (int i = first; i <= (int)best; i++) {
        providers[i].c = vis_memory_alloc(count * sizeof(float));
        providers[i].rows =
            vis_memory_alloc((size_t)n * vis_gemm_row_step((size_t)n) * sizeof(float));
        if (providers[i].c == NULL || providers[i].rows == NULL)
            goto done;
        if (i != BLAS && prepare(&providers[i], (enum vis_cpu)i, b, k_index, n, &err) != VISEME_OK)
            goto done;
    }
    providers[BLAS].name = "openblas";
    printf("{\"size\": %d, \"threads\": 1", n);
#if VIS_BLAS
    openblas_set_num_threads(1);
    printf(", \"openblas\": \"%s, core %s\"", openblas_get_config(), openblas_get_corename());
#endif

    for (int r = -1; r < rounds; r++) { /* round -1 warms up */
        peaks[r < 0 ? 0 : r] = vis_fma_peak(best);
        for (int i = first; i <= (int)best; i++) {
            if (i == VIS_CPU_C && r > 0) { /* plain C is slow: one round tells enough */
                providers[i].seconds[r] = providers[i].seconds[0];
                continue;
            }
            const double start = now();
            multiply(&providers[i], i, a, b, n, one);
            providers[i].seconds[r < 0 ? 0 : r] = now() - start;
        }
    }
    printf(", \"fma_peak_before\": %.1f, \"fma_peak_after\": %.1f", peaks[0], peaks[rounds - 1]);
    qsort(peaks, (size_t)rounds, sizeof peaks[0], by_value);
    const double peak = peaks[rounds / 2];
    printf(", \"fma_peak_median\": %.1f, \"rows\": [\n", peak);
    for (int i = first; i <= (int)best; i++)
        report(&providers[i], rounds, n, peak, providers[VIS_CPU_C].c, i == (int)best);
    printf("]}\n");
    exit_code = 0;

done:
    if (exit_code != 0)
        fprintf(stderr, "gemm: %s\n", err.status ? err.message : "out of memory");
    for (int i = 0; providers != NULL && i < MAX_PROVIDERS; i++) {
        vis_gemm_weights_free(&providers[i].weights);
        vis_memory_free(providers[i].rows);
        vis_memory_free(providers[i].c);
    }
    vis_threads_close(one);
    free(providers);
    free(k_index);
    vis_memory_free(b);
    vis_memory_free(a);
    return exit_code;
}
