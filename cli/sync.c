/* viseme sync: whether sound and lips agree, by how much not, and the file repaired. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/sync_fix.h"
#include "cli/sync_job.h"
#include "cli/sync_plot.h"
#include "cli/sync_tell.h"

enum { ALL = VISEME_SYNC_BEST }; /* of the settings, beside the methods; -1: the best one */

struct settings {
    int method, standard;
    double fail_above_ms;
    const char *plot;
    struct vis_sync_repair fix;
    struct vis_sync_settings sync;
};

struct checking {
    const struct settings *set;
    struct vis_sync_job job;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {0, "method", "NAME",
     "syncnet, e2e, cls, diag, baseline or all; default: what the weights\n"
     "are best at, syncnet or diag (docs/sync.md)",
     VIS_ARG_CHOICE, FIELD(method), 0, 0, vis_sync_methods},
    {0, "range", "MS", "look for offsets of up to MS to both sides (default 600)", VIS_ARG_REAL,
     VIS_SYNC_FIELD(FIELD(sync), range_ms), 40, 4000, NULL},
    {0, "window", "S",
     "print offsets over time, each of S seconds; drift and steps are found\n"
     "with these (default 10, not printed)",
     VIS_ARG_REAL, VIS_SYNC_FIELD(FIELD(sync), window_s), 1, 600, NULL},
    {0, "standard", "bt1359|r37|is191", "whose bounds PASS and FAIL mean (default bt1359)",
     VIS_ARG_CHOICE, FIELD(standard), 0, 0, vis_sync_standards},
    {0, "fail-above", "MS", "end with code 8 when the offset is unknown or larger than MS",
     VIS_ARG_REAL, FIELD(fail_above_ms), 0, 4000, NULL},
    {0, "fix", "OUT",
     "write the video with its sound shifted to where it belongs, without\n"
     "encoding anything, and measure that again; one input only",
     VIS_ARG_TEXT, FIELD(fix.out), 0, 0, NULL},
    {0, "fix-drift", NULL,
     "with --fix: repair a drift, too, by making the sound longer or\n"
     "shorter; it is encoded again for that, the video is not",
     VIS_ARG_FLAG, FIELD(fix.drift), 0, 0, NULL},
    {0, "plot", "FILE",
     "draw the cost of every offset, the similarity of lips and sound over\n"
     "time, and the offsets over time as PNG; one input only",
     VIS_ARG_TEXT, FIELD(plot), 0, 0, NULL},
    {0, "classifier", "FILE", "the classifier of --method cls", VIS_ARG_TEXT,
     VIS_SYNC_FIELD(FIELD(sync), classifier), 0, 0, NULL},
    VIS_SYNC_OPTIONS(FIELD(sync)),
    {0}};

static const char details[] =
    "A line for each input: whether the audio is early or late, by how much, how sure that is,\n"
    "how it changes, and whether a standard allows it. In JSON offset_ms above 0 means that the\n"
    "audio is early. Where nothing can be told the line says unknown and why: no face ends with\n"
    "code 4, no sound or speech with 5, as does every other reason with 8 if --fix or\n"
    "--fail-above was given. Every face is compared, and those that go with the sound count;\n"
    "with --face only that one. With several inputs an error does not stop the others; the code\n"
    "is 9 then.\n";

/* ---- One input --------------------------------------------------------------------------------
 */

/* What an offset that is unknown makes of the exit code. */
static int code_of(const struct settings *set, const viseme_sync_result *r)
{
    const int gated =
        (set->fix.out && !vis_sync_can_repair(&set->fix, r)) || set->fail_above_ms >= 0;
    switch (r->reason) {
    case VISEME_SYNC_NO_FACE:
        return VIS_EXIT_NO_FACE;
    case VISEME_SYNC_NO_SOUND:
    case VISEME_SYNC_NO_SPEECH:
        return VIS_EXIT_NO_AUDIO;
    case VISEME_SYNC_KNOWN:
        return set->fail_above_ms >= 0 && fabs(r->offset_ms) > set->fail_above_ms ? VIS_EXIT_GATE
                                                                                  : VIS_EXIT_DONE;
    default:
        return gated ? VIS_EXIT_GATE : VIS_EXIT_DONE;
    }
}

static void note_limits(const struct checking *c, const char *path, const viseme_sync_result *r)
{
    if (c->set->sync.quiet || r->range_limit == 0)
        return;
    if (r->range_limit == 1)
        vis_complain("%s: the method %s tells offsets of up to %.0f ms only", path,
                     vis_sync_methods[r->method], r->range_ms);
    else
        vis_complain("%s: so short that offsets of up to %.0f ms only can be told", path,
                     r->range_ms);
}

/* Measures by the methods asked for. In JSON the first one's result is the object's, and those of
 * all lie under "methods". */
static viseme_status tell(struct checking *c, const char *path, struct vis_sync_seen *seen,
                          viseme_sync_result *first, json_t **object, viseme_error *err)
{
    const struct settings *set = c->set;
    const char *name = c->job.several ? path : NULL;
    json_t *methods = NULL;
    viseme_status status = viseme_sync_measure(
        seen->sync,
        set->method < 0 || set->method == ALL ? VISEME_SYNC_BEST : (viseme_sync_method)set->method,
        first, err);
    if (status != VISEME_OK)
        return status;
    note_limits(c, path, first);
    if (set->sync.json) {
        *object = vis_sync_json(path, first);
        if (vis_sync_add_json(*object, seen->sync, first, set->standard) != 0)
            return vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the result");
    } else {
        vis_sync_print(name, set->method == ALL ? vis_sync_methods[first->method] : NULL,
                       seen->sync, first, set->standard);
        if (set->sync.window_s > 0)
            vis_sync_print_windows(seen->sync);
    }
    if (set->plot)
        status = vis_sync_draw(set->plot, path, seen->sync, first, err);
    if (set->method != ALL || status != VISEME_OK)
        return status;
    methods = json_object();
    for (int m = 0; m < ALL && status == VISEME_OK; m++) {
        viseme_sync_result r;
        if (m == (int)first->method && !set->sync.json)
            continue;
        if (viseme_sync_measure(seen->sync, (viseme_sync_method)m, &r, err) != VISEME_OK)
            continue; /* the weights have no classifier for it */
        if (!set->sync.json) {
            vis_sync_print(name, vis_sync_methods[m], seen->sync, &r, set->standard);
            continue;
        }
        json_t *one = vis_sync_json(path, &r);
        if (vis_sync_add_json(one, seen->sync, &r, set->standard) != 0 ||
            json_object_set_new(methods, vis_sync_methods[m], one) != 0)
            status = vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the result");
    }
    if (set->sync.json)
        json_object_set(*object, "methods", methods);
    json_decref(methods);
    return status;
}

static viseme_status add_facts(json_t *object, const struct vis_sync_seen *seen,
                               const viseme_sync_result *r, viseme_error *err)
{
    json_t *facts = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:i, s:{s:o, s:o, s:o}}", "start_s", vis_json_real(r->start_s),
        "duration_s", vis_json_real(r->duration_s), "face_s", vis_json_real(r->face_s), "speech_s",
        vis_json_real(r->speech_s), "frames", (json_int_t)r->frames, "faces", (int)r->faces,
        "stages", "face_s", vis_json_real(r->face_seconds), "network_s",
        vis_json_real(r->net_seconds), "total_s", vis_json_real(seen->seconds));
    const int failed = json_object_update(object, facts) != 0;
    json_decref(facts);
    return failed ? vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the result") : VISEME_OK;
}

static viseme_status check_one(void *user, const char *path, int *code, viseme_error *err)
{
    struct checking *c = user;
    const struct vis_sync_repair *repair = &c->set->fix;
    struct vis_sync_repaired done;
    struct vis_sync_seen seen;
    viseme_sync_result r;
    json_t *object = NULL;
    viseme_status status = vis_sync_job_see(&c->job, path, NULL, &seen, err);
    if (status == VISEME_OK)
        status = tell(c, path, &seen, &r, &object, err);
    if (status == VISEME_OK)
        *code = code_of(c->set, &r);
    if (status == VISEME_OK && object)
        status = add_facts(object, &seen, &r, err);
    vis_sync_seen_free(&seen);
    if (status == VISEME_OK && repair->out && !vis_sync_can_repair(repair, &r))
        vis_complain("%s: not repaired, the offset is unknown (%s)", path,
                     vis_sync_reason(r.reason));
    else if (status == VISEME_OK && repair->out) {
        status = vis_sync_repair(&c->job, repair, path, &r, &done, err);
        if (status == VISEME_OK && object)
            json_object_set_new(object, "fix", vis_sync_repair_json(repair, &done));
        if (status == VISEME_OK && !object)
            vis_sync_repair_print(repair, &done);
    }
    if (status == VISEME_OK && object)
        return vis_json_write(stdout, object, err);
    json_decref(object);
    return status;
}

/* ---- The command ------------------------------------------------------------------------------
 */

static viseme_status check(const void *settings, int inputs, viseme_error *err)
{
    const struct settings *set = settings;
    const char *fix = set->fix.out, *one = fix ? "--fix" : set->plot ? "--plot" : NULL;
    if (one && inputs > 1)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: %s takes one input, and there are %d", one,
                        inputs);
    if (set->fix.drift && !fix)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: --fix-drift goes with --fix OUT");
    if (fix && (set->sync.from_s > 0 || set->sync.to_s > 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "sync: --fix shifts the sound of the whole file; it goes without --ss and "
                        "--to");
    if (fix && strcmp(fix, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: --fix wants a file, not -");
    if (set->plot && strcmp(set->plot, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: --plot wants a file, not -");
    if (set->method == VISEME_SYNC_CLS && !set->sync.classifier)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "sync: --method cls wants its weights; name them with --classifier");
    return VISEME_OK;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {.method = -1, .fail_above_ms = -1, .sync = VIS_SYNC_DEFAULTS};
    struct checking checking = {.set = &set};
    const struct vis_sync_command does = {.settings = &set,
                                          .sync = &set.sync,
                                          .job = &checking.job,
                                          .user = &checking,
                                          .check = check,
                                          .one = check_one};
    return vis_sync_run(self, argc, argv, &does);
}

const struct vis_command vis_cmd_sync = {
    "sync", "IN...", "Tell whether lips and sound agree, and repair the file", details, options, 1,
    -1,     run};
