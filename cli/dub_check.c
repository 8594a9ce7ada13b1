#include "cli/dub_check.h"

#include <math.h>
#include <string.h>

#include "cli/errors.h"
#include "cli/lookup.h"
#include "cli/sync_job.h"

#define SYNC_NAME  "sync.safetensors"
#define JUDGE_NAME "syncnet_color.safetensors"

/* The network that --sync-model names is of one kind or the other. */
static viseme_status open_named(struct vis_dub_job *job, viseme_error *err)
{
    viseme_model *model = NULL;
    viseme_status status = viseme_model_open(&model, job->set->sync_model, NULL, err);
    if (status != VISEME_OK)
        return status;
    const char *arch = viseme_model_metadata(model, "viseme.arch");
    const int colour = arch && strcmp(arch, "syncnet_color") == 0;
    char *path = strdup(job->set->sync_model);
    *(colour ? &job->judge : &job->sync_model) = model;
    *(colour ? &job->judge_path : &job->sync_path) = path;
    return path ? VISEME_OK : vis_fail_nomem(err, strlen(job->set->sync_model));
}

viseme_status vis_dub_check_load(struct vis_dub_job *job, int *told, viseme_error *err)
{
    *told = 0;
    if (job->set->sync_model)
        return open_named(job, err);
    *told = 1;
    viseme_status status = vis_find_face_weights(&job->sync_path, SYNC_NAME, 0);
    if (status == VISEME_OK)
        status = vis_find_face_weights(&job->judge_path, JUDGE_NAME, 0);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    if (!job->sync_path && !job->judge_path)
        vis_complain("%s and %s are not there: sync is not checked", SYNC_NAME, JUDGE_NAME);
    if (job->sync_path)
        status = viseme_model_open(&job->sync_model, job->sync_path, NULL, err);
    if (status == VISEME_OK && job->judge_path)
        status = viseme_model_open(&job->judge, job->judge_path, NULL, err);
    return status;
}

static viseme_status score(const struct vis_sync_job *sync, const char *video, const char *sound,
                           struct vis_dub_score *out, viseme_error *err)
{
    struct vis_sync_seen seen;
    viseme_sync_result r;
    viseme_status status = vis_sync_job_see(sync, video, sound, &seen, err);
    if (status == VISEME_OK)
        status = viseme_sync_measure(seen.sync, VISEME_SYNC_SYNCNET, &r, err);
    if (status == VISEME_OK)
        *out = (struct vis_dub_score){
            .known = r.faces > 0 && isfinite(r.lse_d), .lse_d = r.lse_d, .lse_c = r.lse_c};
    vis_sync_seen_free(&seen);
    return status;
}

viseme_status vis_dub_check_run(const struct vis_dub_job *job, struct vis_dub_done *done,
                                viseme_error *err)
{
    const struct vis_dub_settings *set = job->set;
    const struct vis_sync_settings settings = {.from_s = set->from_s,
                                               .to_s = set->to_s,
                                               .threads = set->threads,
                                               .quiet = 1,
                                               .faces = set->faces};
    struct vis_sync_settings whole = settings;
    whole.from_s = whole.to_s = 0;
    struct vis_sync_job sync = {.set = &settings,
                                .model = job->sync_model,
                                .options = {.crop = job->faces.crop, .threads = set->threads}};
    if (!job->sync_model)
        return VISEME_OK;
    viseme_status status = score(&sync, job->video, job->audio, &done->score_before, err);
    sync.set = &whole;
    if (status == VISEME_OK)
        status = score(&sync, set->output, NULL, &done->score_after, err);
    return status;
}
