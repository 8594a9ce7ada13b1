/* What commands that take frames of faces share: which face, found by what, and where it was not.
 */
#ifndef VIS_CLI_FACES_H
#define VIS_CLI_FACES_H

#include <stddef.h>

#include <jansson.h>

#include "base/error.h"
#include "cli/args.h"
#include "cli/report.h"

/* Part of a command's settings. */
struct vis_faces_settings {
    const char *cascade, *face;
    int model, on_no_face, landmarks_every;
};

extern const char *const vis_faces_models[], *const vis_faces_policies[];

/* The options; `at`: offset of a struct vis_faces_settings in the settings. */
#define VIS_FACES_OPTIONS(at)                                                                      \
    {0,                                                                                            \
     "face",                                                                                       \
     "largest|N|X,Y",                                                                              \
     "which face: the largest one when faces are first seen, and then the\n"                       \
     "same (default), the N-th from left to right, in order of appearance,\n"                      \
     "or the one nearest to a point in pixels",                                                    \
     VIS_ARG_TEXT,                                                                                 \
     (at) + offsetof(struct vis_faces_settings, face),                                             \
     0,                                                                                            \
     0,                                                                                            \
     NULL},                                                                                        \
        {0,                                                                                        \
         "on-no-face",                                                                             \
         "hold|fail",                                                                              \
         "where the face is not there: repeat the nearest mouth picture\n"                         \
         "(default), or end with code 4 and say when",                                             \
         VIS_ARG_CHOICE,                                                                           \
         (at) + offsetof(struct vis_faces_settings, on_no_face),                                   \
         0,                                                                                        \
         0,                                                                                        \
         vis_faces_policies},                                                                      \
        {0,                                                                                        \
         "face-model",                                                                             \
         "haar|facemesh|yunet|s3fd",                                                               \
         "how faces are found: by a cascade; by networks that find their\n"                        \
         "landmarks (blazeface.safetensors and facemesh.safetensors), the\n"                       \
         "default if they are there; by yunet.safetensors; or by\n"                                \
         "s3fd.safetensors, which is slow. Weights are looked for as the\n"                        \
         "others are. All look for faces in pictures made smaller: 640 pixels\n"                   \
         "on the longer side, 1280 now and then where they find none; not s3fd",                   \
         VIS_ARG_CHOICE,                                                                           \
         (at) + offsetof(struct vis_faces_settings, model),                                        \
         0,                                                                                        \
         0,                                                                                        \
         vis_faces_models},                                                                        \
        {0,                                                                                        \
         "landmarks-every",                                                                        \
         "N",                                                                                      \
         "with facemesh: crops from one look at the landmarks to the next;\n"                      \
         "between, they are interpolated (default 4; 1 is the most exact)",                        \
         VIS_ARG_INT,                                                                              \
         (at) + offsetof(struct vis_faces_settings, landmarks_every),                              \
         1,                                                                                        \
         25,                                                                                       \
         NULL},                                                                                    \
    {                                                                                              \
        0, "cascade", "FILE",                                                                      \
            "face cascade of OpenCV; otherwise $VISEME_CASCADE, or the one of\n"                   \
            "the package opencv-data",                                                             \
            VIS_ARG_TEXT, (at) + offsetof(struct vis_faces_settings, cascade), 0, 0, NULL          \
    }

/* What the options name, loaded. */
struct vis_faces {
    char *cascade;                      /* text; NULL with networks */
    viseme_model *detector, *landmarks; /* NULL with a cascade; landmarks only with facemesh */
    char *detector_path, *landmarks_path;
    int model;                /* of vis_faces_models */
    viseme_crop_options crop; /* made of these; all but the rate */
};

/* Reads the options into out->crop, without looking for any file. Returns VISEME_OK or
 * VISEME_ERR_ARGUMENT. */
viseme_status vis_faces_check(struct vis_faces *out, const char *command,
                              const struct vis_faces_settings *set, viseme_error *err);
/* Loads the models. A file that is not found has been reported already: *told is 1. Free with
 * vis_faces_free() whatever is returned. */
viseme_status vis_faces_load(struct vis_faces *faces, const struct vis_faces_settings *set,
                             int *told, viseme_error *err);
void vis_faces_free(struct vis_faces *faces);

/* {"model", "choice", "on_no_face", "ms_per_frame"}, NULL when out of memory. */
json_t *vis_faces_json(const struct vis_faces *faces, double seconds, int64_t frames);

/* One of vis_faces_models. */
const char *vis_faces_name(const struct vis_faces *faces);

/* Says in a report what faces are found with. */
viseme_status vis_faces_report(const struct vis_faces *faces, const struct vis_faces_settings *set,
                               struct vis_report *report, viseme_error *err);

/* Says on standard error when there was no face: `held` of `crops`. One of `cropper` and `reader`
 * is NULL. */
void vis_faces_note_gaps(const char *path, const viseme_cropper *cropper,
                         const viseme_reader *reader, int64_t held, int64_t crops);

#endif
