/* The harness of the kernel checker: cases, calls and comparisons. */
#include "tests/checkkern/ck.h"
#include "tests/checkkern/buffers.h"

#include <fnmatch.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Only what a signal handler can reach: there is one call at a time. */
static sigjmp_buf crash_return;
static volatile sig_atomic_t in_kernel;

static void on_crash(int sig)
{
    if (in_kernel) {
        in_kernel = 0;
        siglongjmp(crash_return, sig);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

void ck_init(struct ck *t)
{
    const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
    struct sigaction action = {.sa_handler = on_crash};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
    memset(t, 0, sizeof *t);
}

void ck_free(struct ck *t)
{
    for (int i = 0; i < CK_MAX_BUFFERS; i++)
        buffer_free(&t->buffer[i]);
}

static bool already_checked(struct ck *t, ck_any_fn *fn)
{
    if (t->quiet)
        return false;
    for (int i = 0; i < t->seen_count; i++)
        if (t->seen[i] == fn)
            return true;
    if (t->seen_count < CK_MAX_SEEN)
        t->seen[t->seen_count++] = fn;
    return false;
}

bool ck_start(struct ck *t, ck_any_fn *fn, const char *name, ...)
{
    char base[CK_NAME - 16];
    va_list list;
    va_start(list, name);
    vsnprintf(base, sizeof base, name, list);
    va_end(list);
    snprintf(t->name, sizeof t->name, "%s_%s", base, vis_cpu_name(t->cpu));

    if (already_checked(t, fn))
        return false;
    if (!t->quiet && t->pattern && fnmatch(t->pattern, t->name, 0) != 0)
        return false;
    if (t->list) {
        printf("%s\n", t->name);
        return false;
    }
    /* FNV-1a of the name, so that one kernel alone sees the same numbers as in a full run. */
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = t->name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    t->random = hash ^ (t->seed * 0x9e3779b97f4a7c15u);
    t->cases = t->failures = t->buffers = 0;
    t->broken = false;
    t->what[0] = 0;
    return true;
}

bool ck_case(struct ck *t, const char *what, ...)
{
    va_list list;
    va_start(list, what);
    vsnprintf(t->what, sizeof t->what, what, list);
    va_end(list);
    t->buffers = 0;
    t->timing = false;
    t->cases++;
    return !t->broken && !t->quiet;
}

void ck_time_next(struct ck *t)
{
    t->buffers = 0;
    t->timing = true;
}

void ck_finish(struct ck *t)
{
    if (t->quiet)
        return;
    if (t->failures) {
        printf("%-34s FAILED: %d failures in %d cases; --seed %llu --kernel %s\n", t->name,
               t->failures, t->cases, (unsigned long long)t->seed, t->name);
        t->failed++;
    } else {
        printf("%-34s ok, %d cases\n", t->name, t->cases);
        t->passed++;
    }
    fflush(stdout);
}

void ck_fail(struct ck *t, const char *what, ...)
{
    enum { SHOWN = 5 };
    if (t->failures++ < SHOWN) {
        va_list list;
        va_start(list, what);
        printf("  %s (%s): ", t->name, t->what);
        vprintf(what, list);
        printf("\n");
        va_end(list);
    }
}

/* xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift generators). */
static uint32_t next(struct ck *t)
{
    t->random += t->random == 0;
    t->random ^= t->random >> 12;
    t->random ^= t->random << 25;
    t->random ^= t->random >> 27;
    return (uint32_t)((t->random * 0x2545f4914f6cdd1du) >> 32);
}

int ck_pick(struct ck *t, int low, int high)
{
    return low + (int)(((uint64_t)next(t) * (uint64_t)(high - low + 1)) >> 32);
}

float ck_normal(struct ck *t)
{
    /* The sum of four uniform numbers on [-1, 1] has variance 4/3. */
    double sum = 0.0;
    for (int i = 0; i < 4; i++)
        sum += (double)next(t) * 0x1p-31 - 1.0;
    return (float)(sum * 0.8660254);
}

void ck_special(struct ck *t, float *p, size_t n, bool inf_nan)
{
    const float value[] = {0.0f, -0.0f, 1e-40f, -1e-42f, INFINITY, -INFINITY, NAN};
    const int most = inf_nan ? 6 : 3;
    for (size_t i = 0; i < n; i++)
        if (ck_pick(t, 0, 9) == 0)
            p[i] = value[ck_pick(t, 0, most)];
}

static unsigned control_word(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & ~0x3fu; /* without the sticky exception flags */
#else
    return 0;
#endif
}

/* One guarded call; false if a signal ended it. */
static bool run(struct ck *t, void (*fn)(void *), void *context)
{
    const int sig = sigsetjmp(crash_return, 1);
    if (sig == 0) {
        in_kernel = 1;
        fn(context);
        in_kernel = 0;
        return true;
    }
    ck_fail(t, "%s",
            sig == SIGSEGV  ? "SIGSEGV, reached outside its buffers"
            : sig == SIGILL ? "SIGILL, an instruction this CPU does not have"
            : sig == SIGBUS ? "SIGBUS"
                            : "SIGFPE");
    return false;
}

bool ck_call(struct ck *t, void (*fn)(void *context), void *context)
{
    bool ok = true;
    for (int round = 0; ok && round < 2; round++) {
        for (int i = 0; i < t->buffers; i++)
            buffer_before_call(&t->buffer[i], round);
        const unsigned before = control_word();
        ok = run(t, fn, context);
        if (ok && control_word() != before) {
            ck_fail(t, "changed the floating point control word");
            ok = false;
        }
        for (int i = 0; ok && i < t->buffers; i++) {
            const char *wrong = buffer_after_call(&t->buffer[i], round);
            if (wrong) {
                ck_fail(t, "buffer %d: %s", i, wrong);
                ok = false;
            }
        }
    }
    if (!ok)
        t->broken = true;
    return ok;
}

void ck_near(struct ck *t, float got, double want, double tolerance, int at, int at2)
{
    char where[48];
    uint32_t bits;
    memcpy(&bits, &got, sizeof bits);
    bool ok = bits != CK_FILL;
    if (isnan(want))
        ok = ok && isnan(got);
    else if (isinf(want))
        ok = ok && (double)got == want;
    else
        ok = ok && fabs((double)got - want) <= tolerance;
    if (ok)
        return;
    if (at2 < 0)
        snprintf(where, sizeof where, "[%d]", at);
    else
        snprintf(where, sizeof where, "[%d][%d]", at, at2);
    if (bits == CK_FILL)
        ck_fail(t, "%s was not written", where);
    else
        ck_fail(t, "%s is %.9g, should be %.9g within %.2g", where, (double)got, want, tolerance);
}

void ck_unwritten(struct ck *t, const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, p + i, sizeof bits);
        if (bits != CK_FILL) {
            ck_fail(t, "wrote into the gap between rows");
            return;
        }
    }
}

double ck_gamma(double k)
{
    return k * 0x1p-24 / (1.0 - k * 0x1p-24);
}

double ck_act(enum vis_act act, double x, double slope)
{
    switch (act) {
    case VIS_ACT_RELU:
        return x < 0.0 ? 0.0 : x;
    case VIS_ACT_PRELU:
        return x < 0.0 ? x * slope : x;
    case VIS_ACT_SWISH:
        return x / (1.0 + exp(-x));
    case VIS_ACT_GELU:
        return x * (0.5 * erfc(-x * 0x1.6a09e667f3bcdp-1));
    case VIS_ACT_GELU_TANH:
        return x / (1.0 + exp(-x * ((double)VIS_GELU_TANH_1 + (double)VIS_GELU_TANH_3 * x * x)));
    default:
        return x;
    }
}

/* Smooth activations: no steeper than 1.2, and with the rounding of their exponent. */
double ck_act_tolerance(enum vis_act act, double x, double slope, double error)
{
    if (act <= VIS_ACT_PRELU)
        return error * (act == VIS_ACT_PRELU ? fmax(1.0, fabs(slope)) : 1.0);
    const double want = fabs(ck_act(act, x, slope));
    const double z = act == VIS_ACT_SWISH  ? fabs(x)
                     : act == VIS_ACT_GELU ? x * x / 2
                                           : fabs(2 * x + 0.08 * x * x * x);
    if (want == 0.0 || !isfinite(want))
        return 1.2 * error;
    return 1.2 * error + fmax(want * (8 + (x < 0.0 ? 3 * z : 0.0)) * 0x1p-23, 0x1p-126);
}
