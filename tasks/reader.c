/* The task behind `viseme read`: frames -> mouth crops -> emissions -> text.
 *
 * A clip of up to `window` crops is read in one piece, as the network was trained. A longer one is
 * read in windows that overlap by 2 * `margin` crops. Of emissions of letters the `margin` crops
 * next to a cut are dropped, because there the recurrent layers have not seen what comes before or
 * after; what a decoder writes is put together in tasks/sentences.c. Networks that tell one word
 * from others see windows of their own (tasks/words.c). */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/reader_kind.h"
#include "tasks/sentences.h"
#include "tasks/word_points.h"
#include "tasks/words.h"

struct viseme_reader {
    const viseme_model *model;
    struct vis_reader_kind kind;
    size_t crop_bytes;
    viseme_session *session;
    viseme_cropper *cropper;
    struct vis_decoder *decoder;     /* of letters, */
    struct vis_sentences *sentences; /* or of tokens, */
    struct vis_words *words;         /* or words at once */
    int lrw_frame;                   /* the last frame was as large as LRW's */
    double rate;
    enum { NOTHING, FRAMES, CROPS, FINISHED } state;
    uint8_t *crops;  /* [window H W 3] */
    float *input;    /* of as many */
    int count;       /* crops in the buffer, */
    int64_t first;   /* from this one of the clip on */
    int cut;         /* crops at its start that another window has read already */
    int keep_logits; /* for the caller, or the decoder */
    float *logits;   /* [logit_rows classes] */
    int64_t logit_rows, logit_room;
    struct vis_decoded decoded;
    viseme_reader_stats stats;
    void (*on_crop)(void *user, const viseme_crop *crop);
    void *user;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static viseme_status open_decoder(viseme_reader *r, const viseme_reader_options *opts,
                                  viseme_error *err)
{
    int words;
    const char *const *vocab = vis_model_vocab(r->model, &words);
    if (r->kind.words)
        return vis_words_open(&r->words, opts, r->model, &r->kind, r->rate, err);
    if (opts->spans || opts->word_seconds != 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s finds words by itself: times of words go with word readers",
                        r->kind.arch);
    if (r->kind.tokens) {
        viseme_reader_options with = *opts;
        if (with.ctc_weight == 0)
            with.ctc_weight = r->kind.ctc_weight;
        return vis_sentences_open(&r->sentences, &with, r->model, r->kind.classes, err);
    }
    if (opts->token_lm || opts->ctc_weight != 0 || opts->length_bonus != 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s has no decoder that writes tokens: no language model of those, no "
                        "weight of CTC and no bonus for length go with it",
                        r->kind.arch);
    return vis_decoder_open(&r->decoder, opts, vocab, r->kind.classes, r->kind.blank, err);
}

/* Without anything that finds faces the reader takes crops only. */
static viseme_status open_cropper(viseme_reader *r, const viseme_reader_options *opts,
                                  viseme_error *err)
{
    viseme_crop_options crop = opts->crop;
    crop.rate = r->rate;
    crop.kind = r->kind.crop;
    if (r->kind.layout == VIS_READER_POINTS && !crop.landmarks_every)
        crop.landmarks_every = 1;
    if (!crop.cascade_xml && !crop.face_detector && !crop.face_landmarks)
        return VISEME_OK;
    if (!r->kind.cuts)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme does not cut the mouth crops of a %s, whose recipe wants 68 "
                        "landmarks; push crops of %d x %d pixels (height x width), or give an "
                        "array to \"viseme run\"",
                        vis_weights_name(vis_model_weights(r->model)), r->kind.arch, r->kind.height,
                        r->kind.width);
    if (r->kind.layout == VIS_READER_POINTS && !(crop.face_detector && crop.face_landmarks))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s reads the points of FaceMesh: it needs a BlazeFace and a FaceMesh to "
                        "find faces with",
                        r->kind.arch);
    return viseme_cropper_open(&r->cropper, &crop, err);
}

static viseme_status fill(viseme_reader *r, const viseme_reader_options *opts, viseme_error *err)
{
    const viseme_session_options session = {.threads = opts->threads};
    viseme_status status = vis_reader_kind_open(&r->kind, r->model, err);
    if (status != VISEME_OK)
        return status;
    const size_t window = (size_t)r->kind.window, floats = vis_reader_kind_floats(&r->kind);
    r->crop_bytes = 3 * (size_t)r->kind.width * (size_t)r->kind.height;
    r->rate = opts->crop.rate > 0 ? opts->crop.rate : r->kind.rate;
    r->keep_logits = !r->kind.tokens || opts->keep_emissions;
    r->stats.min_confidence = opts->min_confidence > 0 ? opts->min_confidence : r->kind.least;
    status = open_decoder(r, opts, err);
    if (status == VISEME_OK)
        status = open_cropper(r, opts, err);
    if (status == VISEME_OK)
        status = viseme_session_open(&r->session, r->model, &session, err);
    if (status != VISEME_OK || r->words)
        return status;
    r->crops = malloc(window * r->crop_bytes);
    r->input = malloc(window * floats * sizeof *r->input);
    if (!r->crops || !r->input)
        return vis_fail_nomem(err, window * (r->crop_bytes + floats * sizeof *r->input));
    return VISEME_OK;
}

viseme_status viseme_reader_open(viseme_reader **out, const viseme_model *model,
                                 const viseme_reader_options *opts, viseme_error *err)
{
    static const viseme_reader_options none = {.beam = 0};
    *out = NULL;
    if (!opts)
        opts = &none;
    if (!model)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a reader needs a model");
    if (!(opts->min_confidence >= 0 && opts->min_confidence <= 1))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a least confidence of %g; 0 to 1 are possible",
                        opts->min_confidence);
    viseme_reader *r = calloc(1, sizeof *r);
    if (!r)
        return vis_fail_nomem(err, sizeof *r);
    r->model = model;
    r->on_crop = opts->on_crop;
    r->user = opts->user;
    viseme_status status = fill(r, opts, err);
    if (status != VISEME_OK) {
        viseme_reader_close(r);
        return status;
    }
    *out = r;
    return VISEME_OK;
}

void viseme_reader_close(viseme_reader *r)
{
    if (!r)
        return;
    vis_decoded_free(&r->decoded);
    vis_decoder_close(r->decoder);
    vis_sentences_close(r->sentences);
    vis_words_close(r->words);
    free(r->logits);
    free(r->input);
    free(r->crops);
    viseme_session_close(r->session);
    viseme_cropper_close(r->cropper);
    free(r);
}

static viseme_status keep_logits(viseme_reader *r, const float *rows, int count, viseme_error *err)
{
    size_t row = (size_t)r->kind.classes;
    if (!r->keep_logits)
        return VISEME_OK;
    if (r->logit_rows + count > r->logit_room) {
        int64_t room = 2 * (r->logit_rows + count);
        float *p = realloc(r->logits, (size_t)room * row * sizeof *p);
        if (!p)
            return vis_fail_nomem(err, (size_t)room * row * sizeof *p);
        r->logits = p;
        r->logit_room = room;
    }
    memcpy(r->logits + (size_t)r->logit_rows * row, rows, (size_t)count * row * sizeof *rows);
    r->logit_rows += count;
    return VISEME_OK;
}

/* What the network says of the window, and what the decoder makes of that. */
static viseme_status run_window(viseme_reader *r, viseme_tensor *emissions, viseme_error *err)
{
    const double start = now();
    viseme_tensor encoder, x = vis_reader_kind_input(&r->kind, r->crops, r->count, r->input);
    viseme_status status = viseme_session_run(r->session, &x, 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(r->session, r->kind.tokens ? "ctc_logp" : "logits",
                                       emissions, err);
    const double read = now();
    r->stats.net_seconds += read - start;
    if (status == VISEME_OK && r->kind.tokens)
        status = viseme_session_output(r->session, "encoder", &encoder, err);
    if (status == VISEME_OK && r->kind.tokens)
        status =
            vis_sentences_add(r->sentences, encoder.data, emissions->data, r->count, r->first, err);
    r->stats.decode_seconds += now() - read;
    return status;
}

/* Reads the buffered crops; keeps what lies between the cuts. */
static viseme_status read_window(viseme_reader *r, int last, viseme_error *err)
{
    const int margin = r->kind.margin, end = last ? r->count : r->count - margin;
    viseme_tensor emissions;
    viseme_status status = run_window(r, &emissions, err);
    if (status == VISEME_OK)
        status = keep_logits(r, emissions.data + (size_t)r->cut * (size_t)r->kind.classes,
                             end - r->cut, err);
    if (status == VISEME_OK && !last) { /* what the next window begins with */
        const int gone = r->count - 2 * margin;
        memmove(r->crops, r->crops + (size_t)gone * r->crop_bytes,
                2 * (size_t)margin * r->crop_bytes);
        r->first += gone;
        r->count = 2 * margin;
        r->cut = margin;
    }
    return status;
}

static viseme_status add_to_words(viseme_reader *r, const viseme_image *crop,
                                  const float *landmarks, viseme_error *err)
{
    const struct vis_words_crop one = {*crop, landmarks, r->lrw_frame, r->stats.start_s};
    const double start = now();
    viseme_status status = vis_words_add(r->words, r->session, &one, err);
    r->stats.net_seconds += now() - start;
    r->stats.crops += status == VISEME_OK;
    return status;
}

/* landmarks: as of viseme_crop. */
static viseme_status add_crop(viseme_reader *r, const viseme_image *crop, const float *landmarks,
                              viseme_error *err)
{
    if (r->words)
        return add_to_words(r, crop, landmarks, err);
    if (r->count == r->kind.window) {
        viseme_status status = read_window(r, 0, err);
        if (status != VISEME_OK)
            return status;
    }
    uint8_t *dst = r->crops + (size_t)r->count * r->crop_bytes;
    size_t row = 3 * (size_t)r->kind.width;
    for (int y = 0; y < r->kind.height; y++, dst += row) {
        const uint8_t *src = crop->data + y * crop->stride;
        memcpy(dst, src, row);
        if ((crop->format == VISEME_RGB24) != r->kind.rgb)
            for (int x = 0; x < r->kind.width; x++) {
                dst[3 * x] = src[3 * x + 2];
                dst[3 * x + 2] = src[3 * x];
            }
    }
    r->count++;
    r->stats.crops++;
    return VISEME_OK;
}

static viseme_status take_crops(viseme_reader *r, viseme_error *err)
{
    viseme_crop crop;
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && viseme_cropper_next(r->cropper, &crop)) {
        viseme_image image = {crop.bgr, crop.width, crop.height, 3 * (ptrdiff_t)crop.width,
                              VISEME_BGR24};
        r->stats.crops_held += crop.held;
        if (r->on_crop)
            r->on_crop(r->user, &crop);
        status = add_crop(r, &image, crop.landmarks, err);
    }
    return status;
}

viseme_status viseme_reader_push(viseme_reader *r, const viseme_image *frame, double seconds,
                                 viseme_error *err)
{
    if (!r->cropper)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a reader opened without a face cascade takes "
                        "crops, not frames");
    if (r->state != NOTHING && r->state != FRAMES)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        r->state == CROPS ? "a reader takes frames or "
                                            "crops, not both"
                                          : "the reader has finished; open another one");
    r->state = FRAMES;
    r->lrw_frame = frame && frame->width == VIS_WORD_FRAME && frame->height == VIS_WORD_FRAME;
    double start = now();
    viseme_status status = viseme_cropper_push(r->cropper, frame, seconds, err);
    r->stats.face_seconds += now() - start;
    if (status != VISEME_OK)
        return status;
    if (r->stats.frames++ == 0)
        r->stats.start_s = seconds;
    return take_crops(r, err);
}

viseme_status viseme_reader_push_crop(viseme_reader *r, const viseme_image *crop, viseme_error *err)
{
    if (r->state != NOTHING && r->state != CROPS)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        r->state == FRAMES ? "a reader takes frames or "
                                             "crops, not both"
                                           : "the reader has finished; open another one");
    if (!crop || !crop->data || crop->width != r->kind.width || crop->height != r->kind.height ||
        (crop->format != VISEME_BGR24 && crop->format != VISEME_RGB24))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a crop has %d x %d pixels (height x width) of "
                        "3 bytes",
                        r->kind.height, r->kind.width);
    if (r->kind.layout == VIS_READER_POINTS)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a %s reads the points of a face: push frames, not crops", r->kind.arch);
    r->state = CROPS;
    r->stats.frames++;
    return add_crop(r, crop, NULL, err);
}

static viseme_status decode(viseme_reader *r, viseme_error *err)
{
    const double start = now();
    viseme_status status =
        r->words ? vis_words_decode(r->words, &r->decoded, err)
        : r->sentences
            ? vis_sentences_finish(r->sentences, r->stats.start_s, r->rate, &r->decoded, err)
            : vis_decoder_run(r->decoder, vis_model_kernels(r->model), r->logits,
                              (int)r->logit_rows, r->stats.start_s, r->rate, &r->decoded, err);
    r->stats.decode_seconds += now() - start;
    if (status == VISEME_OK && r->decoded.count > 0)
        r->stats.out_of_domain = r->decoded.best[0].confidence < r->stats.min_confidence;
    return status;
}

static viseme_status finish_words(viseme_reader *r, viseme_error *err)
{
    const double start = now();
    viseme_status status = vis_words_finish(r->words, r->session, err);
    r->stats.net_seconds += now() - start;
    return status;
}

viseme_status viseme_reader_finish(viseme_reader *r, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (r->state == FINISHED)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "the reader has finished; open another one");
    if (r->state == FRAMES) {
        double start = now();
        status = viseme_cropper_finish(r->cropper, err);
        r->stats.face_seconds += now() - start;
        if (status == VISEME_OK)
            status = take_crops(r, err);
    }
    r->state = FINISHED;
    if (status != VISEME_OK)
        return status;
    if (r->stats.crops == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame to read");
    status = r->words ? finish_words(r, err) : read_window(r, 1, err);
    if (status == VISEME_OK)
        status = decode(r, err);
    r->stats.duration_s = (double)r->stats.crops / r->rate;
    return status;
}

const viseme_hypothesis *viseme_reader_hypothesis(const viseme_reader *r, size_t i)
{
    return i < r->decoded.count ? &r->decoded.best[i] : NULL;
}

const viseme_word *viseme_reader_words(const viseme_reader *r, size_t i, size_t *count)
{
    *count = i < r->decoded.count ? r->decoded.word_count[i] : 0;
    return i < r->decoded.count ? r->decoded.words[i] : NULL;
}

const float *viseme_reader_logits(const viseme_reader *r, int64_t *frames, int *classes)
{
    int64_t rows = r->logit_rows;
    const float *logits = r->words ? vis_words_logits(r->words, &rows) : r->logits;
    if (frames)
        *frames = rows;
    if (classes)
        *classes = r->kind.classes;
    return logits;
}

int viseme_reader_gap(const viseme_reader *r, size_t i, viseme_gap *gap)
{
    return viseme_cropper_gap(r->cropper, i, gap);
}

const viseme_session *viseme_reader_session(const viseme_reader *r)
{
    return r->session;
}

void viseme_reader_get_stats(const viseme_reader *r, viseme_reader_stats *stats)
{
    *stats = r->stats;
}
