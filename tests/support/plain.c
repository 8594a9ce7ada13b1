#include "tests/support/plain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

size_t plain_count(const struct plain *d)
{
    size_t n = 1;
    for (int i = 0; i < 5; i++)
        n *= (size_t)d->dim[i];
    return n;
}

struct plain plain_new(int n, int t, int h, int w, int c)
{
    struct plain d = {{n, t, h, w, c}, NULL};
    d.data = calloc(plain_count(&d), sizeof *d.data);
    assert_non_null(d.data);
    return d;
}

double *plain_place(const struct plain *d, int n, const int at[3])
{
    for (int i = 0; i < 3; i++)
        if (at[i] < 0 || at[i] >= d->dim[1 + i])
            return NULL;
    return d->data + (((size_t)(n * d->dim[1] + at[0]) * (size_t)d->dim[2] + (size_t)at[1]) *
                          (size_t)d->dim[3] +
                      (size_t)at[2]) *
                         (size_t)d->dim[4];
}

double plain_at(const struct plain *d, int n, const int at[3], int c)
{
    const double *pixel = plain_place(d, n, at);
    return pixel ? pixel[c] : 0;
}

void plain_locate(const struct plain *y, size_t p, int *n, int at[3], int *c)
{
    *c = (int)(p % (size_t)y->dim[4]);
    p /= (size_t)y->dim[4];
    for (int i = 2; i >= 0; i--) {
        at[i] = (int)(p % (size_t)y->dim[1 + i]);
        p /= (size_t)y->dim[1 + i];
    }
    *n = (int)p;
}

struct plain plain_conv(const struct plain *x, const struct vis_conv *v, int deep,
                        const float *weight, const float *bias)
{
    int out[3], k[3], stride[3];
    for (int i = 0; i < 3; i++) {
        k[i] = v->k[i] ? v->k[i] : 1;
        stride[i] = v->stride[i] ? v->stride[i] : 1;
        out[i] = (x->dim[1 + i] + 2 * v->pad[i] + v->pad_end[i] - k[i]) / stride[i] + 1;
    }
    struct plain y = plain_new(x->dim[0], out[0], out[1], out[2], deep ? x->dim[4] : v->out);
    const int taps = k[0] * k[1] * k[2], channels = deep ? 1 : x->dim[4];
    for (size_t p = 0; p < plain_count(&y); p++) {
        int n, at[3], o;
        plain_locate(&y, p, &n, at, &o);
        double sum = bias ? (double)bias[o] : 0;
        for (int c = 0; c < channels; c++)
            for (int tap = 0; tap < taps; tap++) {
                const int in[3] = {at[0] * stride[0] - v->pad[0] + tap / k[2] / k[1],
                                   at[1] * stride[1] - v->pad[1] + tap / k[2] % k[1],
                                   at[2] * stride[2] - v->pad[2] + tap % k[2]};
                sum += (double)weight[(o * channels + c) * taps + tap] *
                       plain_at(x, n, in, deep ? o : c);
            }
        y.data[p] = sum;
    }
    return y;
}

void plain_end(struct plain *y, const struct plain *residual, enum vis_act act, const float *slope)
{
    for (size_t p = 0; p < plain_count(y); p++) {
        int n, at[3], c;
        plain_locate(y, p, &n, at, &c);
        if (residual && c < residual->dim[4])
            y->data[p] += plain_at(residual, n, at, c);
        if (y->data[p] < 0 && act != VIS_ACT_NONE)
            y->data[p] *= act == VIS_ACT_PRELU ? (double)slope[c] : 0;
    }
}

struct plain plain_transposed(const struct plain *x, const struct vis_conv *v, const float *weight,
                              const float *bias)
{
    int out[3], k[3], stride[3];
    for (int i = 0; i < 3; i++) {
        k[i] = v->k[i] ? v->k[i] : 1;
        stride[i] = v->stride[i] ? v->stride[i] : 1;
        out[i] = (x->dim[1 + i] - 1) * stride[i] - 2 * v->pad[i] + k[i] + v->output_pad[i];
    }
    struct plain y = plain_new(x->dim[0], out[0], out[1], out[2], v->out);
    const int taps = k[0] * k[1] * k[2];
    for (size_t p = 0; p < plain_count(x); p++) {
        int n, at[3], c;
        plain_locate(x, p, &n, at, &c);
        for (int tap = 0; tap < taps; tap++) {
            const int to[3] = {at[0] * stride[0] - v->pad[0] + tap / k[2] / k[1],
                               at[1] * stride[1] - v->pad[1] + tap / k[2] % k[1],
                               at[2] * stride[2] - v->pad[2] + tap % k[2]};
            double *row = plain_place(&y, n, to);
            for (int o = 0; row && o < v->out; o++)
                row[o] += x->data[p] * (double)weight[(c * v->out + o) * taps + tap];
        }
    }
    for (size_t p = 0; bias && p < plain_count(&y); p++)
        y.data[p] += (double)bias[p % (size_t)v->out];
    return y;
}

void plain_norm(struct plain *y, const float *gamma, const float *beta, const float *mean,
                const float *variance)
{
    for (size_t p = 0; p < plain_count(y); p++) {
        const size_t c = p % (size_t)y->dim[4];
        y->data[p] =
            (y->data[p] - (double)mean[c]) / sqrt((double)variance[c] + 1e-5) * (double)gamma[c] +
            (double)beta[c];
    }
}

struct plain plain_concat(const struct plain *a, const struct plain *b)
{
    struct plain y = plain_new(a->dim[0], a->dim[1], a->dim[2], a->dim[3], a->dim[4] + b->dim[4]);
    for (size_t p = 0; p < plain_count(&y); p++) {
        int n, at[3], c;
        plain_locate(&y, p, &n, at, &c);
        y.data[p] = c < a->dim[4] ? plain_at(a, n, at, c) : plain_at(b, n, at, c - a->dim[4]);
    }
    return y;
}
