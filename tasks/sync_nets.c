#include "tasks/sync_nets.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model.h"
#include "nets/sync_matrix.h"

enum { MFCC = 13, LOGMEL = 40, SIDE = 224, MAX_SIDE = 512, MAX_MATRIX = 64, MAX_OFFSETS = 63 };

/* A classifier: the model's own, or a model of its own. */
struct classifier {
    viseme_session *session;
    int side, reach; /* 0: there is none */
};

struct vis_sync_nets {
    viseme_session *see, *hear;
    struct classifier classifiers[2]; /* separate, own */
    const char *file;
    int side, width, size;
    float *pictures; /* [3 BATCH + 4 side side] */
    float *sound;    /* [BATCH width ROWS] */
    float *matrices; /* [BATCH MAX_MATRIX MAX_MATRIX] */
};

static const char *file_of(const viseme_model *model)
{
    return vis_weights_name(vis_model_weights(model));
}

static int integer(const viseme_model *model, const char *key, int fallback)
{
    const json_t *value = json_object_get(vis_model_config(model), key);
    return json_is_integer(value) ? (int)json_integer_value(value) : fallback;
}

static viseme_status open_session(viseme_session **out, const viseme_model *model, int threads,
                                  viseme_error *err)
{
    const viseme_session_options options = {.threads = threads};
    return viseme_session_open(out, model, &options, err);
}

static viseme_status open_classifier(struct classifier *c, const viseme_model *model, int threads,
                                     viseme_error *err)
{
    const int side = integer(model, "matrix", 0), offsets = integer(model, "offsets", 11);
    if (side == 0)
        return VISEME_OK;
    if (side < 2 || side > MAX_MATRIX || offsets < 1 || offsets > MAX_OFFSETS || offsets % 2 == 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: a classifier of %d offsets in matrices of side %d is not one that "
                        "viseme can use",
                        file_of(model), offsets, side);
    c->side = side;
    c->reach = offsets / 2;
    return open_session(&c->session, model, threads, err);
}

static viseme_status check_arch(struct vis_sync_nets *n, const viseme_model *model,
                                const viseme_model *classifier, viseme_error *err)
{
    const char *arch = vis_model_net(model)->name;
    n->file = file_of(model);
    n->side = integer(model, "frame_size", SIDE);
    if (strcmp(arch, "syncnet") == 0)
        n->width = MFCC;
    else if (strcmp(arch, "synce2e") == 0)
        n->width = LOGMEL;
    else
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: is a %s, not a network that compares lips and sound", n->file, arch);
    if (n->side < 1 || n->side > MAX_SIDE)
        return vis_fail(err, VISEME_ERR_MODEL, "%s: pictures of %d pixels a side are beyond %d",
                        n->file, n->side, (int)MAX_SIDE);
    if (classifier && strcmp(vis_model_net(classifier)->name, "synce2e_cls") != 0)
        return vis_fail(err, VISEME_ERR_MODEL, "%s: is a %s, not a classifier of offsets",
                        file_of(classifier), vis_model_net(classifier)->name);
    return VISEME_OK;
}

static viseme_status allocate(struct vis_sync_nets *n, viseme_error *err)
{
    const size_t picture = 3 * (size_t)n->side * (size_t)n->side;
    const size_t pictures = picture * (VIS_SYNC_BATCH + VIS_SYNC_WINDOW - 1);
    n->pictures = malloc(pictures * sizeof(float));
    n->sound = malloc(VIS_SYNC_BATCH * VIS_SYNC_FEATURES * LOGMEL * sizeof(float));
    n->matrices = malloc(VIS_SYNC_BATCH * MAX_MATRIX * MAX_MATRIX * sizeof(float));
    return n->pictures && n->sound && n->matrices ? VISEME_OK
                                                  : vis_fail_nomem(err, pictures * sizeof(float));
}

viseme_status vis_sync_nets_open(struct vis_sync_nets **out, const viseme_model *model,
                                 const viseme_model *classifier, int threads, viseme_error *err)
{
    struct vis_sync_nets *n = calloc(1, sizeof *n);
    *out = NULL;
    if (!n)
        return vis_fail_nomem(err, sizeof *n);
    viseme_status status = check_arch(n, model, classifier, err);
    if (status == VISEME_OK)
        status = allocate(n, err);
    if (status == VISEME_OK)
        status = open_session(&n->see, model, threads, err);
    if (status == VISEME_OK)
        status = open_session(&n->hear, model, threads, err);
    if (status == VISEME_OK && n->width == LOGMEL)
        status = open_classifier(&n->classifiers[1], model, threads, err);
    if (status == VISEME_OK && classifier)
        status = open_classifier(&n->classifiers[0], classifier, threads, err);
    if (status != VISEME_OK) {
        vis_sync_nets_close(n);
        return status;
    }
    *out = n;
    return VISEME_OK;
}

void vis_sync_nets_close(struct vis_sync_nets *n)
{
    if (!n)
        return;
    viseme_session_close(n->see);
    viseme_session_close(n->hear);
    viseme_session_close(n->classifiers[0].session);
    viseme_session_close(n->classifiers[1].session);
    free(n->pictures);
    free(n->sound);
    free(n->matrices);
    free(n);
}

int vis_sync_nets_side(const struct vis_sync_nets *n)
{
    return n->side;
}

int vis_sync_nets_size(const struct vis_sync_nets *n)
{
    return n->size;
}

int vis_sync_nets_logmel(const struct vis_sync_nets *n)
{
    return n->width == LOGMEL;
}

int vis_sync_nets_matrix(const struct vis_sync_nets *n, int own, int *reach)
{
    *reach = n->classifiers[own].reach;
    return n->classifiers[own].side;
}

/* Runs a session with one input and checks that the output is rows x columns (0: any). */
static viseme_status run(struct vis_sync_nets *n, viseme_session *session,
                         const viseme_tensor *input, const char *output, size_t rows,
                         size_t columns, viseme_tensor *out, viseme_error *err)
{
    viseme_status status = viseme_session_run(session, input, 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(session, output, out, err);
    if (status != VISEME_OK)
        return status;
    size_t count = 1;
    for (int i = 0; i < out->rank; i++)
        count *= (size_t)out->shape[i];
    if (count % rows || (columns && count != rows * columns))
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: its output \"%s\" has %zu elements, not %zu x "
                        "%zu",
                        n->file, output, count, rows, columns);
    return VISEME_OK;
}

/* Both streams must give embeddings of one size. */
static viseme_status take_size(struct vis_sync_nets *n, const viseme_tensor *out, viseme_error *err)
{
    const int size = (int)out->shape[out->rank - 1];
    if (n->size && n->size != size)
        return vis_fail(err, VISEME_ERR_MODEL, "%s: its streams give %d and %d numbers", n->file,
                        n->size, size);
    n->size = size;
    return VISEME_OK;
}

viseme_status vis_sync_nets_see(struct vis_sync_nets *n, const uint8_t *pictures, int count,
                                const float **out, viseme_error *err)
{
    /* One shape for all runs: what is missing repeats the last picture. */
    enum { FRAMES = VIS_SYNC_BATCH + VIS_SYNC_WINDOW - 1 };
    const size_t pixels = (size_t)n->side * (size_t)n->side;
    for (int t = 0; t < FRAMES; t++) {
        const uint8_t *from = pictures + (size_t)(t < count ? t : count - 1) * 3 * pixels;
        for (size_t c = 0; c < 3; c++) {
            float *to = n->pictures + (c * FRAMES + (size_t)t) * pixels;
            for (size_t i = 0; i < pixels; i++)
                to[i] = (float)from[3 * i + c];
        }
    }
    const viseme_tensor input = {
        .name = "lip", .rank = 5, .shape = {1, 3, FRAMES, n->side, n->side}, .data = n->pictures};
    viseme_tensor result;
    viseme_status status =
        run(n, n->see, &input, "lip_embedding", VIS_SYNC_BATCH, (size_t)n->size, &result, err);
    if (status == VISEME_OK)
        status = take_size(n, &result, err);
    *out = result.data;
    return status;
}

viseme_status vis_sync_nets_hear(struct vis_sync_nets *n, const float *rows, const size_t *starts,
                                 int count, const float **out, viseme_error *err)
{
    const size_t width = (size_t)n->width;
    for (int i = 0; i < VIS_SYNC_BATCH; i++) {
        const float *from = rows + starts[i < count ? i : count - 1] * width;
        vis_sync_window(n->sound + (size_t)i * width * VIS_SYNC_FEATURES, from, n->width, 0);
    }
    const viseme_tensor input = {.name = "aud",
                                 .rank = 4,
                                 .shape = {VIS_SYNC_BATCH, 1, n->width, VIS_SYNC_FEATURES},
                                 .data = n->sound};
    viseme_tensor result;
    viseme_status status =
        run(n, n->hear, &input, "aud_embedding", VIS_SYNC_BATCH, (size_t)n->size, &result, err);
    if (status == VISEME_OK)
        status = take_size(n, &result, err);
    *out = result.data;
    return status;
}

viseme_status vis_sync_nets_classify(struct vis_sync_nets *n, int own, const float *matrices,
                                     int count, const float **out, viseme_error *err)
{
    const struct classifier *c = &n->classifiers[own];
    const size_t cells = (size_t)c->side * (size_t)c->side;
    for (int i = 0; i < VIS_SYNC_BATCH; i++)
        memcpy(n->matrices + (size_t)i * cells, matrices + (size_t)(i < count ? i : 0) * cells,
               cells * sizeof(float));
    const viseme_tensor input = {.name = "matrix",
                                 .rank = 4,
                                 .shape = {VIS_SYNC_BATCH, 1, c->side, c->side},
                                 .data = n->matrices};
    viseme_tensor result;
    viseme_status status =
        run(n, c->session, &input, "probs", VIS_SYNC_BATCH, 2 * (size_t)c->reach + 1, &result, err);
    *out = result.data;
    return status;
}
