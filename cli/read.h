/* What the parts of `viseme read` share: options, what all inputs need, and one input. */
#ifndef VIS_CLI_READ_H
#define VIS_CLI_READ_H

#include <stdio.h>

#include "cli/faces.h"
#include "cli/plot.h"
#include "cli/report.h"
#include "io/frames.h"
#include "io/output.h"
#include "io/word_times.h"

enum { VIS_READ_LIPNET, VIS_READ_SYNCVSR, VIS_READ_WORD };
extern const char *const vis_read_archs[];

struct vis_read_settings {
    const char *model, *output, *emissions, *report, *plot, *lm, *grammar, *word_times;
    struct vis_arg_list word;
    int arch; /* of vis_read_archs; -1: none is given */
    int beam, nbest, threads, cpu, gemm, format, json, profile, quiet, words, as_stored;
    struct vis_faces_settings faces;
    double fps, from_s, to_s, lm_weight, ctc_weight, length_bonus, min_confidence;
};

/* What all inputs share. */
struct vis_read_job {
    struct vis_read_settings set;
    int several, json;
    char *model_path, *lm, *grammar;
    size_t lm_bytes, grammar_bytes;
    struct vis_faces faces;
    viseme_model *model, *token_lm;
    int tokens; /* the model writes tokens: it is a syncvsr */
    int tells;  /* the model tells words: it is a syncvsr_lrw or a syncvsr_landmark */
    struct vis_word_times times;
    double load_s;
    struct vis_output *output;
    struct vis_report *report;
    FILE *to;
};

/* One input while it is read. */
struct vis_reading {
    const char *path;
    struct vis_frames *frames;
    viseme_reader *reader;
    struct vis_frames_options frames_options;
    struct vis_frames_info info;
    struct vis_plotting plotting;
    double video_s, started;
    int unsure; /* the confidence is below --min-confidence */
};

/* What a reader needs beside what finds faces. */
viseme_reader_options vis_read_options(const struct vis_read_job *job);
/* The width of the beam, 1 for greedy; once the model is open. */
int vis_read_beam(const struct vis_read_job *job);

/* Loads what all inputs need. A file that is not found has been reported already: *told is 1.
 * Free the parts of the job whatever is returned. */
viseme_status vis_read_prepare(struct vis_read_job *job, int *told, viseme_error *err);

/* Writes everything that was asked for about an input that has been read. */
viseme_status vis_read_write_result(const struct vis_read_job *job, struct vis_reading *r,
                                    viseme_error *err);

#endif
