#include "cli/sync_fix.h"

#include <math.h>
#include <stdio.h>

#include "cli/errors.h"
#include "cli/sync_words.h"

#define MS_PER_MIN 60000.0
#define WORTH      10.0 /* ms over the whole file; for less sound is not encoded again */

static int has_offset(const viseme_sync_result *r)
{
    return r->reason == VISEME_SYNC_KNOWN;
}

int vis_sync_can_repair(const struct vis_sync_repair *repair, const viseme_sync_result *r)
{
    return has_offset(r) || (repair->drift && r->has_drift);
}

static int drifts(const viseme_sync_result *r)
{
    return r->has_drift && fabs(r->drift_ms_per_min) * r->duration_s / 60 >= WORTH;
}

/* Where sound of a time belongs. A picture of the time v goes with the sound that is o(v) early, of
 * the time v - o(v); o(v) = start + slope v. */
static struct vis_remux_line line_of(const struct vis_sync_repair *repair,
                                     const viseme_sync_result *r)
{
    const double slope = r->drift_ms_per_min / MS_PER_MIN;
    if (!repair->drift || !drifts(r) || !(slope < 1))
        return (struct vis_remux_line){
            has_offset(r) ? r->offset_ms / 1000 : r->drift_start_ms / 1000, 1};
    return (struct vis_remux_line){r->drift_start_ms / 1000 / (1 - slope), 1 / (1 - slope)};
}

static void note(const struct vis_sync_job *job, const struct vis_sync_repair *repair,
                 const char *path, const viseme_sync_result *r, const struct vis_remux_done *done)
{
    if (job->set->quiet)
        return;
    if (done->streams_left > 0)
        vis_complain("%s: %d data streams of the input are left out", repair->out,
                     done->streams_left);
    if (r->steps > 0)
        vis_complain("%s: the offset changes within the file, which one shift cannot repair", path);
    if (repair->drift && !r->has_drift)
        vis_complain("%s: too little is known to tell a drift; the sound is shifted only", path);
    else if (repair->drift && !drifts(r))
        vis_complain("%s: does not drift enough to encode its sound again; it is shifted only",
                     path);
    else if (!repair->drift && drifts(r))
        vis_complain("%s: drifts, which a shift cannot repair; --fix-drift can", path);
}

viseme_status vis_sync_repair(const struct vis_sync_job *job, const struct vis_sync_repair *repair,
                              const char *path, const viseme_sync_result *r,
                              struct vis_sync_repaired *out, viseme_error *err)
{
    struct vis_remux_done done;
    struct vis_sync_seen seen = {0};
    *out = (struct vis_sync_repaired){.line = line_of(repair, r), .before = *r};
    viseme_status status = vis_remux(path, repair->out, &out->line, &done, err);
    if (status != VISEME_OK)
        return status;
    note(job, repair, path, r, &done);
    status = vis_sync_job_see(job, repair->out, NULL, &seen, err);
    if (status == VISEME_OK)
        status = viseme_sync_measure(seen.sync, r->method, &out->after, err);
    vis_sync_seen_free(&seen);
    return status;
}

/* ---- What is told -----------------------------------------------------------------------------
 */

static void print_state(const viseme_sync_result *r)
{
    if (has_offset(r))
        printf("%+.0f ms", r->offset_ms);
    else
        printf("unknown: %s", vis_sync_reason(r->reason));
    if (r->has_drift)
        printf(", drift %+.1f ms/min", r->drift_ms_per_min);
}

void vis_sync_repair_print(const struct vis_sync_repair *repair,
                           const struct vis_sync_repaired *done)
{
    char words[64];
    vis_sync_words(done->after.offset_ms, words, sizeof words);
    printf("%s: %s", repair->out,
           has_offset(&done->after) ? words : vis_sync_reason(done->after.reason));
    printf(" (before: ");
    print_state(&done->before);
    if (repair->drift) {
        printf("; after: ");
        print_state(&done->after);
    }
    printf("; sound shifted by %+.0f ms", 1000 * done->line.delay_s);
    if (done->line.stretch != 1)
        printf(" and made %.3f %% %s, encoded again", 100 * fabs(done->line.stretch - 1),
               done->line.stretch > 1 ? "longer" : "shorter");
    printf(")\n");
}

static json_t *number_or_null(int known, double value)
{
    return known ? vis_json_real(value) : json_null();
}

json_t *vis_sync_repair_json(const struct vis_sync_repair *repair,
                             const struct vis_sync_repaired *done)
{
    const viseme_sync_result *a = &done->before, *b = &done->after;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "output", vis_json_text(repair->out),
        "shift_ms", vis_json_real(1000 * done->line.delay_s), "stretch",
        vis_json_real(done->line.stretch), "before_ms", number_or_null(has_offset(a), a->offset_ms),
        "after_ms", number_or_null(has_offset(b), b->offset_ms), "drift_before_ms_per_min",
        number_or_null(a->has_drift, a->drift_ms_per_min), "drift_after_ms_per_min",
        number_or_null(b->has_drift, b->drift_ms_per_min), "status",
        has_offset(b) ? "ok" : "unknown", "reason",
        has_offset(b) ? json_null() : json_string(vis_sync_reason(b->reason)));
}
