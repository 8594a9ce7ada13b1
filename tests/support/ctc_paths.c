#include "tests/support/ctc_paths.h"

#include <math.h>

double test_add_logs(double a, double b)
{
    if (a == -INFINITY && b == -INFINITY)
        return -INFINITY;
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

int test_draw(int n, uint64_t *seed)
{
    return (int)(next(seed) % (uint64_t)n);
}

void test_random_logp(float *logp, int frames, int classes, double sharp, uint64_t *seed)
{
    for (int t = 0; t < frames; t++) {
        double scores[64], sum = -INFINITY;
        for (int c = 0; c < classes; c++) {
            scores[c] = sharp * ((double)next(seed) / 2147483648.0 - 0.5);
            sum = test_add_logs(sum, scores[c]);
        }
        for (int c = 0; c < classes; c++)
            logp[t * classes + c] = (float)(scores[c] - sum);
    }
}

void test_each_path(const float *logp, int frames, int classes, int blank,
                    void (*visit)(const struct test_path *path, void *context), void *context)
{
    long paths = 1;
    for (int t = 0; t < frames; t++)
        paths *= classes;
    for (long i = 0; i < paths; i++) {
        struct test_path p = {.frames = frames};
        long rest = i;
        int previous = blank;
        for (int t = 0; t < frames; t++, rest /= classes) {
            int c = (int)(rest % classes);
            p.path[t] = c;
            p.logp += (double)logp[t * classes + c];
            if (c != blank && c != previous)
                p.labels[p.length++] = c;
            previous = c;
        }
        visit(&p, context);
    }
}
