#include "cli/dub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/dub_check.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/lookup.h"
#include "cli/part.h"
#include "cli/progress.h"

#define WEIGHTS_NAME "wav2lip.safetensors"

const char *const vis_dub_fits[] = {"loop", "pingpong", "hold", "trim", "pad", NULL};
const char *const vis_dub_blends[] = {"feather", "hard", NULL};
const char *const vis_dub_silences[] = {"model", "keep", NULL};
const char *const vis_dub_presets[] = {"ultrafast", "superfast", "veryfast", "faster",   "fast",
                                       "medium",    "slow",      "slower",   "veryslow", NULL};
const char *const vis_dub_policies[] = {"keep", "hold", "fail", NULL};

/* ---- Options ------------------------------------------------------------------------------- */

/* Four whole numbers with commas between them. */
static viseme_status read_four(int out[4], const char *command, const char *option,
                               const char *text, viseme_error *err)
{
    int end = 0;
    if (sscanf(text, "%5d,%5d,%5d,%5d%n", &out[0], &out[1], &out[2], &out[3], &end) == 4 &&
        !text[end] && out[0] >= 0 && out[1] >= 0 && out[2] >= 0 && out[3] >= 0)
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "%s: --%s %s is not four numbers of pixels such as 0,10,0,0", command, option,
                    text);
}

static int is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static viseme_status check(struct vis_dub_job *job, viseme_error *err)
{
    static const int usual_pads[4] = {0, 10, 0, 0};
    const struct vis_dub_settings *set = job->set;
    const char *name = job->command->name;
    viseme_status status = VISEME_OK;

    if (!set->output)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: name the video to write with -o", name);
    if (is_same_file(set->output, job->video) || is_same_file(set->output, job->audio))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: -o %s would replace an input", name,
                        set->output);
    if (set->report && strcmp(set->report, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: --report wants a file, not -", name);
    if (set->box && set->pads)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: --pads has no meaning with --box", name);
    memcpy(job->pads, usual_pads, sizeof job->pads);
    if (set->pads)
        status = read_four(job->pads, name, "pads", set->pads, err);
    if (status == VISEME_OK && set->box)
        status = read_four(job->box, name, "box", set->box, err);
    if (status == VISEME_OK)
        status = vis_part_check(name, set->from_s, set->to_s, err);
    return status == VISEME_OK ? vis_faces_check(&job->faces, name, &set->faces, err) : status;
}

/* ---- Models -------------------------------------------------------------------------------- */

/* *told: 1 when the failure has been reported already. */
static viseme_status load(struct vis_dub_job *job, int *told, viseme_error *err)
{
    const struct vis_dub_settings *set = job->set;
    viseme_status status;

    *told = 1;
    status = vis_find_weights(&job->model_path, set->model, WEIGHTS_NAME);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    status = viseme_model_open(&job->model, job->model_path, NULL, err);
    if (status == VISEME_OK && set->check)
        status = vis_dub_check_load(job, told, err);
    if (status == VISEME_OK && (!set->box || job->sync_model))
        status = vis_faces_load(&job->faces, &set->faces, told, err);
    if (status == VISEME_OK)
        *told = 0;
    return status;
}

/* ---- What is told -------------------------------------------------------------------------- */

static json_t *json_written(const struct vis_video_writer_info *w, int lossless)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:o, s:b}", "video_codec", w->codec, "pixel_format",
                     w->pixels, "lossless", lossless, "whole_frames_converted", w->converted,
                     "sound_codec", vis_json_text(w->sound), "sound_copied", w->sound_copied);
}

static json_t *json_score(const struct vis_dub_score *s)
{
    return s->known ? json_pack("{s:o, s:o}", "lse_d", vis_json_real(s->lse_d), "lse_c",
                                vis_json_real(s->lse_c))
                    : json_null();
}

static json_t *json_sync(const struct vis_dub_job *job, const struct vis_dub_done *d)
{
    const viseme_dubber_stats *s = &d->stats;
    json_t *sync = json_object();
    if (s->judged > 0)
        json_object_update_new(sync,
                               json_pack("{s:I, s:o, s:o, s:b}", "windows", (json_int_t)s->judged,
                                         "cosine_before", vis_json_real(s->sync_before),
                                         "cosine_after", vis_json_real(s->sync_after), "better",
                                         s->sync_after > s->sync_before));
    if (job->sync_model)
        json_object_update_new(sync, json_pack("{s:o, s:o}", "before", json_score(&d->score_before),
                                               "after", json_score(&d->score_after)));
    if (sync && json_object_size(sync) > 0)
        return sync;
    json_decref(sync);
    return json_null();
}

static void print_scores(const char *path, const struct vis_dub_done *d)
{
    const struct vis_dub_score *a = &d->score_before, *b = &d->score_after;
    if (!b->known)
        fprintf(stderr, "%s: no face for LSE-D and LSE-C\n", path);
    else if (a->known)
        fprintf(stderr, "%s: LSE-D %.3f, was %.3f; LSE-C %.3f, was %.3f\n", path, b->lse_d,
                a->lse_d, b->lse_c, a->lse_c);
    else
        fprintf(stderr, "%s: LSE-D %.3f; LSE-C %.3f\n", path, b->lse_d, b->lse_c);
}

static json_t *json_stages(const struct vis_dub_done *d, double total_s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "video_s", vis_json_real(d->decode_s),
                     "face_s", vis_json_real(d->stats.face_seconds), "network_s",
                     vis_json_real(d->stats.net_seconds), "patch_s",
                     vis_json_real(d->stats.paste_seconds), "check_s",
                     vis_json_real(d->stats.judge_seconds), "paste_and_encode_s",
                     vis_json_real(d->encode_s), "total_s", vis_json_real(total_s));
}

static json_t *json_result(const struct vis_dub_job *job, const struct vis_dub_done *d,
                           double total_s)
{
    const struct vis_dub_settings *set = job->set;
    const struct vis_frames_options part = {.from_s = set->from_s, .to_s = set->to_s};
    const viseme_dubber_stats *s = &d->stats;
    json_t *model = json_pack("{s:o, s:o}", "path", vis_json_text(job->model_path), "arch",
                              vis_json_text(viseme_model_metadata(job->model, "viseme.arch")));
    json_t *face = set->box ? json_pack("{s:[i,i,i,i]}", "box", job->box[0], job->box[1],
                                        job->box[2], job->box[3])
                            : vis_faces_json(&job->faces, s->face_seconds, s->frames);
    json_t *result = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:s, s:O, s:o, s:o, s:o, "
        "s:o, s:o}",
        "schema", VIS_JSON_SCHEMA, "status", "ok", "input", vis_json_text(job->video), "speech",
        vis_json_text(job->audio_name), "output", vis_json_text(set->output), "frames",
        (json_int_t)s->frames, "frames_changed", (json_int_t)s->changed, "frames_without_face",
        (json_int_t)s->without_face, "frames_silent", (json_int_t)s->silent, "duration_s",
        vis_json_real(d->end_s), "speech_s", vis_json_real(d->speech_s), "fit",
        vis_dub_fits[set->fit], "on_no_face", vis_dub_policies[set->on_no_face], "gaps", d->gaps,
        "face", face, "sync", json_sync(job, d), "written",
        json_written(&d->written, set->lossless), "stages", json_stages(d, total_s), "model",
        model);
    if (vis_part_json(result, &d->video, &part) != 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

static void note_gaps(const struct vis_dub_job *job, const struct vis_dub_done *d)
{
    static const char *const what[] = {"stay as they are", "get lips where the face was last"};
    enum { SHOWN = 5 };
    char text[SHOWN * 40] = "";
    size_t i, at = 0;
    json_t *gap;
    json_array_foreach(d->gaps, i, gap) if (i < SHOWN && at < sizeof text) at +=
        (size_t)snprintf(text + at, sizeof text - at, "%s%.2f-%.2f", i ? ", " : "",
                         json_number_value(json_object_get(gap, "start_s")),
                         json_number_value(json_object_get(gap, "end_s")));
    vis_complain("%s: no face at %s%s s: %lld of %lld frames %s", job->video, text,
                 json_array_size(d->gaps) > SHOWN ? " and later" : "",
                 (long long)d->stats.without_face, (long long)d->stats.frames,
                 what[job->set->on_no_face == VISEME_DUB_HOLD]);
}

static viseme_status tell(const struct vis_dub_job *job, const struct vis_dub_done *d,
                          struct vis_report *report, double total_s, viseme_error *err)
{
    const viseme_dubber_stats *s = &d->stats;
    viseme_status status = VISEME_OK;
    json_t *result = json_result(job, d, total_s);

    if (!job->set->quiet) {
        const char *faces = viseme_model_metadata(job->model, "viseme.card.faces");
        if (faces) /* what the weights know, where their file tells */
            vis_complain("%s: the weights know %s", job->command->name, faces);
        if (s->without_face > 0)
            note_gaps(job, d);
        fprintf(stderr, "%s: %lld frames, %.2f s, lips moved in %lld; %s, %s, sound %s\n",
                job->set->output, (long long)s->frames, d->end_s, (long long)s->changed,
                d->written.codec, d->written.pixels,
                d->written.sound_copied ? "copied" : "encoded");
        if (s->judged > 0)
            fprintf(stderr, "%s: sync %.3f, was %.3f (cosine, %lld windows): %s\n",
                    job->set->output, s->sync_after, s->sync_before, (long long)s->judged,
                    s->sync_after > s->sync_before ? "better" : "not better");
        if (job->sync_model)
            print_scores(job->set->output, d);
    }
    if (report)
        status = vis_report_input(report, job->video, result, err);
    if (status == VISEME_OK && job->set->json)
        return vis_json_write(stdout, result, err);
    json_decref(result);
    return status;
}

static viseme_status open_report(const struct vis_dub_job *job, struct vis_report **report,
                                 viseme_error *err)
{
    const struct vis_dub_settings *set = job->set;
    viseme_status status = vis_report_open(report, set->report, job->command, job->settings, err);
    if (status == VISEME_OK)
        status = vis_report_file(*report, "model", job->model_path, set->model, err);
    if (status == VISEME_OK && job->judge)
        status = vis_report_file(*report, "sync_judge", job->judge_path, NULL, err);
    if (status == VISEME_OK && job->sync_model)
        status = vis_report_file(*report, "sync_model", job->sync_path, NULL, err);
    if (status == VISEME_OK && (!set->box || job->sync_model))
        status = vis_faces_report(&job->faces, &set->faces, *report, err);
    if (status == VISEME_OK)
        status = vis_report_file(*report, "speech", job->audio, job->audio_name, err);
    return status;
}

/* ---- The run ------------------------------------------------------------------------------- */

#if !VIS_FFMPEG
viseme_status vis_dub_run(const struct vis_dub_job *job, struct vis_dub_done *done,
                          viseme_error *err)
{
    (void)done;
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "%s: this build of viseme writes no videos; build it with FFmpeg",
                    job->command->name);
}
#endif

int vis_dub(struct vis_dub_job *job)
{
    const double start = vis_clock_s();
    struct vis_dub_done done = {.gaps = NULL};
    struct vis_report *report = NULL;
    viseme_error err, ignored;
    int told = 0, code = VIS_EXIT_DONE;
    viseme_status status = check(job, &err);

    if (status == VISEME_OK)
        status = load(job, &told, &err);
    if (status == VISEME_OK && job->set->report)
        status = open_report(job, &report, &err);
    if (status == VISEME_OK) {
        status = vis_dub_run(job, &done, &err);
        if (status == VISEME_ERR_NO_FACE)
            vis_name_error(&err, job->video);
    }
    if (status == VISEME_OK)
        status = vis_dub_check_run(job, &done, &err);
    if (status == VISEME_OK)
        status = tell(job, &done, report, vis_clock_s() - start, &err);
    if (status != VISEME_OK) {
        code = told ? vis_exit_code(status) : vis_exit_with(&err);
        if (job->set->json && !told && status != VISEME_ERR_ARGUMENT && status != VISEME_ERR_OUTPUT)
            vis_json_write(stdout, vis_json_failure(job->video, &err), &ignored);
        if (report) {
            json_t *failure = vis_json_failure(job->video, &err);
            vis_report_input(report, job->video, failure, NULL);
            json_decref(failure);
        }
    }
    if (report && vis_report_commit(report, code, &err) != VISEME_OK && code == VIS_EXIT_DONE)
        code = vis_exit_with(&err);
    json_decref(done.gaps);
    viseme_model_close(job->model);
    viseme_model_close(job->judge);
    viseme_model_close(job->sync_model);
    vis_faces_free(&job->faces);
    free(job->model_path);
    free(job->judge_path);
    free(job->sync_path);
    return code;
}
