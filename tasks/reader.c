/* The task behind `viseme read`: frames -> mouth crops -> emissions -> text.
 *
 * A clip of up to WINDOW crops is read in one piece, as the network was trained. A longer one is
 * read in windows that overlap by 2 * MARGIN crops; of each, the MARGIN crops next to a cut are
 * dropped, because there the recurrent layers have not seen what comes before or after. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/model.h"
#include "tasks/decoder.h"

enum { WINDOW = 300, MARGIN = 40 };

/* Chosen as docs/confidence.md says. */
#define DEFAULT_MIN_CONFIDENCE 0.8

/* What networks that read lips take. `keras` is the original LipNet's way: [1 T W H 3], R G B, the
 * blank is the last class, and crops that the cropper does not make. */
struct kind {
    const char *arch;
    int width, height;
    int keras;
};
static const struct kind kinds[] = {{"lipnet", 128, 64, 0}, {"lipnet_keras", 100, 50, 1}};

struct viseme_reader {
    const viseme_model *model;
    const struct kind *kind;
    size_t crop_bytes;
    viseme_session *session;
    viseme_cropper *cropper;
    struct vis_decoder *decoder;
    int blank, classes;
    double rate;
    int rgb; /* the network wants R G B, not B G R */
    enum { NOTHING, FRAMES, CROPS, FINISHED } state;
    uint8_t *crops; /* [WINDOW H W 3] */
    float *input;   /* [1 3 T H W], or see struct kind */
    int count;      /* crops in the buffer */
    int cut;        /* crops at its start that another window has read already */
    float *logits;  /* [logit_rows classes] */
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

static viseme_status check_model(viseme_reader *r, viseme_error *err)
{
    const viseme_weights *w = vis_model_weights(r->model);
    const char *file = vis_weights_name(w), *arch = vis_model_net(r->model)->name;
    const json_t *config = vis_model_config(r->model);
    const json_t *blank = json_object_get(config, "blank");
    const json_t *rate = json_object_get(config, "frame_rate");
    const json_t *least = json_object_get(config, "min_confidence");
    const struct vis_graph *probe = vis_model_probe(r->model);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(arch, kinds[i].arch) == 0)
            r->kind = &kinds[i];
    if (!r->kind)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: a %s network does not read lips; give the "
                        "weights of a lipnet",
                        file, arch);
    r->crop_bytes = 3 * (size_t)r->kind->width * (size_t)r->kind->height;
    r->classes = vis_graph_value(probe, probe->outputs[0].value)->dim[VIS_C];
    int words;
    if (!vis_model_vocab(r->model, &words) || words != r->classes)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.vocab has %d entries, the network has "
                        "%d classes; convert the weights again",
                        file, words, r->classes);
    if (blank && (!json_is_integer(blank) || json_integer_value(blank) < 0 ||
                  json_integer_value(blank) >= r->classes))
        return vis_fail(err, VISEME_ERR_MODEL, "%s: viseme.config \"blank\" is not a class", file);
    if (rate && (!json_is_number(rate) || !(json_number_value(rate) >= 1) ||
                 !(json_number_value(rate) <= 1000)))
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.config \"frame_rate\" is not from 1 to "
                        "1000",
                        file);
    const char *order = json_string_value(json_object_get(config, "pixel_order"));
    r->rgb = order ? strcmp(order, "rgb") == 0 : r->kind->keras;
    if (order && !r->rgb && strcmp(order, "bgr") != 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.config \"pixel_order\" is \"%s\"; "
                        "\"bgr\" and \"rgb\" exist",
                        file, order);
    r->blank = blank ? (int)json_integer_value(blank) : r->kind->keras ? r->classes - 1 : 0;
    if (r->rate == 0)
        r->rate = rate ? json_number_value(rate) : 25;
    if (least && (!json_is_number(least) || !(json_number_value(least) >= 0) ||
                  !(json_number_value(least) <= 1)))
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.config \"min_confidence\" is not from 0 to 1", file);
    if (r->stats.min_confidence == 0)
        r->stats.min_confidence = least ? json_number_value(least) : DEFAULT_MIN_CONFIDENCE;
    return VISEME_OK;
}

viseme_status viseme_reader_open(viseme_reader **out, const viseme_model *model,
                                 const viseme_reader_options *opts, viseme_error *err)
{
    static const viseme_reader_options none = {.beam = 0};
    viseme_status status = VISEME_OK;
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
    r->stats.min_confidence = opts->min_confidence;
    r->on_crop = opts->on_crop;
    r->user = opts->user;
    r->rate = opts->crop.rate;
    viseme_session_options session = {.threads = opts->threads};
    viseme_crop_options crop = opts->crop;
    status = check_model(r, err);
    crop.rate = r->rate;
    if (status == VISEME_OK) {
        int words;
        const char *const *vocab = vis_model_vocab(model, &words);
        status = vis_decoder_open(&r->decoder, opts, vocab, r->classes, r->blank, err);
    }
    /* Without anything that finds faces the reader takes crops only. */
    int frames = crop.cascade_xml || crop.face_detector || crop.face_landmarks;
    if (status == VISEME_OK && frames && r->kind->keras)
        status = vis_fail(err, VISEME_ERR_MODEL,
                          "%s: viseme does not cut the mouth crops of a %s, whose recipe wants 68 "
                          "landmarks; push crops of %d x %d pixels (height x width), or give an "
                          "array to \"viseme run\"",
                          vis_weights_name(vis_model_weights(model)), r->kind->arch,
                          r->kind->height, r->kind->width);
    if (status == VISEME_OK && frames)
        status = viseme_cropper_open(&r->cropper, &crop, err);
    if (status == VISEME_OK)
        status = viseme_session_open(&r->session, model, &session, err);
    if (status == VISEME_OK) {
        r->crops = malloc(WINDOW * r->crop_bytes);
        r->input = malloc(WINDOW * r->crop_bytes * sizeof *r->input);
        if (!r->crops || !r->input)
            status = vis_fail_nomem(err, WINDOW * r->crop_bytes * 5);
    }
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
    free(r->logits);
    free(r->input);
    free(r->crops);
    viseme_session_close(r->session);
    viseme_cropper_close(r->cropper);
    free(r);
}

/* Crops [T H W 3] bytes -> the network's input [1 3 T H W] or [1 T W H 3] / 255. */
static void fill_input(viseme_reader *r)
{
    float value[256];
    size_t width = (size_t)r->kind->width, height = (size_t)r->kind->height;
    size_t plane = width * height, channel = (size_t)r->count * plane;
    for (int i = 0; i < 256; i++)
        value[i] = (float)i / 255.0f;
    for (int t = 0; t < r->count; t++) {
        const uint8_t *src = r->crops + (size_t)t * r->crop_bytes;
        float *planar = r->input + (size_t)t * plane, *keras = r->input + (size_t)t * 3 * plane;
        for (size_t i = 0; i < plane; i++)
            for (size_t c = 0; c < 3; c++)
                if (r->kind->keras)
                    keras[3 * (i % width * height + i / width) + c] = value[src[3 * i + c]];
                else
                    planar[c * channel + i] = value[src[3 * i + c]];
    }
}

static viseme_status keep_logits(viseme_reader *r, const float *rows, int count, viseme_error *err)
{
    size_t row = (size_t)r->classes;
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

/* Reads the buffered crops; keeps what lies between the cuts. */
static viseme_status read_window(viseme_reader *r, int last, viseme_error *err)
{
    double start = now();
    int width = r->kind->width, height = r->kind->height;
    viseme_tensor logits,
        x = {.name = "x", .rank = 5, .data = r->input, .shape = {1, 3, r->count, height, width}};
    if (r->kind->keras)
        memcpy(x.shape, (int64_t[5]){1, r->count, width, height, 3}, 5 * sizeof *x.shape);
    fill_input(r);
    viseme_status status = viseme_session_run(r->session, &x, 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(r->session, "logits", &logits, err);
    if (status == VISEME_OK) {
        int end = last ? r->count : r->count - MARGIN;
        status =
            keep_logits(r, logits.data + (size_t)r->cut * (size_t)r->classes, end - r->cut, err);
        if (!last) { /* what the next window begins with */
            memmove(r->crops, r->crops + (size_t)(r->count - 2 * MARGIN) * r->crop_bytes,
                    2 * MARGIN * r->crop_bytes);
            r->count = 2 * MARGIN;
            r->cut = MARGIN;
        }
    }
    r->stats.net_seconds += now() - start;
    return status;
}

static viseme_status add_crop(viseme_reader *r, const viseme_image *crop, viseme_error *err)
{
    if (r->count == WINDOW) {
        viseme_status status = read_window(r, 0, err);
        if (status != VISEME_OK)
            return status;
    }
    uint8_t *dst = r->crops + (size_t)r->count * r->crop_bytes;
    size_t row = 3 * (size_t)r->kind->width;
    for (int y = 0; y < r->kind->height; y++, dst += row) {
        const uint8_t *src = crop->data + y * crop->stride;
        memcpy(dst, src, row);
        if ((crop->format == VISEME_RGB24) != r->rgb)
            for (int x = 0; x < r->kind->width; x++) {
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
        status = add_crop(r, &image, err);
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
    if (!crop || !crop->data || crop->width != r->kind->width || crop->height != r->kind->height ||
        (crop->format != VISEME_BGR24 && crop->format != VISEME_RGB24))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a crop has %d x %d pixels (height x width) of "
                        "3 bytes",
                        r->kind->height, r->kind->width);
    r->state = CROPS;
    r->stats.frames++;
    return add_crop(r, crop, err);
}

static viseme_status decode(viseme_reader *r, viseme_error *err)
{
    viseme_status status =
        vis_decoder_run(r->decoder, vis_model_kernels(r->model), r->logits, (int)r->logit_rows,
                        r->stats.start_s, r->rate, &r->decoded, err);
    if (status == VISEME_OK && r->decoded.count > 0)
        r->stats.out_of_domain = r->decoded.best[0].confidence < r->stats.min_confidence;
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
    if (r->count == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame to read");
    status = read_window(r, 1, err);
    double start = now();
    if (status == VISEME_OK)
        status = decode(r, err);
    r->stats.decode_seconds = now() - start;
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
    if (frames)
        *frames = r->logit_rows;
    if (classes)
        *classes = r->classes;
    return r->logits;
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
