#include "nets/ctc_prefix.h"

#include <math.h>

#include "engine/memory.h"

#define ZERO VIS_CTC_PREFIX_ZERO

viseme_status vis_ctc_prefix_open(struct vis_ctc_prefix *out, const struct vis_kernels *kernels,
                                  const float *logp, int frames, int tokens, int blank, int eos,
                                  viseme_error *err)
{
    const size_t bytes = (size_t)frames * (size_t)tokens * sizeof *logp;
    *out = (struct vis_ctc_prefix){kernels, frames, tokens, blank, eos, vis_memory_alloc(bytes)};
    if (!out->columns)
        return vis_fail_nomem(err, bytes);
    for (int t = 0; t < frames; t++)
        for (int c = 0; c < tokens; c++) {
            const float p = logp[(size_t)t * (size_t)tokens + (size_t)c];
            out->columns[(size_t)c * (size_t)frames + (size_t)t] = p > ZERO ? p : ZERO;
        }
    return VISEME_OK;
}

void vis_ctc_prefix_free(struct vis_ctc_prefix *prefix)
{
    vis_memory_free(prefix->columns);
    prefix->columns = NULL;
}

static const float *column(const struct vis_ctc_prefix *prefix, int token)
{
    return prefix->columns + (size_t)token * (size_t)prefix->frames;
}

static float log_add(float a, float b)
{
    const float high = a > b ? a : b, low = a > b ? b : a;
    return high + log1pf(expf(low - high));
}

size_t vis_ctc_prefix_floats(const struct vis_ctc_prefix *prefix)
{
    return 3 * (size_t)prefix->frames;
}

void vis_ctc_prefix_start(const struct vis_ctc_prefix *prefix, float *state)
{
    const int frames = prefix->frames;
    const float *empty = column(prefix, prefix->blank);
    float *other = state, *blank = state + frames, *both = blank + frames;
    double sum = 0;
    for (int t = 0; t < frames; t++) {
        sum += (double)empty[t];
        other[t] = ZERO;
        blank[t] = (float)sum;
        both[t] = log_add(other[t], blank[t]);
    }
}

/* The first frame of which a prefix of `length` tokens takes the next one's state. */
static int first_frame(int length)
{
    return length > 1 ? length : 1;
}

void vis_ctc_prefix_extend(const struct vis_ctc_prefix *prefix, const float *from, int length,
                           int last, int token, float *to)
{
    const int frames = prefix->frames, start = first_frame(length);
    const float *p = column(prefix, token), *empty = column(prefix, prefix->blank);
    const float *before = from + (ptrdiff_t)(token == last ? 1 : 2) * frames; /* blank or both */
    float *other = to, *blank = to + frames, *both = blank + frames;
    for (int t = 0; t < start && t < frames; t++) {
        other[t] = t == 0 && length == 0 ? p[0] : ZERO;
        blank[t] = ZERO;
        both[t] = log_add(other[t], blank[t]);
    }
    for (int t = start; t < frames; t++) {
        other[t] = log_add(other[t - 1], before[t - 1]) + p[t];
        blank[t] = log_add(other[t - 1], blank[t - 1]) + empty[t];
        both[t] = log_add(other[t], blank[t]);
    }
}

/* The logarithm of the sum of e^v, v [n] overwritten. At the largest, log-softmax is that without
 * cancellation. */
static float log_sum(const struct vis_kernels *kernels, float *v, int n)
{
    int largest = 0;
    for (int i = 1; i < n; i++)
        largest = v[i] > v[largest] ? i : largest;
    const float high = v[largest];
    kernels->log_softmax_f32(v, v, n);
    return high - v[largest];
}

void vis_ctc_prefix_score(const struct vis_ctc_prefix *prefix, const float *state, int length,
                          int last, const int *candidates, int count, float *psi, float *room)
{
    const int frames = prefix->frames, start = first_frame(length);
    const int terms = frames > start ? frames - start : 0;
    const float *blank = state + frames, *both = blank + frames;
    for (int c = 0; c < prefix->tokens; c++)
        psi[c] = ZERO;
    for (int i = 0; i < (candidates ? count : prefix->tokens); i++) {
        const int c = candidates ? candidates[i] : i;
        const float *p = column(prefix, c), *before = c == last ? blank : both;
        if (start <= frames)
            prefix->kernels->add_f32(room, before + start - 1, p + start, (size_t)terms);
        room[terms] = length == 0 ? p[0] : ZERO;
        psi[c] = log_sum(prefix->kernels, room, terms + 1);
    }
    psi[prefix->eos] = both[frames - 1];
    psi[prefix->blank] = ZERO;
}
