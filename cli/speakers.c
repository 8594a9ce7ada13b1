/* viseme speakers: the faces of a video, how far their sound is off, and who speaks when. */
#include <math.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/json_line.h"
#include "cli/sync_job.h"
#include "cli/sync_words.h"

struct settings {
    double min_track_s;
    struct vis_sync_settings sync;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {0, "min-track", "S",
     "leave out faces that were followed for less than S seconds\n(default 0.4)", VIS_ARG_REAL,
     FIELD(min_track_s), 0, 3600, NULL},
    VIS_SYNC_OPTIONS(FIELD(sync)),
    {0}};

static const char details[] =
    "A line for each face: id, shot, times, box in pixels, offset of the sound (above 0 ms it is\n"
    "early) with its confidence, seconds in which it speaks; then a line for each stretch of\n"
    "speech. A face speaks where its lips go with the sound; sound without such a face is\n"
    "nobody's. JSON is one object. No face at all ends with code 4, no sound with 5.\n";

static int is_shown(const struct settings *set, const viseme_sync_face *f)
{
    return f->track.end_s - f->track.start_s + 0.04 >= set->min_track_s;
}

static void print_table(const struct settings *set, const viseme_sync *sync)
{
    viseme_sync_face f;
    viseme_sync_span span;
    printf("%4s %4s %9s %9s %7s %7s %6s %6s %10s %6s %9s\n", "face", "shot", "start_s", "end_s",
           "x", "y", "width", "height", "offset_ms", "conf", "speaks_s");
    for (size_t i = 0; viseme_sync_get_face(sync, i, &f); i++) {
        char offset[24] = "unknown";
        if (!is_shown(set, &f))
            continue;
        if (f.reason == VISEME_SYNC_KNOWN)
            snprintf(offset, sizeof offset, "%+.0f", f.offset_ms);
        printf("%4d %4d %9.3f %9.3f %7.1f %7.1f %6.1f %6.1f %10s %6.2f %9.2f\n", f.track.id,
               f.track.shot, f.track.start_s, f.track.end_s, f.box.x, f.box.y, f.box.width,
               f.box.height, offset, f.confidence, f.speaking_s);
    }
    for (size_t i = 0; viseme_sync_get_span(sync, i, &span); i++)
        printf("%.2f to %.2f s: face %d speaks\n", span.start_s, span.end_s, span.face);
}

static json_t *json_spans(const viseme_sync *sync, int face)
{
    json_t *list = json_array();
    viseme_sync_span span;
    for (size_t i = 0; list && viseme_sync_get_span(sync, i, &span); i++)
        if (span.face == face &&
            json_array_append_new(list,
                                  json_pack("{s:o, s:o}", "start_s", vis_json_real(span.start_s),
                                            "end_s", vis_json_real(span.end_s))) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *json_face(const viseme_sync *sync, const viseme_sync_face *f)
{
    const int known = f->reason == VISEME_SYNC_KNOWN;
    return json_pack(
        "{s:i, s:i, s:o, s:o, s:I, s:{s:o, s:o, s:o, s:o}, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
        "id", f->track.id, "shot", f->track.shot, "start_s", vis_json_real(f->track.start_s),
        "end_s", vis_json_real(f->track.end_s), "frames", (json_int_t)f->track.frames, "box",
        "x_px", vis_json_real(f->box.x), "y_px", vis_json_real(f->box.y), "width_px",
        vis_json_real(f->box.width), "height_px", vis_json_real(f->box.height), "status",
        known ? "ok" : "unknown", "reason",
        known ? json_null() : json_string(vis_sync_reason(f->reason)), "offset_ms",
        known ? vis_json_real(f->offset_ms) : json_null(), "confidence",
        vis_json_real(f->confidence), "prominence", vis_json_real(f->prominence), "speaking_s",
        vis_json_real(f->speaking_s), "speaking", json_spans(sync, f->track.id));
}

static json_t *json_all(const struct settings *set, const char *path, const viseme_sync *sync,
                        const viseme_sync_result *r)
{
    json_t *faces = json_array(), *object;
    viseme_sync_face f;
    for (size_t i = 0; faces && viseme_sync_get_face(sync, i, &f); i++)
        if (is_shown(set, &f) && json_array_append_new(faces, json_face(sync, &f)) != 0) {
            json_decref(faces);
            faces = NULL;
        }
    object = vis_sync_json(path, r);
    if (json_object_set_new(object, "duration_s", vis_json_real(r->duration_s)) != 0 ||
        json_object_set_new(object, "speech_s", vis_json_real(r->speech_s)) != 0 ||
        json_object_set_new(object, "faces", faces) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

struct listing {
    const struct settings *set;
    struct vis_sync_job job;
};

static viseme_status list_one(void *user, const char *path, int *code, viseme_error *err)
{
    struct listing *l = user;
    struct vis_sync_seen seen;
    viseme_sync_result r;
    (void)code;
    viseme_status status = vis_sync_job_see(&l->job, path, NULL, &seen, err);
    if (status == VISEME_OK)
        status = viseme_sync_measure(seen.sync, VISEME_SYNC_BEST, &r, err);
    if (status == VISEME_OK && r.faces == 0)
        status = vis_fail(err, VISEME_ERR_NO_FACE, "%s: no face in the whole input", path);
    if (status == VISEME_OK && l->set->sync.json)
        status = vis_json_write(stdout, json_all(l->set, path, seen.sync, &r), err);
    else if (status == VISEME_OK)
        print_table(l->set, seen.sync);
    vis_sync_seen_free(&seen);
    return status;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {.min_track_s = 0.4, .sync = VIS_SYNC_DEFAULTS};
    struct listing listing = {.set = &set};
    const struct vis_sync_command does = {.settings = &set,
                                          .sync = &set.sync,
                                          .job = &listing.job,
                                          .user = &listing,
                                          .one = list_one};
    return vis_sync_run(self, argc, argv, &does);
}

const struct vis_command vis_cmd_speakers = {
    "speakers", "IN", "List the faces of a video and who speaks when", details, options, 1, 1, run};
