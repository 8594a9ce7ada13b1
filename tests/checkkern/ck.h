/* The harness of the kernel checker: guarded buffers, calls that survive a crash, comparisons
 * against a double-precision truth, timing. One struct ck is one run of the program.
 *
 * A check function looks like this:
 *
 *   void check_relu(struct ck *t)
 *   {
 *       if (!ck_start(t, (ck_any_fn *)t->k.relu_f32, "relu_f32"))
 *           return;                               // filtered out, or checked at a lower level
 *       for (int n = 0; n < 40 && ck_case(t, "n=%d", n); n++) {
 *           struct map_call call = {t->k.relu_f32, ck_out(t, n), ck_in(t, n), n};
 *           if (!ck_call(t, call_map, &call))
 *               break;                            // it crashed or spoiled memory
 *           ... ck_near(t, call.dst[i], want, tolerance, i) ...
 *       }
 *       ck_finish(t);
 *   }
 */
#ifndef VIS_TESTS_CHECKKERN_CK_H
#define VIS_TESTS_CHECKKERN_CK_H

#include "kernels/kernels.h"
#include "tests/checkkern/shapes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CK_MAX_BUFFERS = 12, CK_MAX_SEEN = 64, CK_MAX_TIMES = 256, CK_NAME = 96 };

typedef void ck_any_fn(void);

/* What a buffer is for decides what ck_call() demands of it. */
enum ck_use {
    CK_IN,   /* must not change */
    CK_OUT,  /* filled with CK_FILL before each call */
    CK_INOUT /* its first contents are put back before the second call */
};

/* The NaN that fills outputs: an element that still holds exactly these bits was not written. */
#define CK_FILL 0x7fedc0deu

struct ck_buffer {
    char *map; /* guard page, `room` bytes, guard page; kept from case to case */
    size_t room;
    char *data; /* `size` bytes that end at the rear guard page, or a little before it */
    size_t size;
    enum ck_use use;
    char *copy;   /* [room]: contents before the call, or results of the first call */
    char *before; /* [room]: contents of a CK_INOUT before the call */
};

struct ck_time {
    char label[CK_NAME];
    double rate; /* of plain C, per second */
};

struct ck {
    /* options */
    const char *pattern;
    bool list, bench;
    uint64_t seed;
    struct shape_list shapes;

    /* the level under test */
    enum vis_cpu cpu;
    struct vis_kernels k;
    bool timing; /* buffers for ck_bench() */
    bool quiet;  /* plain C, timed for its ratios only: no cases, no output */

    /* the kernel under test */
    char name[CK_NAME], what[2 * CK_NAME];
    uint64_t random;
    int cases, failures;
    bool broken; /* crashed or wrote outside: no further cases */
    struct ck_buffer buffer[CK_MAX_BUFFERS];
    int buffers;

    /* the whole run */
    ck_any_fn *seen[CK_MAX_SEEN];
    int seen_count;
    struct ck_time times[CK_MAX_TIMES];
    int time_count;
    int passed, failed;
};

void ck_init(struct ck *t);
void ck_free(struct ck *t);

/* Begins the kernel `name` (the level is appended). False: skip it. */
bool ck_start(struct ck *t, ck_any_fn *fn, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
/* Begins a case, described as printf does, and gives all buffers back. False once the kernel is
 * broken. */
bool ck_case(struct ck *t, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* Before a timing: gives all buffers back and aligns the next ones to 64 bytes, away from the guard
 * pages, where masked loads and stores are slow. */
void ck_time_next(struct ck *t);
/* Ends the kernel and prints its line. */
void ck_finish(struct ck *t);

/* Random numbers, reseeded from the seed and the kernel's name by ck_start(). */
int ck_pick(struct ck *t, int low, int high); /* both included */
float ck_normal(struct ck *t);                /* about normal, variance 1 */

/* Buffers of the present case: aligned to `align` bytes, with a canary before and a page without
 * access behind. At alignment 4 one in four is moved away from the page by 1..15 floats. */
void *ck_bytes(struct ck *t, enum ck_use use, size_t size, size_t align);
float *ck_in(struct ck *t, size_t n);          /* random, aligned to one float */
float *ck_in_aligned(struct ck *t, size_t n);  /* random, aligned to 64 bytes */
float *ck_out(struct ck *t, size_t n);         /* aligned to one float */
float *ck_out_aligned(struct ck *t, size_t n); /* aligned to 64 bytes */
float *ck_inout(struct ck *t, size_t n);       /* random, aligned to one float */
/* Puts zeros of both signs, denormals and, if asked for, Inf and NaN among the numbers. */
void ck_special(struct ck *t, float *p, size_t n, bool inf_nan);

/* Calls fn(context) twice and demands: no signal, untouched surroundings and inputs, the same bits
 * twice, the same floating point control word. False: reported. */
bool ck_call(struct ck *t, void (*fn)(void *context), void *context);

/* Demands |got - want| <= tolerance, NaN for NaN, and that the element was written; `at` and
 * `at2` (if not negative) name it in the report. */
void ck_near(struct ck *t, float got, double want, double tolerance, int at, int at2);
/* Demands that n elements still hold CK_FILL. */
void ck_unwritten(struct ck *t, const float *p, size_t n);
/* Reports a failure of the present case. */
void ck_fail(struct ck *t, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* k roundings to nearest of fp32: k u / (1 - k u), u = 2^-24 (Higham, Accuracy and Stability of
 * Numerical Algorithms, lemma 3.1). */
double ck_gamma(double k);

/* An activation of x, and how far a kernel may be from it when x itself is off by up to `error`. */
double ck_act(enum vis_act act, double x, double slope);
double ck_act_tolerance(enum vis_act act, double x, double slope, double error);

/* With --bench: times fn(context), which does `work` floating point operations or moves `work`
 * bytes, and prints the best and the median rate, for operations the median share of the FMA rate
 * measured right beside each sample, and the ratio to plain C, which is found by the label. */
enum ck_unit { CK_GFLOPS, CK_GBYTES };
void ck_bench(struct ck *t, double work, enum ck_unit unit, void (*fn)(void *context),
              void *context, const char *label, ...) __attribute__((format(printf, 6, 7)));

/* One per slot or family of slots. */
void check_gemm(struct ck *t);
void check_epilogue(struct ck *t);
void check_depthwise(struct ck *t);
void check_maxpool(struct ck *t);
void check_gru(struct ck *t);
void check_gru_before(struct ck *t);
void check_rows(struct ck *t);
void check_attend(struct ck *t);
void check_maps(struct ck *t);
void check_copies(struct ck *t);

#endif
