#include "cli/sync_job.h"

#include <stdlib.h>

#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/lookup.h"
#include "cli/progress.h"
#include "cli/sync_words.h"
#include "io/frames.h"

#define WEIGHTS_NAME  "sync.safetensors"
#define SOUND_AHEAD_S 1.0 /* of the pictures */
#define SOUND_AFTER_S 5.0 /* the last picture: more than any offset */

viseme_status vis_sync_job_check(struct vis_sync_job *job, const char *command,
                                 const struct vis_sync_settings *set, viseme_error *err)
{
    *job = (struct vis_sync_job){.set = set};
    viseme_status status = vis_faces_check(&job->faces, command, &set->faces, err);
    return status == VISEME_OK ? vis_part_check(command, set->from_s, set->to_s, err) : status;
}

viseme_status vis_sync_job_load(struct vis_sync_job *job, int *told, viseme_error *err)
{
    const struct vis_sync_settings *set = job->set;
    const viseme_model_options options = {
        .cpu = (viseme_cpu)(set->cpu + 1), .gemm = (viseme_gemm)set->gemm, .threads = set->threads};
    *told = 1;
    viseme_status status = vis_find_weights(&job->model_path, set->model, WEIGHTS_NAME);
    if (status == VISEME_OK)
        status = vis_faces_load(&job->faces, &set->faces, told, err);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    status = viseme_model_open(&job->model, job->model_path, &options, err);
    if (status == VISEME_OK && set->classifier)
        status = viseme_model_open(&job->classifier, set->classifier, &options, err);
    job->options = (viseme_sync_options){.crop = job->faces.crop,
                                         .classifier = job->classifier,
                                         .range_ms = set->range_ms,
                                         .window_s = set->window_s,
                                         .threads = set->threads};
    job->options.crop.all_faces = !set->faces.face;
    return status;
}

void vis_sync_job_free(struct vis_sync_job *job)
{
    viseme_model_close(job->model);
    viseme_model_close(job->classifier);
    vis_faces_free(&job->faces);
    free(job->model_path);
}

/* ---- One input --------------------------------------------------------------------------------
 */

/* Sound up to a time after the first frame; closes it at its end. */
static viseme_status pump_sound(viseme_sync *sync, struct vis_audio **audio, double *heard_s,
                                double until_s, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (*audio && *heard_s < until_s && status == VISEME_OK) {
        const float *samples;
        size_t count = 0;
        status = vis_audio_next(*audio, &samples, &count, err);
        if (status == VISEME_OK && count > 0)
            status = viseme_sync_push_sound(sync, samples, count, err);
        *heard_s += (double)count / VIS_AUDIO_RATE;
        if (status == VISEME_OK && count == 0) {
            vis_audio_close(*audio);
            *audio = NULL;
        }
    }
    return status;
}

static viseme_status pump(const struct vis_sync_job *job, const char *path, const char *sound,
                          struct vis_sync_seen *seen, struct vis_frames *frames,
                          struct vis_audio **audio, viseme_error *err)
{
    struct vis_progress bar;
    double first_s = -1, last_s = 0, heard_s = 0;
    viseme_status status = VISEME_OK;
    vis_progress_start(&bar, path, vis_part_seconds(&seen->video, &seen->part),
                       job->set->quiet || job->set->json);
    while (status == VISEME_OK) {
        viseme_image image;
        double seconds;
        status = vis_frames_next(frames, &image, &seconds, err);
        if (status != VISEME_OK || !image.data)
            break;
        if (first_s < 0) { /* the sound begins with the first picture */
            const struct vis_audio_options own = {.from_s = seconds, .to_s = seen->part.to_s},
                                           other = {.from_s = 0};
            first_s = seconds;
            status = vis_audio_open(audio, sound ? sound : path, sound ? &other : &own, err);
        }
        last_s = seconds - first_s;
        if (status == VISEME_OK)
            status = pump_sound(seen->sync, audio, &heard_s, last_s + SOUND_AHEAD_S, err);
        if (status == VISEME_OK)
            status = viseme_sync_push(seen->sync, &image, seconds, err);
        vis_progress_update(&bar, seconds - seen->part.from_s);
    }
    if (status == VISEME_OK)
        status = pump_sound(seen->sync, audio, &heard_s, last_s + SOUND_AFTER_S, err);
    if (status == VISEME_OK)
        status = viseme_sync_finish(seen->sync, err);
    vis_progress_stop(&bar);
    return status;
}

viseme_status vis_sync_job_see(const struct vis_sync_job *job, const char *path, const char *sound,
                               struct vis_sync_seen *seen, viseme_error *err)
{
    const double before = vis_clock_s();
    struct vis_frames *frames = NULL;
    struct vis_audio *audio = NULL;
    *seen = (struct vis_sync_seen){.part = {.from_s = job->set->from_s,
                                            .to_s = job->set->to_s,
                                            .as_stored = job->set->as_stored}};
    viseme_status status = vis_frames_open(&frames, path, &seen->part, err);
    if (status == VISEME_OK) {
        vis_frames_get_info(frames, &seen->video);
        if (!job->set->quiet)
            vis_part_notes(path, &seen->video);
        status = viseme_sync_open(&seen->sync, job->model, &job->options, err);
    }
    if (status == VISEME_OK)
        status = pump(job, path, sound, seen, frames, &audio, err);
    seen->video.codec = NULL; /* it belongs to the frames */
    vis_audio_close(audio);
    vis_frames_close(frames);
    seen->seconds = vis_clock_s() - before;
    if (status != VISEME_OK)
        vis_name_error(err, path);
    return status;
}

void vis_sync_seen_free(struct vis_sync_seen *seen)
{
    viseme_sync_close(seen->sync);
    seen->sync = NULL;
}

/* ---- All inputs -------------------------------------------------------------------------------
 */

static int run_each(const struct vis_sync_command *does, const struct vis_arg_list *inputs)
{
    int failed = 0, code = VIS_EXIT_DONE, worst = VIS_EXIT_DONE;
    for (int i = 0; i < inputs->count; i++) {
        viseme_error err;
        int own = VIS_EXIT_DONE;
        viseme_status status = does->one(does->user, inputs->items[i], &own, &err);
        if (status == VISEME_OK) {
            worst = own > worst ? own : worst;
            continue;
        }
        failed++;
        code = vis_exit_with(&err);
        if (status == VISEME_ERR_OUTPUT)
            return code; /* nothing more can be written */
        if (does->sync->json &&
            vis_json_write(stdout, vis_json_failure(inputs->items[i], &err), &err) != VISEME_OK)
            return vis_exit_with(&err);
    }
    if (failed > 0)
        return inputs->count > 1 ? VIS_EXIT_BATCH : code;
    return worst;
}

int vis_sync_run(const struct vis_command *self, int argc, char **argv,
                 const struct vis_sync_command *does)
{
    struct vis_arg_list inputs;
    viseme_error err;
    int help, told = 0, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, does->settings, &inputs, &help, &err);
    if (status == VISEME_OK && help) {
        vis_args_help(stdout, self);
        goto done;
    }
    if (status == VISEME_OK && does->check)
        status = does->check(does->settings, inputs.count, &err);
    if (status == VISEME_OK)
        status = vis_sync_job_check(does->job, self->name, does->sync, &err);
    if (status == VISEME_OK)
        status = vis_sync_job_load(does->job, &told, &err);
    if (status != VISEME_OK) {
        code = told ? vis_exit_code(status) : vis_exit_with(&err);
        goto done;
    }
    does->job->several = inputs.count > 1;
    code = run_each(does, &inputs);
    if (does->end)
        code = does->end(does->user, code);
done:
    vis_sync_job_free(does->job);
    vis_args_free(self, does->settings, &inputs);
    return code;
}

json_t *vis_sync_json(const char *path, const viseme_sync_result *r)
{
    return json_pack(
        "{s:i, s:s, s:o, s:o}", "schema", VIS_JSON_SCHEMA, "status",
        r->reason == VISEME_SYNC_KNOWN ? "ok" : "unknown", "input", vis_json_text(path), "reason",
        r->reason == VISEME_SYNC_KNOWN ? json_null() : json_string(vis_sync_reason(r->reason)));
}
