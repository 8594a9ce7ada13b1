/* viseme read: the words on the lips in a video. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/part.h"
#include "cli/progress.h"
#include "cli/read.h"
#include "cli/read_words.h"

#define FIELD(name) offsetof(struct vis_read_settings, name)
static const struct vis_option options[] = {
    {'m', "model", "FILE",
     "weights; otherwise $VISEME_WEIGHTS (a file or a folder), or\n"
     "lipnet.safetensors in weights/ or share/viseme/ near the program",
     VIS_ARG_TEXT, FIELD(model), 0, 0, NULL},
    {0, "arch", "lipnet|syncvsr|syncvsr-word",
     "the network that the weights must be of; without -m also the name of\n"
     "the file that is looked for. syncvsr-word: syncvsr_lrw, and where that\n"
     "is not there syncvsr_landmark; they tell a word at a time",
     VIS_ARG_CHOICE, FIELD(arch), 0, 0, vis_read_archs},
    {0, "beam", "N",
     "prefix beam search of this width; 0 or 1: greedy (default, with\n"
     "--lm 64). Of a syncvsr the joint search of decoder, CTC and language\n"
     "model; 0: 40 (default)",
     VIS_ARG_INT, FIELD(beam), 0, 1000, NULL},
    {0, "nbest", "N",
     "readings to print, best first, each with the logarithm of its\n"
     "score; at most the width of the beam (default 1). Of a word reader\n"
     "the most likely words, each with its probability",
     VIS_ARG_INT, FIELD(nbest), 1, 1000, NULL},
    {0, "lm", "FILE",
     "n-gram language model in the ARPA format, of characters (with\n"
     "<sp> for the space) or of words; for a syncvsr the weights of a\n"
     "language model of its tokens",
     VIS_ARG_TEXT, FIELD(lm), 0, 0, NULL},
    {0, "lm-weight", "W", "weight of the language model (default 0.25, of tokens 0.3)",
     VIS_ARG_REAL, FIELD(lm_weight), 1e-6, 100, NULL},
    {0, "ctc-weight", "W",
     "for a syncvsr: CTC's part of the score, 0 to 1; the decoder has the\n"
     "rest (default 0.1, or what the weights say)",
     VIS_ARG_REAL, FIELD(ctc_weight), 0, 1, NULL},
    {0, "length-bonus", "B", "for a syncvsr: added to the score for every token (default 0)",
     VIS_ARG_REAL, FIELD(length_bonus), -100, 100, NULL},
    {0, "word", "START-END|S",
     "for a word reader: when a word is said, in seconds; give it again for\n"
     "more words. Or how many seconds the one word in the middle of a clip\n"
     "lasts (default 0.52)",
     VIS_ARG_LIST, FIELD(word), 0, 0, NULL},
    {0, "word-times", "FILE",
     "for a word reader: when words are said, a line START END for each, as\n"
     "--words prints them, or a GRID .align file; one input only",
     VIS_ARG_TEXT, FIELD(word_times), 0, 0, NULL},
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
     "clips below 0.85, or what the weights say, get a warning only",
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

static viseme_status pump(struct vis_reading *r, const struct vis_read_job *job, viseme_error *err)
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

static void see_crop(void *reading, const viseme_crop *crop)
{
    struct vis_reading *r = reading;
    vis_plotting_crop(&r->plotting, crop);
}

/* *unsure: it was read, with less confidence than asked for. */
static viseme_status read_one(const struct vis_read_job *job, const char *path, int *unsure,
                              viseme_error *err)
{
    struct vis_reading r = {.path = path, .started = vis_clock_s()};
    r.frames_options = (struct vis_frames_options){.fps = job->set.fps,
                                                   .from_s = job->set.from_s,
                                                   .to_s = job->set.to_s,
                                                   .as_stored = job->set.as_stored};
    viseme_reader_options reader_options = vis_read_options(job);
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
        status = vis_read_write_result(job, &r, err);
    *unsure = r.unsure;
    viseme_reader_close(r.reader);
    vis_frames_close(r.frames);
    vis_plotting_free(&r.plotting);
    if (status != VISEME_OK && status != VISEME_ERR_OUTPUT)
        vis_name_error(err, path);
    return status;
}

/* ---- All inputs -------------------------------------------------------------------------- */

static viseme_status check(const struct vis_read_settings *set, int inputs, viseme_error *err)
{
    const char *format = vis_read_formats[set->format];
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
    if (set->word_times && inputs > 1)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --word-times takes one input, and there are %d", inputs);
    if (set->word_times && set->word.count > 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --word and --word-times");
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

/* The report is complete without an input that there is no memory for. */
static void report_failure(const struct vis_read_job *job, const char *path,
                           const viseme_error *error)
{
    json_t *failure = vis_json_failure(path, error);
    vis_report_input(job->report, path, failure, NULL);
    json_decref(failure);
}

/* Writes the report and returns the exit code. */
static int finish_report(struct vis_read_job *job, int code)
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
static int read_all(struct vis_read_job *job, const struct vis_arg_list *inputs)
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
    struct vis_read_job job = {
        .set = {.arch = -1, .nbest = 1, .ctc_weight = -1, .cpu = -1, .faces.model = -1, .fps = 25}};
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
            status = vis_read_prepare(&job, &told, &err);
        if (status == VISEME_OK)
            code = read_all(&job, &inputs);
        if (status == VISEME_OK && job.report)
            code = finish_report(&job, code);
        if (status != VISEME_OK)
            code = told ? vis_exit_code(status) : vis_exit_with(&err);
    }
    vis_report_abort(job.report);
    viseme_model_close(job.model);
    viseme_model_close(job.token_lm);
    free(job.model_path);
    vis_faces_free(&job.faces);
    free(job.lm);
    free(job.grammar);
    vis_word_times_free(&job.times);
    vis_args_free(self, &job.set, &inputs);
    return code;
}

const struct vis_command vis_cmd_read = {
    "read", "IN...", "Read the words on the lips in videos", details, options, 1, -1, run};
