#include "signal/features.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <kissfft/kiss_fftr.h>

enum { ROOM = 8192 }; /* samples held; far more than a frame and what its reflection needs */

static const double pi = 3.14159265358979323846;

struct vis_features {
    const struct vis_features_kind *kind;
    kiss_fftr_cfg fft;
    float *frame;       /* [fft] */
    kiss_fft_cpx *bins; /* [fft / 2 + 1] */
    double *window;     /* [span] */
    double *spectrum;   /* [fft / 2 + 1] */
    double *weights;    /* [bands fft / 2 + 1] */
    int (*range)[2];    /* [bands] bins from .. to - 1 have a weight */
    double *bands;      /* [bands] */
    double *table;
    double *held; /* [ROOM] samples from the next frame's first on */
    size_t have;
    uint64_t seen; /* samples pushed */
    double previous;
    int reflected; /* the beginning of the sound is */
    int finished;
    float *rows; /* [count width] */
    size_t count, room;
};

static size_t bin_count(const struct vis_features_kind *kind)
{
    return (size_t)kind->fft / 2 + 1;
}

static void fill_tables(struct vis_features *f)
{
    const struct vis_features_kind *kind = f->kind;
    int bins = (int)bin_count(kind), before = (kind->span - kind->hann) / 2;

    for (int i = 0; i < kind->span; i++) {
        int at = i - before;
        f->window[i] = !kind->hann                  ? 1
                       : at >= 0 && at < kind->hann ? 0.5 - 0.5 * cos(2 * pi * at / kind->hann)
                                                    : 0;
    }
    for (int b = 0; b < kind->bands; b++) {
        int from = bins, to = 0;
        for (int i = 0; i < bins; i++) {
            double weight = kind->weight(b, i);
            f->weights[b * bins + i] = weight;
            if (weight > 0) {
                from = i < from ? i : from;
                to = i + 1;
            }
        }
        f->range[b][0] = from;
        f->range[b][1] = to;
    }
    if (kind->fill)
        kind->fill(f->table);
}

viseme_status vis_features_open(struct vis_features **out, const struct vis_features_kind *kind,
                                viseme_error *err)
{
    size_t bins = bin_count(kind), bands = (size_t)kind->bands;
    struct vis_features *f = calloc(1, sizeof *f);

    *out = NULL;
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    f->kind = kind;
    f->fft = kiss_fftr_alloc(kind->fft, 0, NULL, NULL);
    f->frame = calloc((size_t)kind->fft, sizeof *f->frame);
    f->bins = calloc(bins, sizeof *f->bins);
    f->window = calloc((size_t)kind->span, sizeof *f->window);
    f->spectrum = calloc(bins, sizeof *f->spectrum);
    f->weights = calloc(bands * bins, sizeof *f->weights);
    f->range = calloc(bands, sizeof *f->range);
    f->bands = calloc(bands, sizeof *f->bands);
    f->table = calloc(kind->table_size + 1, sizeof *f->table);
    f->held = calloc(ROOM, sizeof *f->held);
    if (!f->fft || !f->frame || !f->bins || !f->window || !f->spectrum || !f->weights ||
        !f->range || !f->bands || !f->table || !f->held) {
        vis_features_close(f);
        return vis_fail_nomem(err, bands * bins * sizeof *f->weights);
    }
    fill_tables(f);
    *out = f;
    return VISEME_OK;
}

void vis_features_close(struct vis_features *f)
{
    if (!f)
        return;
    kiss_fftr_free(f->fft);
    free(f->frame);
    free(f->bins);
    free(f->window);
    free(f->spectrum);
    free(f->weights);
    free(f->range);
    free(f->bands);
    free(f->table);
    free(f->held);
    free(f->rows);
    free(f);
}

/* The row of the frame that begins at x [span]. */
static viseme_status add_row(struct vis_features *f, const double *x, viseme_error *err)
{
    const struct vis_features_kind *kind = f->kind;
    size_t bins = bin_count(kind), width = (size_t)kind->width;
    double energy = 0;

    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        float *rows = realloc(f->rows, room * width * sizeof *rows);
        if (!rows)
            return vis_fail_nomem(err, room * width * sizeof *rows);
        f->rows = rows;
        f->room = room;
    }
    for (int i = 0; i < kind->span; i++) /* what follows the span stays 0 */
        f->frame[i] = (float)(x[i] * f->window[i]);
    kiss_fftr(f->fft, f->frame, f->bins);
    for (size_t i = 0; i < bins; i++) {
        double re = f->bins[i].r, im = f->bins[i].i, power = re * re + im * im;
        f->spectrum[i] = kind->magnitude ? sqrt(power) : power / kind->power_divisor;
        energy += f->spectrum[i];
    }
    for (int b = 0; b < kind->bands; b++) {
        const double *weights = f->weights + (size_t)b * bins;
        double sum = 0;
        for (int i = f->range[b][0]; i < f->range[b][1]; i++)
            sum += weights[i] * f->spectrum[i];
        f->bands[b] = sum;
    }
    kind->row(f->table, f->bands, energy, f->rows + f->count++ * width);
    return VISEME_OK;
}

/* The rows of all frames that are complete. */
static viseme_status add_rows(struct vis_features *f, viseme_error *err)
{
    size_t span = (size_t)f->kind->span, step = (size_t)f->kind->step, at = 0;
    viseme_status status = VISEME_OK;

    for (; status == VISEME_OK && at + span <= f->have; at += step)
        status = add_row(f, f->held + at, err);
    f->have -= at;
    memmove(f->held, f->held + at, f->have * sizeof *f->held);
    return status;
}

/* The place of sample i, which may lie outside, of n samples that are reflected at both ends
 * without repeating the first and the last; one sample goes on for ever. */
static size_t reflect(ptrdiff_t i, size_t n)
{
    if (n == 1)
        return 0;
    ptrdiff_t period = 2 * ((ptrdiff_t)n - 1), at = i % period;
    at = at < 0 ? at + period : at;
    return (size_t)(at < (ptrdiff_t)n ? at : period - at);
}

/* Puts half a frame before the first sample. */
static void reflect_beginning(struct vis_features *f)
{
    size_t half = (size_t)f->kind->span / 2, n = f->have;
    double *x = f->held + half;

    memmove(x, f->held, n * sizeof *x);
    for (size_t i = 1; i <= half; i++)
        x[-(ptrdiff_t)i] = x[reflect(-(ptrdiff_t)i, n)];
    f->have += half;
    f->reflected = 1;
}

static double round_to_16_bits(float x)
{
    double v = rint((double)x * 32768);
    return isnan(v) ? 0 : v < -32768 ? -32768 : v > 32767 ? 32767 : v;
}

viseme_status vis_features_push(struct vis_features *f, const float *samples, size_t count,
                                viseme_error *err)
{
    const struct vis_features_kind *kind = f->kind;
    size_t half = kind->centred ? (size_t)kind->span / 2 : 0;
    double scale = kind->full_scale / 32768;

    if (f->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "samples come after the end of the sound");
    while (count > 0) {
        size_t n = ROOM - 2 * half - f->have; /* room for both reflections */
        n = count < n ? count : n;
        for (size_t i = 0; i < n; i++) {
            double v = round_to_16_bits(samples[i]) * scale;
            f->held[f->have++] = f->seen++ ? v - kind->preemphasis * f->previous : v;
            f->previous = v;
        }
        samples += n;
        count -= n;
        if (half && !f->reflected) {
            if (f->have <= half)
                continue; /* then count is 0 */
            reflect_beginning(f);
        }
        viseme_status status = add_rows(f, err);
        if (status != VISEME_OK)
            return status;
    }
    return VISEME_OK;
}

viseme_status vis_features_finish(struct vis_features *f, viseme_error *err)
{
    size_t span = (size_t)f->kind->span, half = span / 2;

    if (f->finished)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "the sound has ended already");
    f->finished = 1;
    if (f->seen == 0)
        return VISEME_OK;
    if (f->kind->centred) {
        size_t n = f->have; /* as many as are reflected, or all there are */
        if (!f->reflected) {
            size_t all = f->have;
            reflect_beginning(f);
            for (size_t i = 0; i < half; i++)
                f->held[f->have++] = f->held[half + reflect((ptrdiff_t)(all + i), all)];
        } else {
            for (size_t i = 0; i < half; i++)
                f->held[f->have++] = f->held[n - 2 - i];
        }
        return add_rows(f, err);
    }
    /* Samples that no row has had: those behind the overlap of the last frame with the next. */
    size_t old = f->count ? span - (size_t)f->kind->step : 0;
    if (f->have <= old)
        return VISEME_OK;
    memset(f->held + f->have, 0, (span - f->have) * sizeof *f->held);
    f->have = span;
    return add_rows(f, err);
}

float *vis_features_rows(struct vis_features *f, size_t *count)
{
    *count = f->count;
    return f->rows;
}

void vis_features_drop(struct vis_features *f, size_t count)
{
    const size_t width = (size_t)f->kind->width;
    if (count == 0 || count >= f->count)
        return;
    f->count -= count;
    memmove(f->rows, f->rows + count * width, f->count * width * sizeof *f->rows);
}

int vis_features_width(const struct vis_features *f)
{
    return f->kind->width;
}
