/* Greedy CTC decoding, and what it shares with the beam search: checked input, text of a result. */
#include "nets/ctc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/ctc_beam.h"

viseme_status vis_ctc_check(const float *logp, int frames, int classes, int blank,
                            viseme_error *err)
{
    if (frames < 0 || classes < 2 || blank < 0 || blank >= classes)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "CTC: %d frames of %d classes with blank %d cannot be decoded", frames,
                        classes, blank);
    for (int t = 0; t < frames; t++) {
        const float *row = logp + (size_t)t * (size_t)classes;
        int possible = 0;
        for (int c = 0; c < classes; c++) {
            if (isnan(row[c]) || row[c] == INFINITY)
                return vis_fail(err, VISEME_ERR_INPUT,
                                "CTC: the log-probability of class %d in frame %d is %s", c, t,
                                isnan(row[c]) ? "not a number" : "infinite");
            possible |= row[c] != -INFINITY;
        }
        if (!possible)
            return vis_fail(err, VISEME_ERR_INPUT,
                            "CTC: every class of frame %d has probability zero", t);
    }
    return VISEME_OK;
}

viseme_status vis_ctc_greedy(struct vis_ctc_result *out, const float *logp, int frames, int classes,
                             int blank, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    *out = (struct vis_ctc_result){0};
    status = vis_ctc_check(logp, frames, classes, blank, err);
    if (status != VISEME_OK)
        return status;

    struct vis_ctc_hypothesis *best = calloc(1, sizeof *best);
    size_t bytes = (size_t)(frames > 0 ? frames : 1) * sizeof *best->labels;
    int *labels = malloc(bytes);
    if (!best || !labels) {
        status = vis_fail_nomem(err, bytes);
        goto fail;
    }
    int previous = blank;
    for (int t = 0; t < frames; t++) {
        const float *row = logp + (size_t)t * (size_t)classes;
        int top = 0;
        for (int c = 1; c < classes; c++)
            if (row[c] > row[top])
                top = c;
        best->log_probability += (double)row[top];
        if (top != blank && top != previous)
            labels[best->length++] = top;
        previous = top;
    }
    best->labels = labels;
    best->score = best->log_probability;
    out->best = best;
    out->count = 1;
    return VISEME_OK;
fail:
    free(labels);
    free(best);
    return status;
}

void vis_ctc_free(struct vis_ctc_result *result)
{
    if (!result)
        return;
    for (int i = 0; i < result->count; i++)
        free(result->best[i].labels);
    free(result->best);
    *result = (struct vis_ctc_result){0};
}

viseme_status vis_ctc_text(char **text, const struct vis_ctc_hypothesis *hypothesis,
                           const char *const *vocab, viseme_error *err)
{
    size_t size = 1;
    *text = NULL;
    for (int i = 0; i < hypothesis->length; i++)
        size += strlen(vocab[hypothesis->labels[i]]);
    char *s = malloc(size);
    if (!s)
        return vis_fail_nomem(err, size);
    size_t n = 0;
    for (int i = 0; i < hypothesis->length; i++)
        for (const char *p = vocab[hypothesis->labels[i]]; *p; p++)
            if (*p != ' ' || (n > 0 && s[n - 1] != ' '))
                s[n++] = *p;
    if (n > 0 && s[n - 1] == ' ')
        n--;
    s[n] = '\0';
    *text = s;
    return VISEME_OK;
}
