/* viseme score: the scores of SyncNet's evaluation, LSE-D and LSE-C. */
#include <math.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/sync_job.h"
#include "cli/sync_words.h"

struct settings {
    int tracks;
    struct vis_sync_settings sync;
};

struct scoring {
    const struct settings *set;
    struct vis_sync_job job;
    int scored;
    double sum_d, sum_c;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {{0, "tracks", NULL,
                                             "a line, and in JSON an entry, for every face as well",
                                             VIS_ARG_FLAG, FIELD(tracks), 0, 0, NULL},
                                            VIS_SYNC_OPTIONS(FIELD(sync)),
                                            {0}};

static const char details[] =
    "LSE-D is the mean distance between lips and sound at the best offset (lower is better),\n"
    "LSE-C how far it lies below the median over all offsets of up to 15 frames (higher is\n"
    "better). Of several faces the mean; with several inputs their mean comes last. Numbers of\n"
    "different weights cannot be compared: published ones are of syncnet_v2 (docs/sync.md).\n";

static void print_scores(const char *name, double d, double c, double offset_ms, int known)
{
    if (name)
        printf("%s: ", name);
    if (isnan(d))
        printf("no score");
    else
        printf("LSE-D %.3f  LSE-C %.3f", d, c);
    if (known)
        printf("  offset %+.0f ms", offset_ms);
    putchar('\n');
}

static json_t *json_faces(const viseme_sync *sync)
{
    json_t *list = json_array();
    viseme_sync_face f;
    for (size_t i = 0; list && viseme_sync_get_face(sync, i, &f); i++) {
        json_t *one = json_pack("{s:i, s:o, s:o, s:I, s:o, s:o}", "id", f.track.id, "start_s",
                                vis_json_real(f.track.start_s), "end_s",
                                vis_json_real(f.track.end_s), "windows", (json_int_t)f.rows,
                                "lse_d", vis_json_real(f.lse_d), "lse_c", vis_json_real(f.lse_c));
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static viseme_status write_json(const struct scoring *s, const char *path, const viseme_sync *sync,
                                const viseme_sync_result *r, viseme_error *err)
{
    json_t *object = vis_sync_json(path, r);
    const int known = r->reason == VISEME_SYNC_KNOWN;
    int failed = json_object_set_new(object, "lse_d", vis_json_real(r->lse_d)) != 0 ||
                 json_object_set_new(object, "lse_c", vis_json_real(r->lse_c)) != 0 ||
                 json_object_set_new(object, "offset_ms",
                                     known ? vis_json_real(r->offset_ms) : json_null()) != 0 ||
                 json_object_set_new(object, "faces", json_integer((json_int_t)r->faces)) != 0 ||
                 json_object_set_new(object, "duration_s", vis_json_real(r->duration_s)) != 0;
    if (!failed && s->set->tracks)
        failed = json_object_set_new(object, "tracks", json_faces(sync)) != 0;
    if (failed) {
        json_decref(object);
        object = NULL;
    }
    return vis_json_write(stdout, object, err);
}

static viseme_status score_one(void *user, const char *path, int *code, viseme_error *err)
{
    struct scoring *s = user;
    struct vis_sync_seen seen;
    viseme_sync_result r;
    viseme_status status = vis_sync_job_see(&s->job, path, NULL, &seen, err);
    if (status == VISEME_OK)
        status = viseme_sync_measure(seen.sync, VISEME_SYNC_SYNCNET, &r, err);
    if (status == VISEME_OK && r.faces == 0)
        status = vis_fail(err, VISEME_ERR_NO_FACE, "%s: no face in the whole input", path);
    if (status == VISEME_OK) {
        (void)code;
        if (!isnan(r.lse_d)) {
            s->sum_d += r.lse_d;
            s->sum_c += r.lse_c;
            s->scored++;
        }
        if (s->set->sync.json) {
            status = write_json(s, path, seen.sync, &r, err);
        } else {
            viseme_sync_face f;
            print_scores(s->job.several ? path : NULL, r.lse_d, r.lse_c, r.offset_ms,
                         r.reason == VISEME_SYNC_KNOWN);
            for (size_t i = 0; s->set->tracks && viseme_sync_get_face(seen.sync, i, &f); i++) {
                char name[80];
                snprintf(name, sizeof name, "  face %d, %.2f to %.2f s", f.track.id,
                         f.track.start_s, f.track.end_s);
                print_scores(name, f.lse_d, f.lse_c, f.offset_ms, f.reason == VISEME_SYNC_KNOWN);
            }
        }
    }
    vis_sync_seen_free(&seen);
    return status;
}

/* The mean of all inputs, each counting the same. */
static int write_mean(void *user, int code)
{
    const struct scoring *s = user;
    viseme_error err;
    const double d = s->scored ? s->sum_d / s->scored : NAN,
                 c = s->scored ? s->sum_c / s->scored : NAN;
    if (!s->job.several)
        return code;
    if (!s->set->sync.json) {
        print_scores("mean", d, c, 0, 0);
        return code;
    }
    if (vis_json_write(stdout,
                       json_pack("{s:i, s:s, s:s, s:i, s:o, s:o}", "schema", VIS_JSON_SCHEMA,
                                 "status", "ok", "type", "mean", "inputs", s->scored, "lse_d",
                                 vis_json_real(d), "lse_c", vis_json_real(c)),
                       &err) == VISEME_OK)
        return code;
    return vis_exit_with(&err);
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {.sync = VIS_SYNC_DEFAULTS};
    struct scoring scoring = {.set = &set};
    const struct vis_sync_command does = {.settings = &set,
                                          .sync = &set.sync,
                                          .job = &scoring.job,
                                          .user = &scoring,
                                          .one = score_one,
                                          .end = write_mean};
    return vis_sync_run(self, argc, argv, &does);
}

const struct vis_command vis_cmd_score = {
    "score", "IN...", "Score how well lips and sound agree: LSE-D and LSE-C", details, options, 1,
    -1,      run};
