#include "cli/sync_tell.h"

#include <stdio.h>

#include "cli/json_line.h"

#define RATE 25

/* ---- Text -------------------------------------------------------------------------------------
 */

void vis_sync_print(const char *name, const char *method, const viseme_sync *sync,
                    const viseme_sync_result *r, int standard)
{
    const struct vis_sync_verdict v = vis_sync_judge(standard, r->offset_ms);
    char words[64];
    viseme_sync_step step;
    if (name)
        printf("%s: ", name);
    if (method)
        printf("%-8s ", method);
    if (r->reason != VISEME_SYNC_KNOWN) {
        printf("unknown: %s\n", vis_sync_reason(r->reason));
        return;
    }
    vis_sync_words(r->offset_ms, words, sizeof words);
    printf("%s (%+d frame%s at %d fps), confidence %.2f", words, r->offset_frames,
           r->offset_frames == 1 || r->offset_frames == -1 ? "" : "s", RATE, r->confidence);
    if (r->has_drift)
        printf(", drift %+.1f ms/min", r->drift_ms_per_min);
    printf(": %s %s%s\n", v.pass ? "PASS" : "FAIL", v.standard,
           !v.pass && v.level[0] == 'd' ? " (detectable)" : "");
    for (size_t i = 0; viseme_sync_get_step(sync, i, &step); i++)
        printf("  step at %.2f s: from %+.0f to %+.0f ms\n", step.time_s, step.before_ms,
               step.after_ms);
}

void vis_sync_print_windows(const viseme_sync *sync)
{
    viseme_sync_window w;
    for (size_t i = 0; viseme_sync_get_window(sync, i, &w); i++) {
        printf("  %9.2f to %9.2f s, face %d: ", w.start_s, w.end_s, w.face);
        if (w.known)
            printf("%+7.1f ms, confidence %.2f\n", w.offset_ms, w.confidence);
        else
            printf("unknown\n");
    }
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static json_t *json_windows(const viseme_sync *sync)
{
    json_t *list = json_array();
    viseme_sync_window w;
    for (size_t i = 0; list && viseme_sync_get_window(sync, i, &w); i++) {
        json_t *one = json_pack(
            "{s:o, s:o, s:i, s:s, s:o, s:o, s:o}", "start_s", vis_json_real(w.start_s), "end_s",
            vis_json_real(w.end_s), "face", w.face, "status", w.known ? "ok" : "unknown",
            "offset_ms", w.known ? vis_json_real(w.offset_ms) : json_null(), "confidence",
            vis_json_real(w.confidence), "prominence", vis_json_real(w.prominence));
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *json_steps(const viseme_sync *sync)
{
    json_t *list = json_array();
    viseme_sync_step step;
    for (size_t i = 0; list && viseme_sync_get_step(sync, i, &step); i++) {
        json_t *one =
            json_pack("{s:o, s:o, s:o, s:o, s:o}", "time_s", vis_json_real(step.time_s), "from_s",
                      vis_json_real(step.from_s), "to_s", vis_json_real(step.to_s), "before_ms",
                      vis_json_real(step.before_ms), "after_ms", vis_json_real(step.after_ms));
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *json_curve(const viseme_sync *sync)
{
    int first = 0;
    size_t count = 0;
    const double *curve = viseme_sync_curve(sync, &first, &count);
    json_t *costs = json_array();
    for (size_t i = 0; curve && costs && i < count; i++)
        if (json_array_append_new(costs, vis_json_real(curve[i])) != 0) {
            json_decref(costs);
            costs = NULL;
        }
    return json_pack("{s:o, s:o, s:o}", "first_ms", vis_json_real(1000.0 * first / RATE), "step_ms",
                     vis_json_real(1000.0 / RATE), "costs", costs);
}

static json_t *json_verdict(const viseme_sync_result *r, int standard)
{
    const struct vis_sync_verdict v = vis_sync_judge(standard, r->offset_ms);
    if (r->reason != VISEME_SYNC_KNOWN)
        return json_null();
    return json_pack("{s:s, s:s, s:b, s:s, s:o, s:o}", "standard", v.standard, "title", v.title,
                     "pass", v.pass, "level", v.level, "early_limit_ms", vis_json_real(v.early_ms),
                     "late_limit_ms", vis_json_real(v.late_ms));
}

int vis_sync_add_json(json_t *object, const viseme_sync *sync, const viseme_sync_result *r,
                      int standard)
{
    static const char *const limits[] = {NULL, "method", "length"};
    const int known = r->reason == VISEME_SYNC_KNOWN;
    const int compared = known || r->reason == VISEME_SYNC_FLAT || r->reason == VISEME_SYNC_AT_EDGE;
    char words[64];
    vis_sync_words(r->offset_ms, words, sizeof words);
    json_t *more = json_pack(
        "{s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "method", vis_sync_methods[r->method], "offset_ms",
        known ? vis_json_real(r->offset_ms) : json_null(), "offset_frames",
        known ? json_integer(r->offset_frames) : json_null(), "frame_rate", RATE, "text",
        known ? json_string(words) : json_null(), "confidence",
        compared ? vis_json_real(r->confidence) : json_null(), "prominence",
        compared ? vis_json_real(r->prominence) : json_null(), "verdict", json_verdict(r, standard),
        "range_ms", vis_json_real(r->range_ms), "range_limited_by",
        r->range_limit ? json_string(limits[r->range_limit]) : json_null(), "drift_ms_per_min",
        r->has_drift ? vis_json_real(r->drift_ms_per_min) : json_null(), "steps", json_steps(sync),
        "windows", json_windows(sync), "curve", json_curve(sync), "lse_d", vis_json_real(r->lse_d),
        "lse_c", vis_json_real(r->lse_c));
    const int result = json_object_update(object, more);
    json_decref(more);
    return result;
}
