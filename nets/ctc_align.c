#include "nets/ctc_align.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nets/ctc_beam.h"

#define EXACT_CELLS ((size_t)1 << 26)
#define MAX_BYTES   ((size_t)1 << 30)

/* State s of a labelling: a blank where s is even, else label s / 2. Of each frame, the states
 * from low to high are alive. */
struct search {
    const float *logp;
    const int *labels;
    int frames, classes, blank, states;
    double *now, *then;   /* [states] */
    int *low;             /* [frames] */
    size_t *begin;        /* [frames + 1] where a frame's steps begin */
    unsigned char *steps; /* how many states back the best way comes from: 0, 1, 2 */
    size_t step_room;
};

static int symbol(const struct search *s, int state)
{
    return state % 2 ? s->labels[state / 2] : s->blank;
}

static viseme_status make_room(struct search *s, size_t bytes, viseme_error *err)
{
    if (bytes <= s->step_room)
        return VISEME_OK;
    if (bytes > MAX_BYTES)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%d labels in %d frames take more than 1 GiB to align", s->states / 2,
                        s->frames);
    size_t room = 2 * bytes + 4096;
    unsigned char *steps = realloc(s->steps, room);
    if (!steps)
        return vis_fail_nomem(err, room);
    s->steps = steps;
    s->step_room = room;
    return VISEME_OK;
}

/* Frame t: the states low .. now_high of s->now from the states low .. high of s->then. steps
 * [now_high - low + 1]. Returns the best score. */
static double step(const struct search *s, int t, int low, int high, int now_high,
                   unsigned char *steps)
{
    const float *row = s->logp + (size_t)t * (size_t)s->classes;
    double highest = -INFINITY;
    for (int i = low; i <= now_high; i++) {
        double best = i <= high ? s->then[i] : -INFINITY;
        unsigned char from = 0;
        if (i - 1 >= low && i - 1 <= high && s->then[i - 1] > best) {
            best = s->then[i - 1];
            from = 1;
        }
        if (i % 2 && i - 2 >= low && i - 2 <= high && symbol(s, i) != symbol(s, i - 2) &&
            s->then[i - 2] > best) {
            best = s->then[i - 2];
            from = 2;
        }
        s->now[i] = best + (double)row[symbol(s, i)];
        steps[i - low] = from;
        highest = s->now[i] > highest ? s->now[i] : highest;
    }
    return highest;
}

/* All frames; *end is the state the best path ends in, -1 when there is none. */
static viseme_status forward(struct search *s, double margin, int *end, double *score,
                             viseme_error *err)
{
    int low = 0, high = 0; /* before the first frame: the blank at the start */
    size_t used = 0;
    *end = -1;
    s->then[0] = 0;
    for (int t = 0; t < s->frames; t++) {
        int now_high = high + 1 + high % 2; /* a label leads to the next label too */
        if (now_high > s->states - 1)
            now_high = s->states - 1;
        viseme_status status = make_room(s, used + (size_t)(now_high - low + 1), err);
        if (status != VISEME_OK)
            return status;
        s->begin[t] = used;
        s->low[t] = low;
        double highest = step(s, t, low, high, now_high, s->steps + used);
        used += (size_t)(now_high - low + 1);
        high = now_high;
        if (highest == -INFINITY)
            return VISEME_OK;
        while (s->now[low] < highest - margin)
            low++;
        while (s->now[high] < highest - margin)
            high--;
        double *swap = s->now;
        s->now = s->then;
        s->then = swap;
    }
    for (int i = s->states - 1; i >= 0 && i >= s->states - 2; i--)
        if (i >= low && i <= high && s->then[i] > -INFINITY && (*end < 0 || s->then[i] > *score)) {
            *end = i;
            *score = s->then[i];
        }
    return VISEME_OK;
}

static void walk_back(const struct search *s, int state, struct vis_ctc_alignment *out)
{
    for (int t = s->frames - 1; t >= 0; t--) {
        out->path[t] = s->logp[(size_t)t * (size_t)s->classes + (size_t)symbol(s, state)];
        if (state % 2) {
            if (out->last[state / 2] < 0)
                out->last[state / 2] = t;
            out->first[state / 2] = t;
        }
        state -= s->steps[s->begin[t] + (size_t)(state - s->low[t])];
    }
}

static viseme_status search(struct search *s, struct vis_ctc_alignment *out, viseme_error *err)
{
    static const double margins[] = {200, 2000, INFINITY};
    size_t i = (size_t)s->frames * (size_t)s->states <= EXACT_CELLS ? 2 : 0;
    int end = -1;
    viseme_status status = VISEME_OK;
    for (; i < 3 && end < 0 && status == VISEME_OK; i++)
        status = forward(s, margins[i], &end, &out->log_probability, err);
    if (status == VISEME_OK && end < 0)
        status = vis_fail(err, VISEME_ERR_INPUT, "CTC: %d labels have no path through %d frames",
                          s->states / 2, s->frames);
    if (status == VISEME_OK)
        walk_back(s, end, out);
    return status;
}

viseme_status vis_ctc_align(struct vis_ctc_alignment *out, const float *logp, int frames,
                            int classes, int blank, const int *labels, int length,
                            viseme_error *err)
{
    *out = (struct vis_ctc_alignment){0};
    viseme_status status = vis_ctc_check(logp, frames, classes, blank, err);
    if (status != VISEME_OK)
        return status;
    if (length > frames)
        return vis_fail(err, VISEME_ERR_INPUT, "CTC: %d labels have no path through %d frames",
                        length, frames);
    struct search s = {.logp = logp,
                       .labels = labels,
                       .frames = frames,
                       .classes = classes,
                       .blank = blank,
                       .states = 2 * length + 1};
    size_t states = (size_t)s.states, n = (size_t)frames + 1, m = (size_t)length + 1;
    s.now = malloc(states * sizeof *s.now);
    s.then = malloc(states * sizeof *s.then);
    s.low = malloc(n * sizeof *s.low);
    s.begin = malloc(n * sizeof *s.begin);
    out->first = malloc(m * sizeof *out->first);
    out->last = malloc(m * sizeof *out->last);
    out->path = malloc(n * sizeof *out->path);
    if (s.now && s.then && s.low && s.begin && out->first && out->last && out->path) {
        for (int i = 0; i < length; i++)
            out->first[i] = out->last[i] = -1;
        if (frames > 0)
            status = search(&s, out, err);
    } else {
        status = vis_fail_nomem(err, states * 2 * sizeof *s.now + n * 4 * sizeof(int));
    }
    free(s.now);
    free(s.then);
    free(s.low);
    free(s.begin);
    free(s.steps);
    if (status != VISEME_OK)
        vis_ctc_alignment_free(out);
    return status;
}

void vis_ctc_alignment_free(struct vis_ctc_alignment *alignment)
{
    free(alignment->first);
    free(alignment->last);
    free(alignment->path);
    *alignment = (struct vis_ctc_alignment){0};
}

/* ---- Words ------------------------------------------------------------------------------- */

static int is_space(const char *const *vocab, int label)
{
    return strcmp(vocab[label], " ") == 0;
}

/* Sum of path over frames first .. last. */
static double sum_path(const float *path, int first, int last)
{
    double sum = 0;
    for (int t = first; t <= last; t++)
        sum += (double)path[t];
    return sum;
}

/* Labels begin .. end - 1 as a word. */
static viseme_status make_word(struct vis_ctc_word *word, const struct vis_ctc_alignment *a,
                               const int *labels, int begin, int end, const char *const *vocab,
                               viseme_error *err)
{
    size_t bytes = 1;
    for (int i = begin; i < end; i++)
        bytes += strlen(vocab[labels[i]]);
    char *to = malloc(bytes);
    if (!to)
        return vis_fail_nomem(err, bytes);
    *word = (struct vis_ctc_word){to, a->first[begin], a->last[end - 1], 0};
    for (int i = begin; i < end; i++)
        to = stpcpy(to, vocab[labels[i]]);
    *to = '\0';
    double sum = sum_path(a->path, word->first, word->last);
    word->confidence = exp(sum / (word->last - word->first + 1));
    return VISEME_OK;
}

/* vis_ctc_words.confidence. */
static double confidence(const struct vis_ctc_words *words, const struct vis_ctc_alignment *a,
                         int frames, const int *labels, int length, const char *const *vocab)
{
    double sum = 0;
    int count = 0;
    if (words->count == 0)
        return frames > 0 ? exp(sum_path(a->path, 0, frames - 1) / frames) : 1;
    for (int i = 0; i < words->count; i++) {
        const struct vis_ctc_word *w = &words->items[i];
        sum += sum_path(a->path, w->first, w->last);
        count += w->last - w->first + 1;
    }
    for (int i = 0; i < length; i++)
        if (is_space(vocab, labels[i]) && a->first[i] > words->items[0].first &&
            a->last[i] < words->items[words->count - 1].last) {
            sum += sum_path(a->path, a->first[i], a->last[i]);
            count += a->last[i] - a->first[i] + 1;
        }
    return exp(sum / count);
}

static int is_pause(const struct vis_ctc_alignment *a, const struct vis_ctc_hypothesis *h, int i,
                    int space, int pause)
{
    return i > 0 && a->first[i] - a->last[i - 1] > pause && h->labels[i] != space &&
           h->labels[i - 1] != space;
}

viseme_status vis_ctc_mark_pauses(struct vis_ctc_alignment *a, struct vis_ctc_hypothesis *h,
                                  int space, int pause, viseme_error *err)
{
    int count = 0;
    for (int i = 0; i < h->length; i++)
        count += is_pause(a, h, i, space, pause);
    if (count == 0)
        return VISEME_OK;
    size_t bytes = (size_t)(h->length + count) * sizeof(int);
    int *labels = malloc(bytes), *first = malloc(bytes), *last = malloc(bytes), to = 0;
    if (!labels || !first || !last) {
        free(labels);
        free(first);
        free(last);
        return vis_fail_nomem(err, 3 * bytes);
    }
    for (int i = 0; i < h->length; i++, to++) {
        if (is_pause(a, h, i, space, pause)) {
            labels[to] = space;
            first[to] = last[to] = (a->last[i - 1] + a->first[i]) / 2;
            to++;
        }
        labels[to] = h->labels[i];
        first[to] = a->first[i];
        last[to] = a->last[i];
    }
    free(h->labels);
    free(a->first);
    free(a->last);
    h->labels = labels;
    h->length = to;
    a->first = first;
    a->last = last;
    return VISEME_OK;
}

viseme_status vis_ctc_words(struct vis_ctc_words *out, const struct vis_ctc_alignment *alignment,
                            int frames, const int *labels, int length, const char *const *vocab,
                            viseme_error *err)
{
    viseme_status status = VISEME_OK;
    *out = (struct vis_ctc_words){.items = calloc((size_t)length + 1, sizeof *out->items)};
    if (!out->items)
        return vis_fail_nomem(err, ((size_t)length + 1) * sizeof *out->items);
    for (int end, i = 0; i < length && status == VISEME_OK; i = end) {
        end = i + 1;
        if (is_space(vocab, labels[i]))
            continue;
        while (end < length && !is_space(vocab, labels[end]))
            end++;
        status = make_word(&out->items[out->count], alignment, labels, i, end, vocab, err);
        out->count += status == VISEME_OK;
    }
    if (status == VISEME_OK)
        out->confidence = confidence(out, alignment, frames, labels, length, vocab);
    else
        vis_ctc_words_free(out);
    return status;
}

void vis_ctc_words_free(struct vis_ctc_words *words)
{
    for (int i = 0; i < words->count; i++)
        free(words->items[i].text);
    free(words->items);
    *words = (struct vis_ctc_words){0};
}
