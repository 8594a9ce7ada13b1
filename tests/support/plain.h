/* Layers as plain loops in double over dense tensors [N T H W C]: the truth for the engine's. */
#ifndef TESTS_SUPPORT_PLAIN_H
#define TESTS_SUPPORT_PLAIN_H

#include "engine/graph.h"

/* Free `data`. */
struct plain {
    int dim[5];
    double *data;
};

/* Zeros. */
struct plain plain_new(int n, int t, int h, int w, int c);
size_t plain_count(const struct plain *d);
/* The channels at `at` (T H W), NULL outside; one of them, 0 outside. */
double *plain_place(const struct plain *d, int n, const int at[3]);
double plain_at(const struct plain *d, int n, const int at[3], int c);
/* Element p in the order of memory, as indices. */
void plain_locate(const struct plain *y, size_t p, int *n, int at[3], int *c);

/* vis_conv() without what follows the bias, weights [out C kt kh kw]; deep: vis_depthwise(),
 * weights [C kt kh kw]. bias NULL: none. */
struct plain plain_conv(const struct plain *x, const struct vis_conv *v, int deep,
                        const float *weight, const float *bias);
/* Likewise vis_conv_transposed(), weights [C out kt kh kw]: adds what each input gives. */
struct plain plain_transposed(const struct plain *x, const struct vis_conv *v, const float *weight,
                              const float *bias);
/* Batch norm with eps 1e-5. */
void plain_norm(struct plain *y, const float *gamma, const float *beta, const float *mean,
                const float *variance);
/* y = act(y + residual), the residual with as many channels as it has; NULL: none. */
void plain_end(struct plain *y, const struct plain *residual, enum vis_act act, const float *slope);
struct plain plain_concat(const struct plain *a, const struct plain *b);

#endif
