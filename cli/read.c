/* viseme read: the words on the lips in a video. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/faces.h"
#include "cli/json_line.h"
#include "cli/lookup.h"
#include "cli/part.h"
#include "cli/plot.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "cli/read_words.h"
#include "cli/report.h"
#include "io/frames.h"
#include "io/npy.h"
#include "io/output.h"

#define WEIGHTS_NAME "lipnet.safetensors"

struct settings {
    const char *model, *output, *emissions, *report, *plot, *lm, *grammar;
    int beam, nbest, threads, cpu, gemm, format, json, profile, quiet, words, as_stored;
    struct vis_faces_settings faces;
    double fps, from_s, to_s, lm_weight, min_confidence;
};

/* What all inputs share. */
struct job {
    struct settings set;
    int several, json;
    char *model_path, *lm, *grammar;
    size_t lm_bytes, grammar_bytes;
    struct vis_faces faces;
    viseme_model *model;
    double load_s;
    struct vis_output *output;
    struct vis_report *report;
    FILE *to;
};

/* One input while it is read. */
struct reading {
    const char *path;
    struct vis_frames *frames;
    viseme_reader *reader;
    struct vis_frames_options frames_options;
    struct vis_frames_info info;
    struct vis_plotting plotting;
    double video_s, started;
    int unsure; /* the confidence is below --min-confidence */
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {'m', "model", "FILE",
     "weights; otherwise $VISEME_WEIGHTS (a file or a folder), or\n" WEIGHTS_NAME
     " in weights/ or share/viseme/ near the program",
     VIS_ARG_TEXT, FIELD(model), 0, 0, NULL},
    {0, "beam", "N",
     "prefix beam search of this width; 0 or 1: greedy (default, with\n"
     "--lm 64)",
     VIS_ARG_INT, FIELD(beam), 0, 1000, NULL},
    {0, "nbest", "N",
     "readings to print, best first, each with the logarithm of its\n"
     "score; at most the width of the beam (default 1)",
     VIS_ARG_INT, FIELD(nbest), 1, 1000, NULL},
    {0, "lm", "FILE",
     "n-gram language model in the ARPA format, of characters (with\n"
     "<sp> for the space) or of words",
     VIS_ARG_TEXT, FIELD(lm), 0, 0, NULL},
    {0, "lm-weight", "W", "weight of the language model (default 0.25)", VIS_ARG_REAL,
     FIELD(lm_weight), 1e-6, 100, NULL},
    {0, "grammar", "FILE|NAME",
     "read the most likely sentence of a grammar (docs/grammar.md);\n"
     "grid and digits come with viseme",
     VIS_ARG_TEXT, FIELD(grammar), 0, 0, NULL},
    {0, "format", "txt|json|srt|vtt|ctm|trn", "what to print (default txt)", VIS_ARG_CHOICE,
     FIELD(format), 0, 0, vis_read_formats},
    {0, "words", NULL,
     "words with start, end and confidence: a line for each in txt,\n"
     "a cue for each in srt and vtt, a list in json",
     VIS_ARG_FLAG, FIELD(words), 0, 0, NULL},
    {0, "min-confidence", "P",
     "end with code 8 when a clip's confidence is below P; otherwise\n"
     "clips below 0.8, or what the weights say, get a warning only",
     VIS_ARG_REAL, FIELD(min_confidence), 1e-6, 1, NULL},
    {0, "json", NULL, "the same as --format json", VIS_ARG_FLAG, FIELD(json), 0, 0, NULL},
    {'o', "output", "FILE", "where to print; - is standard output (default)", VIS_ARG_TEXT,
     FIELD(output), 0, 0, NULL},
    {'t', "threads", "N", "threads; 0: one per CPU (default). Never changes a result", VIS_ARG_INT,
     FIELD(threads), 0, 256, NULL},
    {0, "fps", "F", "pictures a second, of a folder or a pattern of PNG files (default 25)",
     VIS_ARG_REAL, FIELD(fps), 0.1, 1000, NULL},
    {0, "ss", "TIME", VIS_HELP_SS, VIS_ARG_TIME, FIELD(from_s), 0, 86400, NULL},
    {0, "to", "TIME", VIS_HELP_TO, VIS_ARG_TIME, FIELD(to_s), 1e-3, 86400, NULL},
    {0, "no-autorotate", NULL, VIS_HELP_AS_STORED, VIS_ARG_FLAG, FIELD(as_stored), 0, 0, NULL},
    VIS_FACES_OPTIONS(FIELD(faces)),
    {0, "cpu", "LEVEL", "c, avx2 or avx512; otherwise $VISEME_CPU, or the best there is",
     VIS_ARG_CHOICE, FIELD(cpu), 0, 0, vis_cpu_choices},
    {0, "gemm", "WHO", "who multiplies matrices: native (default) or blas", VIS_ARG_CHOICE,
     FIELD(gemm), 0, 0, vis_gemm_choices},
    {0, "emissions", "FILE", "write the network's logits [T C] as .npy; one input only",
     VIS_ARG_TEXT, FIELD(emissions), 0, 0, NULL},
    {0, "plot", "FILE",
     "draw frames, mouths, emissions and words over time as PNG; one\n"
     "input only",
     VIS_ARG_TEXT, FIELD(plot), 0, 0, NULL},
    {0, "report", "FILE",
     "write what was done with what as JSON: versions, options, files and\n"
     "their SHA-256, results, gaps, seconds of each stage, peak memory",
     VIS_ARG_TEXT, FIELD(report), 0, 0, NULL},
    {0, "profile", NULL, "print what each node of the network cost on standard error", VIS_ARG_FLAG,
     FIELD(profile), 0, 0, NULL},
    {'q', "quiet", NULL, "no progress and no notes", VIS_ARG_FLAG, FIELD(quiet), 0, 0, NULL},
    {0}};

static const char details[] =
    "IN is a video file, a folder of PNG files, or a quoted pattern such as 'frames/*.png'.\n"
    "One line of text for each input; with several inputs each line starts with the input's\n"
    "name and a tab, with --nbest above 1 with the score and a tab. Where a frame\n"
    "has no face the nearest mouth picture is held, so time never shifts; no face at all ends\n"
    "with code 4. With several inputs an error does not stop the others; the code is 9 then.\n"
    "JSON is one object a line for each input.\n";

/* ---- One input --------------------------------------------------------------------------- */

static viseme_status pump(struct reading *r, const struct job *job, viseme_error *err)
{
    struct vis_progress bar;
    viseme_status status = VISEME_OK;
    vis_progress_start(&bar, r->path, vis_part_seconds(&r->info, &r->frames_options),
                       job->set.quiet);
    for (;;) {
        viseme_image image;
        double seconds = 0, before = vis_clock_s();
        status = vis_frames_next(r->frames, &image, &seconds, err);
        r->video_s += vis_clock_s() - before;
        if (status != VISEME_OK || !image.data)
            break;
        vis_plotting_frame(&r->plotting, &image, seconds);
        status = viseme_reader_push(r->reader, &image, seconds, err);
        if (status != VISEME_OK)
            break;
        vis_progress_update(&bar, seconds - job->set.from_s);
    }
    if (status == VISEME_OK) {
        vis_progress_stage(&bar, "reading");
        status = viseme_reader_finish(r->reader, err);
    }
    vis_progress_stop(&bar);
    return status;
}

static void write_text(const struct job *job, const struct reading *r)
{
    const viseme_hypothesis *h;
    for (size_t i = 0; (h = viseme_reader_hypothesis(r->reader, i)); i++) {
        if (job->several) {
            vis_read_write_clean(job->to, r->path);
            fputc('\t', job->to);
        }
        if (job->set.nbest > 1)
            fprintf(job->to, "%.6f\t", h->score);
        fprintf(job->to, "%s\n", h->text);
    }
}

static json_t *json_hypotheses(const viseme_reader *reader, int words)
{
    json_t *list = json_array();
    const viseme_hypothesis *h;
    for (size_t i = 0; list && (h = viseme_reader_hypothesis(reader, i)); i++) {
        json_t *one =
            json_pack("{s:o, s:o, s:o, s:o}", "text", vis_json_text(h->text), "log_probability",
                      vis_json_real(h->log_probability), "score", vis_json_real(h->score),
                      "confidence", vis_json_real(h->confidence));
        if (words && one &&
            json_object_set_new(one, "words", vis_read_json_words(reader, i)) != 0) {
            json_decref(one);
            one = NULL;
        }
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const char out_of_domain[] = "outside what this model knows";

static const char *decoder_name(const struct settings *set)
{
    return set->grammar    ? "grammar"
           : set->lm       ? "beam with language model"
           : set->beam > 1 ? "beam"
                           : "greedy";
}

static json_t *json_result(const struct job *job, const struct reading *r)
{
    viseme_reader_stats stats;
    const viseme_hypothesis *best = viseme_reader_hypothesis(r->reader, 0);
    viseme_reader_get_stats(r->reader, &stats);
    json_t *stages = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "load_s", vis_json_real(job->load_s), "video_s",
        vis_json_real(r->video_s), "face_s", vis_json_real(stats.face_seconds), "network_s",
        vis_json_real(stats.net_seconds), "decoder_s", vis_json_real(stats.decode_seconds),
        "total_s", vis_json_real(vis_clock_s() - r->started));
    json_t *model = json_pack("{s:o, s:o}", "path", vis_json_text(job->model_path), "arch",
                              vis_json_text(viseme_model_metadata(job->model, "viseme.arch")));
    double confidence = best ? best->confidence : 0;
    json_t *gaps = vis_gaps_json(NULL, r->reader);
    json_t *face = vis_faces_json(&job->faces, stats.face_seconds, stats.frames);
    json_t *result = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:s, s:i, s:o, s:o, s:I, s:I, s:I, s:o, "
        "s:o, s:o, s:o, s:o, s:s, s:s}",
        "schema", VIS_JSON_SCHEMA, "status", "ok", "input", vis_json_text(r->path), "text",
        vis_json_text(best ? best->text : ""), "confidence", vis_json_real(confidence),
        "min_confidence", vis_json_real(stats.min_confidence), "out_of_domain", stats.out_of_domain,
        "warning", stats.out_of_domain ? json_string(out_of_domain) : json_null(), "hypotheses",
        json_hypotheses(r->reader, job->set.words), "decoder", decoder_name(&job->set), "beam",
        job->set.beam, "start_s", vis_json_real(stats.start_s), "duration_s",
        vis_json_real(stats.duration_s), "frames", (json_int_t)stats.frames, "crops",
        (json_int_t)stats.crops, "crops_held", (json_int_t)stats.crops_held, "gaps", gaps, "face",
        face, "frame_rate", vis_json_real(r->info.frame_rate), "stages", stages, "model", model,
        "cpu", viseme_cpu_name(viseme_model_cpu(job->model)), "gemm",
        vis_gemm_choices[job->set.gemm]);
    if (vis_part_json(result, &r->info, &r->frames_options) != 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

static viseme_status write_emissions(const struct job *job, const struct reading *r,
                                     viseme_error *err)
{
    int64_t frames = 0;
    int classes = 0;
    const float *logits = viseme_reader_logits(r->reader, &frames, &classes);
    const int64_t shape[2] = {frames, classes};
    return vis_npy_write(job->set.emissions, 2, shape, logits, err);
}

static viseme_status flush_result(FILE *to, viseme_error *err)
{
    if (fflush(to) != 0 || ferror(to))
        return vis_fail(err, VISEME_ERR_OUTPUT, "the result cannot be written: %s",
                        strerror(errno));
    return VISEME_OK;
}

static viseme_status write_result(const struct job *job, struct reading *r, viseme_error *err)
{
    const viseme_hypothesis *best = viseme_reader_hypothesis(r->reader, 0);
    viseme_status status = VISEME_OK;
    viseme_reader_stats stats;
    viseme_reader_get_stats(r->reader, &stats);
    if (stats.crops_held > 0 && !job->set.quiet)
        vis_faces_note_gaps(r->path, NULL, r->reader, stats.crops_held, stats.crops);
    if (stats.out_of_domain && !job->set.quiet)
        vis_complain("%s: confidence %.2f is below %.2f: this is likely %s, and wrong", r->path,
                     best->confidence, stats.min_confidence, out_of_domain);
    r->unsure = job->set.min_confidence > 0 && stats.out_of_domain;
    if (job->set.profile)
        vis_profile_print(stderr, viseme_reader_session(r->reader), job->model);
    if (job->set.emissions)
        status = write_emissions(job, r, err);
    if (status == VISEME_OK && job->set.plot)
        status = vis_plotting_write(&r->plotting, r->path, r->reader, job->model, err);
    if (status == VISEME_OK && job->report) {
        json_t *result = json_result(job, r);
        status = vis_report_input(job->report, r->path, result, err);
        json_decref(result);
    }
    if (status != VISEME_OK)
        return status;
    if (job->json)
        status = vis_json_write(job->to, json_result(job, r), err);
    else if (job->set.format != VIS_READ_TXT)
        vis_read_write(job->to, job->set.format, r->reader, r->path, job->set.words);
    else if (job->set.words)
        vis_read_write_table(job->to, r->reader, job->several ? r->path : NULL);
    else
        write_text(job, r);
    return status == VISEME_OK ? flush_result(job->to, err) : status;
}

/* What a reader needs beside the face cascade. */
static viseme_reader_options decoding(const struct job *job)
{
    return (viseme_reader_options){.threads = job->set.threads,
                                   .beam = job->set.beam,
                                   .nbest = job->set.nbest,
                                   .lm_arpa = job->lm,
                                   .lm_bytes = job->lm_bytes,
                                   .lm_weight = job->set.lm_weight,
                                   .grammar = job->grammar,
                                   .grammar_bytes = job->grammar_bytes,
                                   .min_confidence = job->set.min_confidence};
}

static void see_crop(void *reading, const viseme_crop *crop)
{
    struct reading *r = reading;
    vis_plotting_crop(&r->plotting, crop);
}

/* *unsure: it was read, with less confidence than asked for. */
static viseme_status read_one(const struct job *job, const char *path, int *unsure,
                              viseme_error *err)
{
    struct reading r = {.path = path, .started = vis_clock_s()};
    r.frames_options = (struct vis_frames_options){.fps = job->set.fps,
                                                   .from_s = job->set.from_s,
                                                   .to_s = job->set.to_s,
                                                   .as_stored = job->set.as_stored};
    viseme_reader_options reader_options = decoding(job);
    reader_options.crop = job->faces.crop;
    reader_options.on_crop = see_crop;
    reader_options.user = &r;
    viseme_status status = vis_plotting_start(&r.plotting, job->set.plot, err);
    if (status == VISEME_OK)
        status = vis_frames_open(&r.frames, path, &r.frames_options, err);
    if (status == VISEME_OK) {
        vis_frames_get_info(r.frames, &r.info);
        if (!job->set.quiet)
            vis_part_notes(path, &r.info);
        status = viseme_reader_open(&r.reader, job->model, &reader_options, err);
    }
    if (status == VISEME_OK)
        status = pump(&r, job, err);
    if (status == VISEME_OK)
        status = write_result(job, &r, err);
    *unsure = r.unsure;
    viseme_reader_close(r.reader);
    vis_frames_close(r.frames);
    vis_plotting_free(&r.plotting);
    if (status != VISEME_OK && status != VISEME_ERR_OUTPUT)
        vis_name_error(err, path);
    return status;
}

/* ---- All inputs -------------------------------------------------------------------------- */

static viseme_status check(const struct settings *set, int inputs, viseme_error *err)
{
    int width = set->beam > 0 ? set->beam : set->lm ? 64 : 1;
    const char *format = vis_read_formats[set->format];
    if (set->nbest > width)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --nbest %d needs --beam %d or more; the beam is %d", set->nbest,
                        set->nbest, width);
    if (set->nbest > 1 && ((set->format > VIS_READ_JSON && !set->json) ||
                           (set->words && !set->json && set->format != VIS_READ_JSON)))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --nbest above 1 has no place in this output; take --format json");
    if (vis_read_format_is_single(set->format) && inputs > 1)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --format %s takes one input, and there are %d", format, inputs);
    if (set->json && set->format > VIS_READ_JSON)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --json and --format %s", format);
    if (set->lm_weight > 0 && !set->lm)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --lm-weight without --lm");
    if (set->grammar && (set->lm || set->beam > 1))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --grammar is searched as a whole, without --beam or --lm");
    if (set->emissions && inputs > 1)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --emissions takes one input, and there are %d", inputs);
    if (set->emissions && strcmp(set->emissions, "-") == 0 &&
        (!set->output || strcmp(set->output, "-") == 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --emissions - leaves no place for the text; name a file with -o");
    if (set->plot && inputs > 1)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --plot takes one input, and there are %d",
                        inputs);
    if (set->plot && strcmp(set->plot, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --plot wants a file, not -");
    if (set->plot && !vis_plot_version())
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --plot: this build of viseme draws no plots; build it with cairo");
    if (set->report && strcmp(set->report, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --report wants a file, not -");
    return vis_part_check("read", set->from_s, set->to_s, err);
}

/* A language model or a grammar that cannot be used is said once, not for every input. */
static viseme_status try_language(const struct job *job, viseme_error *err)
{
    viseme_reader *reader;
    const viseme_reader_options reader_options = decoding(job);
    if (!job->lm && !job->grammar)
        return VISEME_OK;
    viseme_status status = viseme_reader_open(&reader, job->model, &reader_options, err);
    viseme_reader_close(reader);
    if (status != VISEME_OK)
        vis_name_error(err, job->lm ? job->set.lm : job->set.grammar);
    return status;
}

/* Says in the report what the inputs are read with. */
static viseme_status report_files(const struct job *job, viseme_error *err)
{
    const struct settings *set = &job->set;
    viseme_status status = vis_report_file(job->report, "model", job->model_path, set->model, err);
    if (status == VISEME_OK)
        status = vis_report_note(
            job->report, "model_card",
            json_pack("{s:o, s:o, s:o}", "arch",
                      vis_json_text(viseme_model_metadata(job->model, "viseme.arch")), "license",
                      vis_json_text(viseme_model_metadata(job->model, "viseme.license")), "source",
                      vis_json_text(viseme_model_metadata(job->model, "viseme.source"))),
            err);
    if (status == VISEME_OK)
        status = vis_faces_report(&job->faces, &set->faces, job->report, err);
    if (status == VISEME_OK && job->lm)
        status = vis_report_bytes(job->report, "lm", job->lm, job->lm_bytes, set->lm, err);
    if (status == VISEME_OK && job->grammar)
        status = vis_report_bytes(job->report, "grammar", job->grammar, job->grammar_bytes,
                                  set->grammar, err);
    return status;
}

/* Loads what all inputs need. A file that is not found has been reported already: *told is 1. */
static viseme_status prepare(struct job *job, int *told, viseme_error *err)
{
    const struct settings *set = &job->set;
    const viseme_model_options model_options = {.cpu = (viseme_cpu)(set->cpu + 1),
                                                .gemm = (viseme_gemm)set->gemm};
    double before = vis_clock_s();
    *told = 1;
    viseme_status status = vis_find_weights(&job->model_path, set->model, WEIGHTS_NAME);
    if (status == VISEME_OK && set->lm)
        status = vis_read_lm(&job->lm, &job->lm_bytes, set->lm);
    if (status == VISEME_OK && set->grammar)
        status =
            vis_read_grammar(&job->grammar, &job->grammar_bytes, set->grammar, job->model_path);
    if (status != VISEME_OK)
        return status;
    status = vis_faces_load(&job->faces, &set->faces, told, err);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    status = viseme_model_open(&job->model, job->model_path, &model_options, err);
    if (status != VISEME_OK)
        return status;
    status = try_language(job, err);
    if (status != VISEME_OK)
        return status;
    job->load_s = vis_clock_s() - before;
    if (set->report) {
        status = vis_report_open(&job->report, set->report, &vis_cmd_read, set, err);
        if (status == VISEME_OK)
            status = report_files(job, err);
        if (status != VISEME_OK)
            return status;
    }
    return vis_output_open(&job->output, set->output ? set->output : "-", &job->to, err);
}

/* The report is complete without an input that there is no memory for. */
static void report_failure(const struct job *job, const char *path, const viseme_error *error)
{
    json_t *failure = vis_json_failure(path, error);
    vis_report_input(job->report, path, failure, NULL);
    json_decref(failure);
}

/* Writes the report and returns the exit code. */
static int finish_report(struct job *job, int code)
{
    viseme_error err;
    viseme_status status = vis_report_commit(job->report, code, &err);
    job->report = NULL;
    if (status == VISEME_OK)
        return code;
    int broken = vis_exit_with(&err);
    return code == VIS_EXIT_DONE ? broken : code;
}

/* Reads every input and returns the exit code. */
static int read_all(struct job *job, const struct vis_arg_list *inputs)
{
    viseme_error err;
    int failed = 0, broken = 0, gated = 0; /* broken: nothing more can be written */
    int code = VIS_EXIT_DONE;
    for (int i = 0; i < inputs->count && !broken; i++) {
        int unsure;
        viseme_status status = read_one(job, inputs->items[i], &unsure, &err);
        gated |= unsure;
        if (status == VISEME_OK)
            continue;
        failed++;
        code = vis_exit_with(&err);
        broken = status == VISEME_ERR_OUTPUT;
        if (job->report)
            report_failure(job, inputs->items[i], &err);
        if (job->json && !broken &&
            vis_json_write(job->to, vis_json_failure(inputs->items[i], &err), &err) != VISEME_OK) {
            code = vis_exit_with(&err);
            broken = 1;
        }
    }
    /* A file is kept for any success; what standard output got, it has. */
    if (broken || (failed == inputs->count && job->to != stdout)) {
        vis_output_abort(job->output);
    } else if (vis_output_commit(job->output, &err) != VISEME_OK) {
        code = vis_exit_with(&err);
        broken = 1;
    }
    if (failed > 0 && job->several && !broken)
        return VIS_EXIT_BATCH;
    return code == VIS_EXIT_DONE && gated ? VIS_EXIT_GATE : code;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct job job = {.set = {.nbest = 1, .cpu = -1, .faces.model = -1, .fps = 25}};
    struct vis_arg_list inputs;
    viseme_error err;
    int help, told = 0, code;
    viseme_status status = vis_args_parse(self, argc, argv, &job.set, &inputs, &help, &err);
    if (status == VISEME_OK && !help)
        status = check(&job.set, inputs.count, &err);
    if (status == VISEME_OK && !help)
        status = vis_faces_check(&job.faces, "read", &job.set.faces, &err);
    if (help) {
        vis_args_help(stdout, self);
        code = VIS_EXIT_DONE;
    } else {
        job.several = inputs.count > 1;
        job.json = job.set.json || job.set.format == VIS_READ_JSON;
        if (status == VISEME_OK)
            status = prepare(&job, &told, &err);
        if (status == VISEME_OK)
            code = read_all(&job, &inputs);
        if (status == VISEME_OK && job.report)
            code = finish_report(&job, code);
        if (status != VISEME_OK)
            code = told ? vis_exit_code(status) : vis_exit_with(&err);
    }
    vis_report_abort(job.report);
    viseme_model_close(job.model);
    free(job.model_path);
    vis_faces_free(&job.faces);
    free(job.lm);
    free(job.grammar);
    vis_args_free(self, &job.set, &inputs);
    return code;
}

const struct vis_command vis_cmd_read = {
    "read", "IN...", "Read the words on the lips in videos", details, options, 1, -1, run};
