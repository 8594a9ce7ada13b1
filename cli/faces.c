#include "cli/faces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/lookup.h"

enum { HAAR, MESH, YUNET, S3FD }; /* -1: the best there is */
const char *const vis_faces_models[] = {"haar", "facemesh", "yunet", "s3fd", NULL};

/* The networks that a model of faces is made of; their weights are NAME.safetensors. */
static const struct {
    const char *detector, *landmarks; /* NULL: none */
} networks[] = {
    [HAAR] = {NULL, NULL},
    [MESH] = {"blazeface", "facemesh"},
    [YUNET] = {"yunet", NULL},
    [S3FD] = {"s3fd", NULL},
};

const char *const vis_faces_policies[] = {"hold", "fail", NULL};

viseme_status vis_faces_check(struct vis_faces *out, const char *command,
                              const struct vis_faces_settings *set, viseme_error *err)
{
    viseme_crop_options *crop = &out->crop;
    const char *s = set->face;
    int end = 0;
    *out = (struct vis_faces){0};
    crop->landmarks_every = set->landmarks_every;
    crop->on_no_face = set->on_no_face ? VISEME_NO_FACE_FAIL : VISEME_NO_FACE_HOLD;
    if (set->cascade && set->model > HAAR)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: --cascade and --face-model %s; a cascade is for haar", command,
                        vis_faces_models[set->model]);
    if (!s || strcmp(s, "largest") == 0)
        return VISEME_OK;
    if (s[0] >= '0' && s[0] <= '9') {
        if (sscanf(s, "%lf,%lf%n", &crop->face_x, &crop->face_y, &end) == 2 && !s[end]) {
            crop->face = VISEME_FACE_POINT;
            return VISEME_OK;
        }
        if (strlen(s) <= 4 && sscanf(s, "%d%n", &crop->face_number, &end) == 1 && !s[end] &&
            crop->face_number >= 1) {
            crop->face = VISEME_FACE_NUMBER;
            return VISEME_OK;
        }
    }
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "%s: --face %s is neither largest, nor a number from 1 to 9999, nor a point "
                    "such as 320,180",
                    command, s);
}

/* Looks for NAME.safetensors; *path is NULL when it is not there and not `needed`, which has been
 * reported otherwise. */
static viseme_status find(char **path, const char *network, int needed)
{
    char name[64];
    snprintf(name, sizeof name, "%s.safetensors", network);
    return vis_find_face_weights(path, name, needed);
}

static viseme_status open_network(viseme_model **model, const char *path, const char *network,
                                  viseme_error *err)
{
    viseme_status status = viseme_model_open(model, path, NULL, err);
    if (status != VISEME_OK)
        return status;
    const char *arch = viseme_model_metadata(*model, "viseme.arch");
    if (arch && strcmp(arch, network) == 0)
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_MODEL, "%s: holds a network %s, not the %s that finds faces",
                    path, arch ? arch : "without a name", network);
}

viseme_status vis_faces_load(struct vis_faces *faces, const struct vis_faces_settings *set,
                             int *told, viseme_error *err)
{
    const int needed = set->model > HAAR;
    const int model = needed ? set->model : set->model == HAAR || set->cascade ? HAAR : MESH;
    const char *detector = networks[model].detector, *landmarks = networks[model].landmarks;
    viseme_status status = VISEME_OK;
    *told = 1;
    faces->model = model;
    if (detector)
        status = find(&faces->detector_path, detector, needed);
    if (status == VISEME_OK && landmarks && faces->detector_path)
        status = find(&faces->landmarks_path, landmarks, needed);
    if (status != VISEME_OK)
        return status;
    if (!faces->detector_path || (landmarks && !faces->landmarks_path)) {
        faces->model = HAAR;
        status = vis_read_cascade(&faces->cascade, &faces->crop.cascade_bytes, set->cascade);
        faces->crop.cascade_xml = faces->cascade;
        return status;
    }
    *told = 0;
    status = open_network(&faces->detector, faces->detector_path, detector, err);
    if (status == VISEME_OK && landmarks)
        status = open_network(&faces->landmarks, faces->landmarks_path, landmarks, err);
    faces->crop.face_detector = faces->detector;
    faces->crop.face_landmarks = faces->landmarks;
    return status;
}

void vis_faces_free(struct vis_faces *faces)
{
    viseme_model_close(faces->detector);
    viseme_model_close(faces->landmarks);
    free(faces->detector_path);
    free(faces->landmarks_path);
    free(faces->cascade);
    *faces = (struct vis_faces){0};
}

const char *vis_faces_name(const struct vis_faces *faces)
{
    return vis_faces_models[faces->model];
}

viseme_status vis_faces_report(const struct vis_faces *faces, const struct vis_faces_settings *set,
                               struct vis_report *report, viseme_error *err)
{
    if (faces->model == HAAR)
        return vis_report_bytes(report, "cascade", faces->cascade, faces->crop.cascade_bytes,
                                set->cascade, err);
    viseme_status status =
        vis_report_file(report, "face_detector", faces->detector_path, NULL, err);
    return status == VISEME_OK && faces->landmarks
               ? vis_report_file(report, "face_landmarks", faces->landmarks_path, NULL, err)
               : status;
}

json_t *vis_faces_json(const struct vis_faces *faces, double seconds, int64_t frames)
{
    const viseme_crop_options *o = &faces->crop;
    json_t *choice = o->face == VISEME_FACE_NUMBER  ? json_integer(o->face_number)
                     : o->face == VISEME_FACE_POINT ? json_pack("[f, f]", o->face_x, o->face_y)
                                                    : json_string("largest");
    return json_pack("{s:s, s:o, s:s, s:o}", "model", vis_faces_name(faces), "choice", choice,
                     "on_no_face", vis_faces_policies[o->on_no_face == VISEME_NO_FACE_FAIL],
                     "ms_per_frame",
                     frames > 0 ? vis_json_real(1e3 * seconds / (double)frames) : json_null());
}

void vis_faces_note_gaps(const char *path, const viseme_cropper *cropper,
                         const viseme_reader *reader, int64_t held, int64_t crops)
{
    enum { SHOWN = 5 };
    char text[SHOWN * 40] = "";
    size_t count = 0, at = 0;
    viseme_gap g;
    for (; cropper ? viseme_cropper_gap(cropper, count, &g) : viseme_reader_gap(reader, count, &g);
         count++)
        if (count < SHOWN && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%.2f-%.2f", count ? ", " : "",
                                   g.start_s, g.end_s);
    vis_complain("%s: no face at %s%s s: %lld of %lld crops repeat the nearest one", path, text,
                 count > SHOWN ? " and later" : "", (long long)held, (long long)crops);
}
