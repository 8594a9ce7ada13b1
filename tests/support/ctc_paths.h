/* CTC the slow way: every path of a small input. */
#ifndef TESTS_SUPPORT_CTC_PATHS_H
#define TESTS_SUPPORT_CTC_PATHS_H

#include <stdint.h>

enum { TEST_MAX_FRAMES = 16 };

/* Rows [frames classes] of log-softmax of random scores; a larger `sharp` makes fewer classes
 * likely. *seed moves on. */
void test_random_logp(float *logp, int frames, int classes, double sharp, uint64_t *seed);

/* A number from 0 to n - 1. */
int test_draw(int n, uint64_t *seed);

/* Calls visit() for each of the classes^frames paths, frames <= TEST_MAX_FRAMES. path [frames]: the
 * class of each frame; labels [length]: without blanks and repeats. */
struct test_path {
    int frames, path[TEST_MAX_FRAMES];
    int length, labels[TEST_MAX_FRAMES];
    double logp;
};
void test_each_path(const float *logp, int frames, int classes, int blank,
                    void (*visit)(const struct test_path *path, void *context), void *context);

/* log(exp(a) + exp(b)) */
double test_add_logs(double a, double b);

#endif
