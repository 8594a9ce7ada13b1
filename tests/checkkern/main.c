/* checkkern: proves every kernel of every CPU level that this machine has, and times it.
 *
 *   checkkern [--list] [--kernel PATTERN] [--cpu LEVEL] [--seed N] [--bench] [--shapes FOLDER]
 *
 * Exit status: 0 all passed, 1 something failed or nothing was checked, 2 wrong usage. */
#include "bench/fma_peak.h"
#include "tests/checkkern/ck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: checkkern [options]\n"
    "  --list            print the names of the kernels\n"
    "  --kernel PATTERN  only kernels whose name matches, such as 'gemm*' or '*_avx2'\n"
    "  --cpu LEVEL       only this level: c, avx2 or avx512\n"
    "  --seed N          the seed that a failing run printed\n"
    "  --bench           time the kernels too\n"
    "  --shapes FOLDER   layer shapes (default bench/shapes)\n";

static void check_level(struct ck *t, enum vis_cpu cpu)
{
    t->cpu = cpu;
    vis_kernels_init(&t->k, cpu);
    if (t->bench && !t->list && !t->quiet)
        printf("%s: FMA peak %.1f GFLOP/s on one core\n", vis_cpu_name(cpu), vis_fma_peak(cpu));
    check_gemm(t);
    check_epilogue(t);
    check_depthwise(t);
    check_maxpool(t);
    check_gru(t);
    check_gru_before(t);
    check_rows(t);
    check_attend(t);
    check_maps(t);
    check_copies(t);
}

struct options {
    const char *shapes;
    enum vis_cpu only;
};

/* The value of an option, or an exit: this is a test program. */
static const char *value(int argc, char **argv, int *i)
{
    if (*i + 1 < argc)
        return argv[++*i];
    fprintf(stderr, "checkkern: %s needs a value\n%s", argv[*i], usage);
    exit(2);
}

static void parse(struct ck *t, struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        bool ok = true;
        if (strcmp(arg, "--list") == 0) {
            t->list = true;
        } else if (strcmp(arg, "--bench") == 0) {
            t->bench = true;
        } else if (strcmp(arg, "--kernel") == 0) {
            t->pattern = value(argc, argv, &i);
        } else if (strcmp(arg, "--shapes") == 0) {
            o->shapes = value(argc, argv, &i);
        } else if (strcmp(arg, "--seed") == 0) {
            char *end;
            t->seed = strtoull(value(argc, argv, &i), &end, 10);
            ok = *end == 0;
        } else if (strcmp(arg, "--cpu") == 0) {
            o->only = vis_cpu_from_name(value(argc, argv, &i));
            ok = o->only != 0;
        } else {
            ok = false;
        }
        if (!ok) {
            fprintf(stderr, "checkkern: bad option %s\n%s", argv[i], usage);
            exit(2);
        }
    }
    if (o->only > vis_cpu_best()) {
        fprintf(stderr, "checkkern: this machine does not have %s\n", vis_cpu_name(o->only));
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct ck t; /* too big for the stack */
    struct options o = {.shapes = "bench/shapes"};
    ck_init(&t);
    t.seed = (uint64_t)time(NULL) % 1000000;
    parse(&t, &o, argc, argv);
    if (!shapes_read(&t.shapes, o.shapes))
        return 2;

    if (!t.list)
        printf("seed %llu\n", (unsigned long long)t.seed);
    if (t.bench && !t.list) {
        t.quiet = true;
        check_level(&t, VIS_CPU_C);
        t.quiet = false;
    }
    for (int cpu = VIS_CPU_C; cpu <= VIS_CPU_AVX512; cpu++) {
        if (cpu > (int)vis_cpu_best())
            printf("%s: not on this machine, skipped\n", vis_cpu_name((enum vis_cpu)cpu));
        else if (!o.only || (int)o.only == cpu)
            check_level(&t, (enum vis_cpu)cpu);
    }
    ck_free(&t);
    if (t.list)
        return 0;
    printf("%d passed, %d failed\n", t.passed, t.failed);
    if (t.passed + t.failed == 0)
        fprintf(stderr, "checkkern: no kernel matches; --list prints their names\n");
    return t.failed || !t.passed ? 1 : 0;
}
