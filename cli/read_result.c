/* What `viseme read` prints and writes about an input. */
#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/part.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "cli/read.h"
#include "cli/read_words.h"
#include "io/npy.h"

static void write_text(const struct vis_read_job *job, const struct vis_reading *r)
{
    const viseme_hypothesis *h;
    for (size_t i = 0; (h = viseme_reader_hypothesis(r->reader, i)); i++) {
        if (job->several) {
            vis_read_write_clean(job->to, r->path);
            fputc('\t', job->to);
        }
        if (job->set.nbest > 1)
            fprintf(job->to, "%.6f\t", job->tells ? h->confidence : h->score);
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

static const char *decoder_name(const struct vis_read_job *job)
{
    const struct vis_read_settings *set = &job->set;
    return job->token_lm   ? "joint beam with language model"
           : job->tokens   ? "joint beam"
           : job->tells    ? "words"
           : set->grammar  ? "grammar"
           : set->lm       ? "beam with language model"
           : set->beam > 1 ? "beam"
                           : "greedy";
}

static json_t *json_result(const struct vis_read_job *job, const struct vis_reading *r)
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
        json_hypotheses(r->reader, job->set.words), "decoder", decoder_name(job), "beam",
        job->tokens ? vis_read_beam(job) : job->set.beam, "start_s", vis_json_real(stats.start_s),
        "duration_s", vis_json_real(stats.duration_s), "frames", (json_int_t)stats.frames, "crops",
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

static viseme_status write_emissions(const struct vis_read_job *job, const struct vis_reading *r,
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

/* Says which words were left out. */
static void note_words(const struct vis_read_job *job, const struct vis_reading *r)
{
    size_t count;
    viseme_reader_words(r->reader, 0, &count);
    if (job->times.count > count && !job->set.quiet)
        vis_complain("%s: %zu of %zu words are said before or after what was read", r->path,
                     job->times.count - count, job->times.count);
}

viseme_status vis_read_write_result(const struct vis_read_job *job, struct vis_reading *r,
                                    viseme_error *err)
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
    note_words(job, r);
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
