#include "tasks/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/landmark_input.h"
#include "tasks/word_points.h"

enum {
    SEEN = 29, /* crops that the network sees */
    MOST = 50, /* of a clip without spans */
    LEAST = 5  /* of any clip: what the first convolution spans */
};

#define WORD_SECONDS 0.52      /* ours: about what a word of five to ten letters lasts */
#define PADDING      (-100.0f) /* points of no frame; the network clears them */

struct vis_words {
    const viseme_model *model;
    struct vis_reader_kind kind;
    double rate, start_s, word_seconds;
    int nbest, lrw_frame;
    viseme_span *spans; /* [span_count] by their middles; NULL: one word in the middle */
    size_t span_count, next;
    float *rows; /* [MOST row] a ring: the last crops, as pictures or as points of the frame */
    size_t row;
    int64_t count;      /* crops so far */
    float *clip;        /* [MOST row] points in order */
    float *input;       /* [SEEN row] */
    viseme_span *words; /* that have been read */
    float *logits;      /* [word_count classes] */
    size_t word_count, room;
};

static double middle(const viseme_span *s)
{
    return 0.5 * (s->start_s + s->end_s);
}

static int by_middle(const void *a, const void *b)
{
    const double x = middle(a), y = middle(b);
    return (x > y) - (x < y);
}

static viseme_status check_options(const viseme_reader_options *opts,
                                   const struct vis_reader_kind *kind, viseme_error *err)
{
    if (opts->beam || opts->lm_arpa || opts->lm_weight != 0 || opts->grammar || opts->token_lm ||
        opts->ctc_weight != 0 || opts->length_bonus != 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s tells words and has nothing to search: no beam, grammar or language "
                        "model goes with it",
                        kind->arch);
    if (opts->nbest < 0 || opts->nbest > kind->classes)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%d readings asked for from a network that knows %d words", opts->nbest,
                        kind->classes);
    if (!(opts->word_seconds >= 0 && opts->word_seconds <= 3600) ||
        (opts->word_seconds > 0 && opts->spans))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "how long a word lasts is more than 0 s, and not said beside its times");
    for (size_t i = 0; i < opts->span_count && opts->spans; i++)
        if (!(opts->spans[i].start_s >= -1e6 && opts->spans[i].end_s <= 1e6 &&
              opts->spans[i].end_s > opts->spans[i].start_s))
            return vis_fail(err, VISEME_ERR_ARGUMENT, "word %zu is said from %g s to %g s", i + 1,
                            opts->spans[i].start_s, opts->spans[i].end_s);
    if (opts->spans && opts->span_count == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a list of times without any word");
    return VISEME_OK;
}

static viseme_status take_spans(struct vis_words *w, const viseme_reader_options *opts,
                                viseme_error *err)
{
    if (!opts->spans)
        return VISEME_OK;
    w->spans = calloc(opts->span_count, sizeof *w->spans);
    if (!w->spans)
        return vis_fail_nomem(err, opts->span_count * sizeof *w->spans);
    memcpy(w->spans, opts->spans, opts->span_count * sizeof *w->spans);
    qsort(w->spans, opts->span_count, sizeof *w->spans, by_middle);
    w->span_count = opts->span_count;
    return VISEME_OK;
}

viseme_status vis_words_open(struct vis_words **out, const viseme_reader_options *opts,
                             const viseme_model *model, const struct vis_reader_kind *kind,
                             double rate, viseme_error *err)
{
    *out = NULL;
    viseme_status status = check_options(opts, kind, err);
    if (status != VISEME_OK)
        return status;
    struct vis_words *w = calloc(1, sizeof *w);
    if (!w)
        return vis_fail_nomem(err, sizeof *w);
    w->model = model;
    w->kind = *kind;
    w->rate = rate;
    w->nbest = opts->nbest ? opts->nbest : 1;
    w->word_seconds = opts->word_seconds > 0 ? opts->word_seconds : WORD_SECONDS;
    w->row = vis_reader_kind_floats(kind);
    status = take_spans(w, opts, err);
    const size_t row = w->row * sizeof *w->rows;
    w->rows = malloc(MOST * row);
    w->clip = malloc(MOST * row);
    w->input = malloc(SEEN * row);
    if (status == VISEME_OK && (!w->rows || !w->clip || !w->input))
        status = vis_fail_nomem(err, (2 * MOST + SEEN) * row);
    if (status != VISEME_OK) {
        vis_words_close(w);
        return status;
    }
    *out = w;
    return VISEME_OK;
}

void vis_words_close(struct vis_words *w)
{
    if (!w)
        return;
    free(w->spans);
    free(w->rows);
    free(w->clip);
    free(w->input);
    free(w->words);
    free(w->logits);
    free(w);
}

/* ---- The network's input ----------------------------------------------------------------------
 */

static const float *row_of(const struct vis_words *w, int64_t crop)
{
    return w->rows + (size_t)(crop % MOST) * w->row;
}

/* Crops `first` to first + SEEN - 1; the nearest one for those that the clip does not have. */
static void fill_pictures(struct vis_words *w, int64_t first)
{
    for (int64_t t = first; t < first + SEEN; t++) {
        const int64_t crop = t < 0 ? 0 : t < w->count ? t : w->count - 1;
        memcpy(w->input + (size_t)(t - first) * w->row, row_of(w, crop), w->row * sizeof(float));
    }
}

/* Likewise; those that the clip does not have are padding. low, high: the crops that the points'
 * mean and deviation are taken over, which are all of a short clip. */
static void fill_points(struct vis_words *w, int64_t first, int64_t low, int64_t high)
{
    const size_t frames = (size_t)(high - low);
    for (size_t i = 0; i < SEEN * w->row; i++)
        w->input[i] = PADDING;
    for (int64_t t = low; t < high; t++)
        memcpy(w->clip + (size_t)(t - low) * w->row, row_of(w, t), w->row * sizeof(float));
    if (!w->lrw_frame)
        vis_word_points_place(w->clip, frames);
    vis_landmark_input(w->clip, frames * VIS_WORD_POINTS, w->clip);
    for (int64_t t = low; t < high; t++)
        if (t >= first && t < first + SEEN)
            memcpy(w->input + (size_t)(t - first) * w->row, w->clip + (size_t)(t - low) * w->row,
                   w->row * sizeof(float));
}

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- Running it -------------------------------------------------------------------------------
 */

static viseme_status keep(struct vis_words *w, const float *logits, const viseme_span *word,
                          viseme_error *err)
{
    const size_t classes = (size_t)w->kind.classes;
    for (size_t i = 0; i < classes; i++)
        if (!isfinite(logits[i]))
            return vis_fail(
                err, VISEME_ERR_INPUT,
                "the network's logits of the word from %.3f s to %.3f s are not numbers",
                word->start_s, word->end_s);
    if (w->word_count == w->room) {
        const size_t room = w->room ? 2 * w->room : 8;
        viseme_span *words = realloc(w->words, room * sizeof *words);
        if (words)
            w->words = words;
        float *more = realloc(w->logits, room * classes * sizeof *more);
        if (more)
            w->logits = more;
        if (!words || !more)
            return vis_fail_nomem(err, room * (sizeof *words + classes * sizeof *more));
        w->room = room;
    }
    memcpy(w->logits + w->word_count * classes, logits, classes * sizeof *logits);
    w->words[w->word_count++] = *word;
    return VISEME_OK;
}

/* The word in crops `begin` to begin + length - 1 of w->input. */
static viseme_status run(struct vis_words *w, viseme_session *session, int begin, int length,
                         const viseme_span *word, viseme_error *err)
{
    const int points = w->kind.layout == VIS_READER_POINTS, side = w->kind.side;
    float mask[SEEN];
    for (int i = 0; i < SEEN; i++)
        mask[i] = i >= begin && i < begin + length;
    const viseme_tensor inputs[2] = {
        points ? (viseme_tensor){"x", 3, {1, SEEN, (int64_t)w->row}, w->input}
               : (viseme_tensor){"video", 5, {1, 1, SEEN, side, side}, w->input},
        {"word_mask", 2, {1, SEEN}, mask}};
    viseme_tensor logits;
    viseme_status status = viseme_session_run(session, inputs, w->kind.boundary ? 2 : 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(session, "category_logits", &logits, err);
    return status == VISEME_OK ? keep(w, logits.data, word, err) : status;
}

/* Which crops are those of a word. */
struct place {
    int64_t first;     /* that the network sees */
    int begin, length; /* of those that it sees */
};

static int64_t crops_in(const struct vis_words *w, double seconds)
{
    return (int64_t)rint(seconds * w->rate);
}

/* The word's own crops are in the middle; of a word that is too long its middle is seen. */
static struct place place_of(const struct vis_words *w, const viseme_span *s)
{
    const int64_t length = at_least(1, crops_in(w, s->end_s - s->start_s));
    const int64_t begin = (SEEN - length) / 2;
    return (struct place){crops_in(w, s->start_s - w->start_s) - begin, (int)at_least(0, begin),
                          (int)at_most(length, SEEN)};
}

static viseme_status read_span(struct vis_words *w, viseme_session *session, const viseme_span *s,
                               viseme_error *err)
{
    const struct place p = place_of(w, s);
    const viseme_span word = {s->start_s, s->end_s};
    if (w->kind.layout == VIS_READER_POINTS)
        fill_points(w, p.first, at_least(p.first, 0), at_most(p.first + SEEN, w->count));
    else
        fill_pictures(w, p.first);
    return run(w, session, p.begin, p.length, &word, err);
}

/* The word in the middle of a clip. Points of a shorter clip than the network sees begin where its
 * input does, as at upstream; pictures lie in its middle. */
static viseme_status read_clip(struct vis_words *w, viseme_session *session, viseme_error *err)
{
    const int points = w->kind.layout == VIS_READER_POINTS, n = (int)w->count;
    const int first = points ? (int)at_least(0, (n - SEEN) / 2) : (n - SEEN) / 2;
    const int length = (int)at_most(at_least(1, crops_in(w, w->word_seconds)), at_most(n, SEEN));
    const int begin = ((points && n < SEEN ? n : SEEN) - length) / 2;
    /* what it is not told it does not know */
    const int64_t from = w->kind.boundary ? first + begin : at_least(0, first);
    const int64_t to = w->kind.boundary ? from + length : at_most(n, first + SEEN);
    const viseme_span word = {w->start_s + (double)from / w->rate,
                              w->start_s + (double)to / w->rate};
    if (points)
        fill_points(w, first, 0, n);
    else
        fill_pictures(w, first);
    return run(w, session, begin, length, &word, err);
}

/* ---- Crops ------------------------------------------------------------------------------------
 */

static void take_points(const struct vis_words *w, const float *landmarks, float *row)
{
    if (landmarks) {
        vis_word_points((const float(*)[3])landmarks, (float(*)[3])row);
        return;
    }
    for (size_t i = 0; i < w->row; i++)
        row[i] = NAN;
}

/* The words whose last crop has been there. */
static viseme_status read_complete(struct vis_words *w, viseme_session *session, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && w->next < w->span_count) {
        const viseme_span *s = &w->spans[w->next];
        if (middle(s) >= w->start_s) {
            if (place_of(w, s).first + SEEN > w->count)
                break;
            status = read_span(w, session, s, err);
        }
        w->next++;
    }
    return status;
}

viseme_status vis_words_add(struct vis_words *w, viseme_session *session,
                            const struct vis_words_crop *crop, viseme_error *err)
{
    if (!w->spans && w->count == MOST)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "the clip is longer than %g s: a %s reads one word, in the middle of a "
                        "shorter clip, or words whose times are given (--word, --word-times)",
                        MOST / w->rate, w->kind.arch);
    float *row = w->rows + (size_t)(w->count % MOST) * w->row;
    w->start_s = crop->start_s;
    w->lrw_frame = crop->lrw_frame;
    if (w->kind.layout == VIS_READER_POINTS)
        take_points(w, crop->landmarks, row);
    else
        vis_vsr_input(&crop->image, w->kind.fit, w->kind.side, row);
    w->count++;
    return read_complete(w, session, err);
}

viseme_status vis_words_finish(struct vis_words *w, viseme_session *session, viseme_error *err)
{
    const double end_s = w->start_s + (double)w->count / w->rate;
    viseme_status status = VISEME_OK;
    if (w->count < LEAST)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "the clip is %g s long; a %s needs %g s, and better a little of what is "
                        "said before and after the word",
                        (double)w->count / w->rate, w->kind.arch, LEAST / w->rate);
    if (!w->spans)
        return read_clip(w, session, err);
    for (; status == VISEME_OK && w->next < w->span_count; w->next++) {
        const viseme_span *s = &w->spans[w->next];
        if (middle(s) < end_s)
            status = read_span(w, session, s, err);
    }
    if (status == VISEME_OK && w->word_count == 0)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "none of the words is said in the clip, which lasts from %.3f s to %.3f s; "
                        "the first of them is at %.3f s",
                        w->start_s, end_s, w->spans[0].start_s);
    return status;
}

/* ---- Words ------------------------------------------------------------------------------------
 */

struct choice {
    float logp;
    int index;
};

static int by_logp(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->logp != y->logp)
        return x->logp > y->logp ? -1 : 1;
    return x->index - y->index;
}

/* The i-th most likely words of word k, one for each reading. */
static viseme_status choose(const struct vis_words *w, size_t k, struct choice *choices,
                            float *logp, struct vis_decoded *out, viseme_error *err)
{
    const size_t classes = (size_t)w->kind.classes;
    const char *const *vocab = vis_model_vocab(w->model, &(int){0});
    vis_model_kernels(w->model)->log_softmax_f32(logp, w->logits + k * classes, w->kind.classes);
    for (size_t i = 0; i < classes; i++)
        choices[i] = (struct choice){logp[i], (int)i};
    qsort(choices, classes, sizeof *choices, by_logp);
    for (size_t i = 0; i < out->count; i++) {
        const double p = (double)choices[i].logp;
        const char *text = strdup(vocab[choices[i].index]);
        if (!text)
            return vis_fail_nomem(err, strlen(vocab[choices[i].index]) + 1);
        out->words[i][k] = (viseme_word){text, w->words[k].start_s, w->words[k].end_s, exp(p)};
        out->word_count[i] = k + 1;
        out->best[i].log_probability += p;
    }
    return VISEME_OK;
}

static viseme_status collect(const struct vis_words *w, struct choice *choices, float *logp,
                             struct vis_decoded *out, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    for (int i = 0; i < w->nbest; i++) {
        out->words[i] = calloc(w->word_count, sizeof *out->words[i]);
        out->count++;
        if (!out->words[i])
            return vis_fail_nomem(err, w->word_count * sizeof *out->words[i]);
    }
    for (size_t k = 0; k < w->word_count && status == VISEME_OK; k++)
        status = choose(w, k, choices, logp, out, err);
    for (size_t i = 0; i < out->count && status == VISEME_OK; i++) {
        viseme_hypothesis *best = &out->best[i];
        best->score = best->log_probability;
        best->confidence = exp(best->log_probability / (double)w->word_count);
        best->text = vis_decoded_text(out->words[i], w->word_count);
        if (!best->text)
            status = vis_fail_nomem(err, w->word_count);
    }
    return status;
}

viseme_status vis_words_decode(const struct vis_words *w, struct vis_decoded *out,
                               viseme_error *err)
{
    const size_t classes = (size_t)w->kind.classes;
    struct choice *choices = malloc(classes * sizeof *choices);
    float *logp = malloc(classes * sizeof *logp);
    viseme_status status = vis_decoded_room(out, (size_t)w->nbest, err);
    if (status == VISEME_OK && (!choices || !logp))
        status = vis_fail_nomem(err, classes * (sizeof *choices + sizeof *logp));
    if (status == VISEME_OK)
        status = collect(w, choices, logp, out, err);
    if (status != VISEME_OK)
        vis_decoded_free(out);
    free(choices);
    free(logp);
    return status;
}

const float *vis_words_logits(const struct vis_words *w, int64_t *rows)
{
    *rows = (int64_t)w->word_count;
    return w->logits;
}
