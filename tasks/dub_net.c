#include "tasks/dub_net.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model.h"

enum { PIXELS = VIS_DUB_SIDE * VIS_DUB_SIDE, HALF = PIXELS / 2, PLANES = 6 };

struct vis_dub_net {
    viseme_session *session;
    float *mel;           /* [batch 1 80 16] */
    float *face;          /* [batch 6 96 96] */
    viseme_tensor frames; /* [count 3 96 96], of the last run */
};

/* Opens a session of the network `arch`. */
static viseme_status open_session(viseme_session **out, const viseme_model *model, const char *arch,
                                  const char *what, int threads, viseme_error *err)
{
    const viseme_session_options options = {.threads = threads};
    const char *is = vis_model_net(model)->name;
    if (strcmp(is, arch) != 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: a %s network does not %s; give the weights of "
                        "a %s",
                        vis_weights_name(vis_model_weights(model)), is, what, arch);
    return viseme_session_open(out, model, &options, err);
}

viseme_status vis_dub_net_open(struct vis_dub_net **out, const viseme_model *model, int threads,
                               int batch, viseme_error *err)
{
    struct vis_dub_net *n = calloc(1, sizeof *n);
    const size_t faces = (size_t)batch * PLANES * PIXELS * sizeof(float);
    viseme_status status;

    *out = NULL;
    if (!n)
        return vis_fail_nomem(err, sizeof *n);
    status = open_session(&n->session, model, "wav2lip", "move lips", threads, err);
    if (status == VISEME_OK) {
        n->face = malloc(faces);
        n->mel = malloc((size_t)batch * VIS_DUB_MEL * sizeof(float));
        if (!n->face || !n->mel)
            status = vis_fail_nomem(err, faces);
    }
    if (status != VISEME_OK) {
        vis_dub_net_free(n);
        return status;
    }
    *out = n;
    return VISEME_OK;
}

void vis_dub_net_free(struct vis_dub_net *n)
{
    if (n) {
        viseme_session_close(n->session);
        free(n->face);
        free(n->mel);
        free(n);
    }
}

/* Pixels from `first` on of [96 96 3] bytes to planes of [96 96] or of their lower half, / 255. */
static void to_planes(const uint8_t *face, int first, float *planes)
{
    const int count = PIXELS - first;
    for (int i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            planes[c * count + i] = (float)face[3 * (first + i) + c] / 255.0f;
}

void vis_dub_net_set(struct vis_dub_net *n, int i, const uint8_t *face, const float *mel)
{
    float *masked = n->face + (size_t)i * PLANES * PIXELS;
    to_planes(face, 0, masked + 3 * PIXELS);
    memcpy(masked, masked + 3 * PIXELS, 3 * PIXELS * sizeof *masked);
    for (int c = 0; c < 3; c++) /* the mouth is not for it to see */
        memset(masked + c * PIXELS + HALF, 0, HALF * sizeof *masked);
    memcpy(n->mel + (size_t)i * VIS_DUB_MEL, mel, VIS_DUB_MEL * sizeof *mel);
}

viseme_status vis_dub_net_run(struct vis_dub_net *n, int count, viseme_error *err)
{
    const viseme_tensor inputs[2] = {
        {.name = "mel", .rank = 4, .shape = {count, 1, 80, 16}, .data = n->mel},
        {.name = "face",
         .rank = 4,
         .shape = {count, PLANES, VIS_DUB_SIDE, VIS_DUB_SIDE},
         .data = n->face}};
    viseme_status status = viseme_session_run(n->session, inputs, 2, err);
    return status == VISEME_OK ? viseme_session_output(n->session, "frames", &n->frames, err)
                               : status;
}

void vis_dub_net_get(const struct vis_dub_net *n, int i, uint8_t *face)
{
    const float *planes = n->frames.data + (size_t)i * 3 * PIXELS;
    for (int p = 0; p < PIXELS; p++)
        for (int c = 0; c < 3; c++) {
            const float x = planes[c * PIXELS + p] * 255.0f;
            face[3 * p + c] = x > 0 ? x < 255 ? (uint8_t)x : 255 : 0; /* NaN is black */
        }
}

/* ---- The judge ----------------------------------------------------------------------------- */

enum { WINDOW_PLANES = 3 * VIS_DUB_JUDGED };

struct vis_dub_judge {
    viseme_session *session;
    float audio[2 * VIS_DUB_MEL];
    float face[2 * WINDOW_PLANES * HALF]; /* [2 15 48 96] */
};

viseme_status vis_dub_judge_open(struct vis_dub_judge **out, const viseme_model *model, int threads,
                                 viseme_error *err)
{
    struct vis_dub_judge *j = calloc(1, sizeof *j);
    *out = NULL;
    if (!j)
        return vis_fail_nomem(err, sizeof *j);
    viseme_status status =
        open_session(&j->session, model, "syncnet_color", "judge sync", threads, err);
    if (status != VISEME_OK) {
        free(j);
        return status;
    }
    *out = j;
    return VISEME_OK;
}

void vis_dub_judge_free(struct vis_dub_judge *j)
{
    if (j) {
        viseme_session_close(j->session);
        free(j);
    }
}

viseme_status vis_dub_judge_run(struct vis_dub_judge *j, const uint8_t *before,
                                const uint8_t *after, const float *mel, double *cosine_before,
                                double *cosine_after, viseme_error *err)
{
    const viseme_tensor inputs[2] = {
        {.name = "audio", .rank = 4, .shape = {2, 1, 80, 16}, .data = j->audio},
        {.name = "face",
         .rank = 4,
         .shape = {2, WINDOW_PLANES, VIS_DUB_SIDE / 2, VIS_DUB_SIDE},
         .data = j->face}};
    double *const cosine[2] = {cosine_before, cosine_after};
    viseme_tensor audio, face;

    for (int k = 0; k < 2; k++) {
        memcpy(j->audio + k * VIS_DUB_MEL, mel, VIS_DUB_MEL * sizeof *mel);
        for (int i = 0; i < VIS_DUB_JUDGED; i++)
            to_planes((k ? after : before) + (ptrdiff_t)i * VIS_DUB_FACE_BYTES, HALF,
                      j->face + ((ptrdiff_t)k * WINDOW_PLANES + 3 * i) * HALF);
    }
    viseme_status status = viseme_session_run(j->session, inputs, 2, err);
    if (status == VISEME_OK)
        status = viseme_session_output(j->session, "audio_embedding", &audio, err);
    if (status == VISEME_OK)
        status = viseme_session_output(j->session, "face_embedding", &face, err);
    if (status != VISEME_OK)
        return status;
    const int64_t n = audio.shape[1];
    for (int k = 0; k < 2; k++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)audio.data[k * n + i] * (double)face.data[k * n + i];
        *cosine[k] = sum;
    }
    return VISEME_OK;
}
