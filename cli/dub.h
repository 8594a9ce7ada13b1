/* What `viseme dub` and `viseme say` share: options, models, the run and what is told of it. */
#ifndef VIS_CLI_DUB_H
#define VIS_CLI_DUB_H

#include <stddef.h>

#include "cli/args.h"
#include "cli/faces.h"
#include "io/frames.h"
#include "io/video_writer.h"

enum vis_dub_fit { VIS_FIT_LOOP, VIS_FIT_PINGPONG, VIS_FIT_HOLD, VIS_FIT_TRIM, VIS_FIT_PAD };
extern const char *const vis_dub_fits[], *const vis_dub_blends[], *const vis_dub_silences[],
                                                                      *const vis_dub_policies[],
                                                                          *const vis_dub_presets[];

/* The settings of `dub`, and the first member of those of `say`. */
struct vis_dub_settings {
    const char *model, *output, *pads, *box, *label, *report, *sync_model;
    int fit, blend, silence, on_no_face; /* enums of this file and of viseme.h */
    int preset;                          /* position in vis_dub_presets; -1: none is given */
    int no_smooth, lossless, check, no_provenance;
    int crf, threads, json, quiet;
    double fps, from_s, to_s;
    struct vis_faces_settings faces;
};
#define VIS_DUB_DEFAULTS                                                                           \
    {                                                                                              \
        .preset = -1, .crf = 18, .fps = 25, .faces.model = -1                                      \
    }

#define VIS_DUB_FIELD(name) offsetof(struct vis_dub_settings, name)
/* The options that both commands have. */
#define VIS_DUB_OPTIONS                                                                            \
    {'o',                                                                                          \
     "output",                                                                                     \
     "FILE",                                                                                       \
     "the video to write: .mp4, .mov or .mkv; whole or not there (required)",                      \
     VIS_ARG_TEXT,                                                                                 \
     VIS_DUB_FIELD(output),                                                                        \
     0,                                                                                            \
     0,                                                                                            \
     NULL},                                                                                        \
        {'m',                                                                                      \
         "model",                                                                                  \
         "FILE",                                                                                   \
         "weights of a Wav2Lip generator; otherwise wav2lip.safetensors in\n"                      \
         "$VISEME_WEIGHTS, in weights/ or share/viseme/ beside the program's\n"                    \
         "folder",                                                                                 \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(model),                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "on-no-face",                                                                             \
         "keep|hold|fail",                                                                         \
         "a frame without the face stays as it is (default), gets lips where\n"                    \
         "the face was last, or ends the run with code 4",                                         \
         VIS_ARG_CHOICE,                                                                           \
         VIS_DUB_FIELD(on_no_face),                                                                \
         0,                                                                                        \
         0,                                                                                        \
         vis_dub_policies},                                                                        \
        {0,                                                                                        \
         "box",                                                                                    \
         "T,B,L,R",                                                                                \
         "the face is always in rows T to B, columns L to R (upright, from 0,\n"                   \
         "B and R not included); nothing is searched or smoothed",                                 \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(box),                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "pads",                                                                                   \
         "T,B,L,R",                                                                                \
         "pixels added to the face's box above, below, left and right\n"                           \
         "(default 0,10,0,0)",                                                                     \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(pads),                                                                      \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "no-smooth",                                                                              \
         NULL,                                                                                     \
         "take the box of every frame as it is found, not the mean of five",                       \
         VIS_ARG_FLAG,                                                                             \
         VIS_DUB_FIELD(no_smooth),                                                                 \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "blend",                                                                                  \
         "feather|hard",                                                                           \
         "paste the lower face with soft edges and matched colours (default),\n"                   \
         "or the whole box as it is, like the original Wav2Lip",                                   \
         VIS_ARG_CHOICE,                                                                           \
         VIS_DUB_FIELD(blend),                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         vis_dub_blends},                                                                          \
        {0,                                                                                        \
         "silence",                                                                                \
         "model|keep",                                                                             \
         "while nobody speaks the network moves the lips (default), or frames\n"                   \
         "stay as they are",                                                                       \
         VIS_ARG_CHOICE,                                                                           \
         VIS_DUB_FIELD(silence),                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         vis_dub_silences},                                                                        \
        {0,           "crf",                                                                       \
         "N",         "quality of the H.264 video: 0 to 51, less is better (default 18)",          \
         VIS_ARG_INT, VIS_DUB_FIELD(crf),                                                          \
         0,           51,                                                                          \
         NULL},                                                                                    \
        {0,                                                                                        \
         "preset",                                                                                 \
         "NAME",                                                                                   \
         "preset of x264, from ultrafast to veryslow (default medium)",                            \
         VIS_ARG_CHOICE,                                                                           \
         VIS_DUB_FIELD(preset),                                                                    \
         0,                                                                                        \
         0,                                                                                        \
         vis_dub_presets},                                                                         \
        {0,                                                                                        \
         "lossless",                                                                               \
         NULL,                                                                                     \
         "lose nothing: outside of the face every sample is that of the input",                    \
         VIS_ARG_FLAG,                                                                             \
         VIS_DUB_FIELD(lossless),                                                                  \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "label",                                                                                  \
         "TEXT",                                                                                   \
         "draw a visible label into the lower left corner",                                        \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(label),                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "no-provenance",                                                                          \
         NULL,                                                                                     \
         "do not write \"made with viseme dub\" into the file's metadata",                         \
         VIS_ARG_FLAG,                                                                             \
         VIS_DUB_FIELD(no_provenance),                                                             \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "check",                                                                                  \
         NULL,                                                                                     \
         "measure how well lips and speech agree before and after: LSE-D and\n"                    \
         "LSE-C with sync.safetensors, a cosine with\n"                                            \
         "syncnet_color.safetensors, looked for as the other weights are",                         \
         VIS_ARG_FLAG,                                                                             \
         VIS_DUB_FIELD(check),                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "sync-model",                                                                             \
         "FILE",                                                                                   \
         "what --check measures with, instead of these: weights of either kind",                   \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(sync_model),                                                                \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "face-model",                                                                             \
         "NAME",                                                                                   \
         "how faces are found: see 'viseme face --help'",                                          \
         VIS_ARG_CHOICE,                                                                           \
         VIS_DUB_FIELD(faces.model),                                                               \
         0,                                                                                        \
         0,                                                                                        \
         vis_faces_models},                                                                        \
        {0,                                                                                        \
         "cascade",                                                                                \
         "FILE",                                                                                   \
         "face cascade of OpenCV, as of 'viseme face'",                                            \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(faces.cascade),                                                             \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {'t',         "threads",                                                                   \
         "N",         "threads of the network (default: one per CPU); same result",                \
         VIS_ARG_INT, VIS_DUB_FIELD(threads),                                                      \
         1,           256,                                                                         \
         NULL},                                                                                    \
        {0,                                                                                        \
         "json",                                                                                   \
         NULL,                                                                                     \
         "one JSON object about the run on standard output",                                       \
         VIS_ARG_FLAG,                                                                             \
         VIS_DUB_FIELD(json),                                                                      \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
        {0,                                                                                        \
         "report",                                                                                 \
         "FILE",                                                                                   \
         "write what was done, with what, as JSON (docs/report.md)",                               \
         VIS_ARG_TEXT,                                                                             \
         VIS_DUB_FIELD(report),                                                                    \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
    {                                                                                              \
        'q', "quiet", NULL, "no progress and no notes", VIS_ARG_FLAG, VIS_DUB_FIELD(quiet), 0, 0,  \
            NULL                                                                                   \
    }

/* One dubbing, as a command wants it. */
struct vis_dub_job {
    const struct vis_command *command;
    const void *settings; /* of the command, for the report */
    const struct vis_dub_settings *set;
    const char *video, *audio; /* paths */
    const char *audio_name;    /* what messages and results call it */
    /* Filled on the way. */
    struct vis_faces faces;
    viseme_model *model, *judge, *sync_model; /* the latter two of --check; may be NULL */
    char *model_path, *judge_path, *sync_path;
    int box[4], pads[4];
};

struct vis_dub_score {
    int known; /* 0: no face was seen */
    double lse_d, lse_c;
};

/* What came of it. */
struct vis_dub_done {
    viseme_dubber_stats stats;
    struct vis_dub_score score_before, score_after; /* with job->sync_model */
    struct vis_frames_info video;
    struct vis_video_writer_info written;
    json_t *gaps;              /* owned */
    double speech_s;           /* length of the speech */
    double end_s;              /* of the output */
    double decode_s, encode_s; /* spent in those threads */
};

/* Does it all and returns the exit code. */
int vis_dub(struct vis_dub_job *job);

/* The frames' way: decoded in one thread, dubbed in this one, pasted and encoded in a third. Not
 * built with FFMPEG=0. Returns what went wrong first; done->gaps is to be released in any case. */
viseme_status vis_dub_run(const struct vis_dub_job *job, struct vis_dub_done *done,
                          viseme_error *err);

#endif
