/* What all inputs of `viseme read` need: models, language, faces, the report. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/lookup.h"
#include "cli/progress.h"
#include "cli/read.h"
#include "io/file.h"

enum { LM_BEAM = 64, SYNCVSR_BEAM = 40 }; /* of a reader whose options have none */

#define WORD_TIMES_BYTES ((size_t)16 << 20)

const char *const vis_read_archs[] = {"lipnet", "syncvsr", "syncvsr-word", NULL};

/* The networks that tell words: of pictures, and of points. */
static const char pictures[] = "syncvsr_lrw", points[] = "syncvsr_landmark";

int vis_read_beam(const struct vis_read_job *job)
{
    return job->set.beam > 0 ? job->set.beam
           : job->tokens     ? SYNCVSR_BEAM
           : job->set.lm     ? LM_BEAM
                             : 1;
}

viseme_reader_options vis_read_options(const struct vis_read_job *job)
{
    const struct vis_read_settings *set = &job->set;
    return (viseme_reader_options){.threads = set->threads,
                                   .beam = set->beam,
                                   .nbest = set->nbest,
                                   .lm_arpa = job->lm,
                                   .lm_bytes = job->lm_bytes,
                                   .lm_weight = set->lm_weight,
                                   .grammar = job->grammar,
                                   .grammar_bytes = job->grammar_bytes,
                                   .token_lm = job->token_lm,
                                   .ctc_weight = set->ctc_weight == 0  ? -1
                                                 : set->ctc_weight > 0 ? set->ctc_weight
                                                                       : 0,
                                   .length_bonus = set->length_bonus,
                                   .keep_emissions = set->emissions || set->plot,
                                   .spans = job->times.spans,
                                   .span_count = job->times.count,
                                   .word_seconds = job->times.seconds,
                                   .min_confidence = set->min_confidence};
}

/* What cannot be used with this model is said once, not for every input. */
static viseme_status try_reader(const struct vis_read_job *job, viseme_error *err)
{
    const char *language = job->lm || job->token_lm ? job->set.lm : job->set.grammar;
    const viseme_reader_options reader_options = vis_read_options(job);
    viseme_reader *reader;
    viseme_status status = viseme_reader_open(&reader, job->model, &reader_options, err);
    viseme_reader_close(reader);
    if (status != VISEME_OK && language)
        vis_name_error(err, language);
    return status;
}

/* Says in the report what the inputs are read with. */
static viseme_status report_files(const struct vis_read_job *job, viseme_error *err)
{
    const struct vis_read_settings *set = &job->set;
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
    if (status == VISEME_OK && set->word_times)
        status = vis_report_file(job->report, "word_times", set->word_times, set->word_times, err);
    if (status == VISEME_OK && job->token_lm)
        status = vis_report_file(job->report, "lm", set->lm, set->lm, err);
    if (status == VISEME_OK && job->lm)
        status = vis_report_bytes(job->report, "lm", job->lm, job->lm_bytes, set->lm, err);
    if (status == VISEME_OK && job->grammar)
        status = vis_report_bytes(job->report, "grammar", job->grammar, job->grammar_bytes,
                                  set->grammar, err);
    return status;
}

/* Opens the model, and checks what depends on its network. */
static viseme_status open_model(struct vis_read_job *job, viseme_error *err)
{
    const struct vis_read_settings *set = &job->set;
    const viseme_model_options model_options = {
        .cpu = (viseme_cpu)(set->cpu + 1), .gemm = (viseme_gemm)set->gemm, .threads = set->threads};
    viseme_status status = viseme_model_open(&job->model, job->model_path, &model_options, err);
    if (status != VISEME_OK)
        return status;
    const char *arch = viseme_model_metadata(job->model, "viseme.arch");
    job->tokens = strcmp(arch, vis_read_archs[VIS_READ_SYNCVSR]) == 0;
    job->tells = strcmp(arch, pictures) == 0 || strcmp(arch, points) == 0;
    if (set->arch >= 0 &&
        (set->arch == VIS_READ_WORD ? !job->tells : strcmp(arch, vis_read_archs[set->arch]) != 0))
        return vis_fail(err, VISEME_ERR_MODEL, "%s: a %s, not a %s as --arch says", job->model_path,
                        arch, vis_read_archs[set->arch]);
    const int width = vis_read_beam(job);
    if (set->nbest > width && !job->tells)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --nbest %d needs --beam %d or more; the beam is %d", set->nbest,
                        set->nbest, width);
    if (!job->tokens && (set->ctc_weight >= 0 || set->length_bonus != 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --%s is for a syncvsr; %s holds a %s",
                        set->ctc_weight >= 0 ? "ctc-weight" : "length-bonus", job->model_path,
                        arch);
    if (!job->tells && (set->word_times || set->word.count > 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "read: --%s is for a word reader; %s holds a %s",
                        set->word_times ? "word-times" : "word", job->model_path, arch);
    if (job->tells && set->plot)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --plot draws emissions over time, and a %s has none", arch);
    if (job->tokens && set->grammar)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: --grammar is for networks that emit letters; %s holds a %s",
                        job->model_path, arch);
    return VISEME_OK;
}

/* A file that is not found has been reported already: *told is 1. */
static viseme_status load_language(struct vis_read_job *job, int *told, viseme_error *err)
{
    const struct vis_read_settings *set = &job->set;
    viseme_status status = VISEME_OK;
    *told = 0;
    if (set->lm && job->tokens) {
        status = viseme_model_open(&job->token_lm, set->lm, NULL, err);
        if (status != VISEME_OK)
            return status;
    } else if (set->lm) {
        *told = 1;
        status = vis_read_lm(&job->lm, &job->lm_bytes, set->lm);
    }
    if (status == VISEME_OK && set->grammar) {
        *told = 1;
        status =
            vis_read_grammar(&job->grammar, &job->grammar_bytes, set->grammar, job->model_path);
    }
    return status;
}

/* --word and --word-times. */
static viseme_status load_times(struct vis_read_job *job, viseme_error *err)
{
    const struct vis_read_settings *set = &job->set;
    const char *path = set->word_times, *dot = path ? strrchr(path, '.') : NULL;
    viseme_status status = VISEME_OK;
    for (int i = 0; i < set->word.count && status == VISEME_OK; i++) {
        status = vis_word_times_add(&job->times, set->word.items[i], err);
        if (status != VISEME_OK)
            vis_name_error(err, "read: --word");
    }
    if (status == VISEME_OK && path) {
        void *text = NULL;
        size_t bytes;
        status = vis_file_read(&text, &bytes, path, WORD_TIMES_BYTES, err);
        if (status == VISEME_OK)
            status = vis_word_times_parse(&job->times, text, bytes,
                                          dot && strcmp(dot, ".align") == 0 ? VIS_GRID_TICKS : 1,
                                          path, err);
        free(text);
    }
    return status;
}

/* A network that reads points needs those of FaceMesh. */
static viseme_status check_points(const struct vis_read_job *job, viseme_error *err)
{
    static const char *const needed[] = {"blazeface.safetensors", "facemesh.safetensors"};
    const struct vis_faces_settings *set = &job->set.faces;
    if (strcmp(viseme_model_metadata(job->model, "viseme.arch"), points) != 0)
        return VISEME_OK;
    if (set->cascade || (set->model >= 0 && strcmp(vis_faces_models[set->model], "facemesh") != 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "read: a %s reads the points of a face that facemesh finds, so faces "
                        "cannot be found otherwise",
                        points);
    for (int i = 0; i < 2; i++) {
        char *path;
        vis_find_face_weights(&path, needed[i], 0);
        const int found = path != NULL;
        free(path);
        if (!found)
            return vis_fail(err, VISEME_ERR_MODEL,
                            "%s: a %s reads the points of a face, and %s, which finds them, is not "
                            "where weights are looked for; convert it (docs/faces.md)",
                            job->model_path, points, needed[i]);
    }
    return VISEME_OK;
}

/* The weights without -m: of the two that tell words the one that is there, pictures first. */
static viseme_status find_model(struct vis_read_job *job)
{
    const struct vis_read_settings *set = &job->set;
    const char *name = set->arch == VIS_READ_SYNCVSR ? "syncvsr.safetensors"
                       : set->arch == VIS_READ_WORD  ? "syncvsr_lrw.safetensors"
                                                     : "lipnet.safetensors";
    char *first = NULL, *second = NULL;
    if (set->arch == VIS_READ_WORD) {
        vis_find_face_weights(&first, name, 0);
        vis_find_face_weights(&second, "syncvsr_landmark.safetensors", 0);
    }
    if (second && !first)
        name = "syncvsr_landmark.safetensors";
    free(first);
    free(second);
    return vis_find_weights(&job->model_path, set->model, name);
}

viseme_status vis_read_prepare(struct vis_read_job *job, int *told, viseme_error *err)
{
    const struct vis_read_settings *set = &job->set;
    double before = vis_clock_s();
    *told = 1;
    viseme_status status = find_model(job);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    status = open_model(job, err);
    if (status == VISEME_OK)
        status = load_times(job, err);
    if (status == VISEME_OK)
        status = check_points(job, err);
    if (status == VISEME_OK)
        status = load_language(job, told, err);
    if (status == VISEME_OK)
        status = vis_faces_load(&job->faces, &set->faces, told, err);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    status = try_reader(job, err);
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
