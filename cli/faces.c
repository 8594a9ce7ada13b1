#include "cli/faces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/lookup.h"

#define DETECTOR_NAME  "blazeface.safetensors"
#define LANDMARKS_NAME "facemesh.safetensors"

enum { HAAR, MESH }; /* -1: the best there is */
const char *const vis_faces_models[] = {"haar", "facemesh", NULL};
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
    if (set->cascade && set->model == MESH)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: --cascade and --face-model facemesh; a cascade is for haar", command);
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

viseme_status vis_faces_load(struct vis_faces *faces, const struct vis_faces_settings *set,
                             int *told, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    const int wanted = set->model == MESH;
    *told = 1;
    if (wanted || (set->model != HAAR && !set->cascade)) {
        status = vis_find_face_weights(&faces->detector_path, DETECTOR_NAME, wanted);
        if (status == VISEME_OK && faces->detector_path)
            status = vis_find_face_weights(&faces->landmarks_path, LANDMARKS_NAME, wanted);
    }
    if (status != VISEME_OK)
        return status;
    if (!faces->landmarks_path) {
        status = vis_read_cascade(&faces->cascade, &faces->crop.cascade_bytes, set->cascade);
        faces->crop.cascade_xml = faces->cascade;
        return status;
    }
    *told = 0;
    status = viseme_model_open(&faces->detector, faces->detector_path, NULL, err);
    if (status == VISEME_OK)
        status = viseme_model_open(&faces->landmarks, faces->landmarks_path, NULL, err);
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
    return vis_faces_models[faces->landmarks ? MESH : HAAR];
}

viseme_status vis_faces_report(const struct vis_faces *faces, const struct vis_faces_settings *set,
                               struct vis_report *report, viseme_error *err)
{
    if (!faces->landmarks)
        return vis_report_bytes(report, "cascade", faces->cascade, faces->crop.cascade_bytes,
                                set->cascade, err);
    viseme_status status =
        vis_report_file(report, "face_detector", faces->detector_path, NULL, err);
    return status == VISEME_OK
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
