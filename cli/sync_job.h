/* What sync, score and speakers share: a video's frames and sound through viseme_sync, and going
 * through many inputs. */
#ifndef VIS_CLI_SYNC_JOB_H
#define VIS_CLI_SYNC_JOB_H

#include "cli/args.h"
#include "cli/faces.h"
#include "cli/part.h"
#include "io/audio.h"

/* Part of a command's settings. */
struct vis_sync_settings {
    const char *model, *classifier;
    double from_s, to_s;
    double range_ms, window_s; /* of viseme_sync_options */
    int threads, cpu, gemm, as_stored, quiet, json;
    struct vis_faces_settings faces;
};

#define VIS_SYNC_FIELD(at, name) ((at) + offsetof(struct vis_sync_settings, name))
/* The options that all three have; `at`: offset of a struct vis_sync_settings in the settings. */
#define VIS_SYNC_OPTIONS(at)                                                                       \
    {'m',                                                                                          \
     "model",                                                                                      \
     "FILE",                                                                                       \
     "weights; otherwise $VISEME_WEIGHTS (a file or a folder), or\n"                               \
     "sync.safetensors in weights/ or share/viseme/ near the program",                             \
     VIS_ARG_TEXT,                                                                                 \
     VIS_SYNC_FIELD(at, model),                                                                    \
     0,                                                                                            \
     0,                                                                                            \
     NULL},                                                                                        \
        {0,                                                                                        \
         "json",                                                                                   \
         NULL,                                                                                     \
         "one JSON object a line for each input",                                                  \
         VIS_ARG_FLAG,                                                                             \
         VIS_SYNC_FIELD(at, json),                                                                 \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0, "ss", "TIME", VIS_HELP_SS, VIS_ARG_TIME, VIS_SYNC_FIELD(at, from_s), 0, 86400, NULL},  \
        {0, "to", "TIME", VIS_HELP_TO, VIS_ARG_TIME, VIS_SYNC_FIELD(at, to_s), 1e-3, 86400, NULL}, \
        {0,                                                                                        \
         "no-autorotate",                                                                          \
         NULL,                                                                                     \
         VIS_HELP_AS_STORED,                                                                       \
         VIS_ARG_FLAG,                                                                             \
         VIS_SYNC_FIELD(at, as_stored),                                                            \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {'t',         "threads",                                                                   \
         "N",         "threads; 0: one per CPU (default). Never changes a result",                 \
         VIS_ARG_INT, VIS_SYNC_FIELD(at, threads),                                                 \
         0,           256,                                                                         \
         NULL},                                                                                    \
        {0,                                                                                        \
         "cpu",                                                                                    \
         "LEVEL",                                                                                  \
         "c, avx2 or avx512; otherwise $VISEME_CPU, or the best there is",                         \
         VIS_ARG_CHOICE,                                                                           \
         VIS_SYNC_FIELD(at, cpu),                                                                  \
         0,                                                                                        \
         0,                                                                                        \
         vis_cpu_choices},                                                                         \
        {0,                                                                                        \
         "gemm",                                                                                   \
         "WHO",                                                                                    \
         "who multiplies matrices: native (default) or blas",                                      \
         VIS_ARG_CHOICE,                                                                           \
         VIS_SYNC_FIELD(at, gemm),                                                                 \
         0,                                                                                        \
         0,                                                                                        \
         vis_gemm_choices},                                                                        \
        {'q', "quiet", NULL, "no progress and no notes", VIS_ARG_FLAG, VIS_SYNC_FIELD(at, quiet),  \
         0,   0,       NULL},                                                                      \
        VIS_FACES_OPTIONS(VIS_SYNC_FIELD(at, faces))

/* The defaults of these settings. */
#define VIS_SYNC_DEFAULTS                                                                          \
    {                                                                                              \
        .cpu = -1, .faces.model = -1                                                               \
    }

/* What all inputs share, loaded. */
struct vis_sync_job {
    const struct vis_sync_settings *set;
    char *model_path;
    viseme_model *model, *classifier; /* the latter NULL without --classifier */
    struct vis_faces faces;
    viseme_sync_options options; /* made of these */
    int several;                 /* there is more than one input */
};

/* Checks settings without looking for any file. VISEME_OK or VISEME_ERR_ARGUMENT. */
viseme_status vis_sync_job_check(struct vis_sync_job *job, const char *command,
                                 const struct vis_sync_settings *set, viseme_error *err);
/* Loads the models. A file that is not found has been reported already: *told is 1. Free with
 * vis_sync_job_free() whatever is returned. */
viseme_status vis_sync_job_load(struct vis_sync_job *job, int *told, viseme_error *err);
void vis_sync_job_free(struct vis_sync_job *job);

/* One input that went through. */
struct vis_sync_seen {
    viseme_sync *sync; /* finished */
    struct vis_frames_info video;
    struct vis_frames_options part;
    double seconds; /* it took */
};

/* Pushes the frames of a video, and its sound or, with `sound`, that of another file, which begins
 * with the first frame. Free with vis_sync_seen_free() whatever is returned. Errors begin with the
 * path. */
viseme_status vis_sync_job_see(const struct vis_sync_job *job, const char *path, const char *sound,
                               struct vis_sync_seen *out, viseme_error *err);
void vis_sync_seen_free(struct vis_sync_seen *seen);

/* What one of the commands does; `user` is what it keeps. */
struct vis_sync_command {
    void *settings;                       /* with their defaults */
    const struct vis_sync_settings *sync; /* part of them */
    struct vis_sync_job *job;
    void *user;
    /* Checks the settings for so many inputs, before a file is looked for; NULL: there is nothing
     * to check. */
    viseme_status (*check)(const void *settings, int inputs, viseme_error *err);
    /* Goes through an input. *code: what one that went well makes of the exit code; the largest
     * counts. */
    viseme_status (*one)(void *user, const char *path, int *code, viseme_error *err);
    /* Behind the last input; NULL: nothing is. Returns what becomes of the exit code. */
    int (*end)(void *user, int code);
};

/* The command from its arguments to its exit code. The failure of an input is told on standard
 * error, with --json as an object on standard output, too, and does not stop the others. */
int vis_sync_run(const struct vis_command *self, int argc, char **argv,
                 const struct vis_sync_command *does);

/* The object every input's JSON begins with: schema, status, input. NULL when out of memory. */
json_t *vis_sync_json(const char *path, const viseme_sync_result *result);

#endif
