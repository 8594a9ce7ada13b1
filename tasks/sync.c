/* The task behind `viseme sync`, first half: frames -> faces -> embeddings, sound -> embeddings,
 * and both -> distances. */
#include "tasks/sync_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/model.h"

#define RATE           25.0
#define DEFAULT_RANGE  600.0
#define DEFAULT_WINDOW 10.0
#define MAX_RANGE      4000.0
#define MAX_WINDOW     600.0

enum { RUN = VIS_SYNC_BATCH + VIS_SYNC_WINDOW - 1, OVERLAP = VIS_SYNC_WINDOW - 1 };

double vis_sync_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Faces' embeddings ------------------------------------------------------------------------
 */

static viseme_status reserve_waiting(const viseme_sync *s, struct vis_sync_track *t, size_t more,
                                     viseme_error *err)
{
    const size_t size = (size_t)vis_sync_nets_size(s->nets) * sizeof(float);
    const size_t need = t->waiting_count + more;
    if (need <= t->waiting_room)
        return VISEME_OK;
    const size_t room = need > 2 * t->waiting_room ? need : 2 * t->waiting_room;
    float *waiting = realloc(t->waiting, room * size);
    if (waiting)
        t->waiting = waiting;
    int64_t *indices = realloc(t->indices, room * sizeof *indices);
    if (indices)
        t->indices = indices;
    if (!waiting || !indices)
        return vis_fail_nomem(err, room * size);
    t->waiting_room = room;
    return VISEME_OK;
}

/* Makes embeddings of the pictures of a run; the last four stay for the next one. */
static viseme_status see_run(viseme_sync *s, struct vis_sync_track *t, viseme_error *err)
{
    const int windows = t->run_count - OVERLAP;
    const float *made;
    if (windows < 1)
        return VISEME_OK;
    const double before = vis_sync_now();
    viseme_status status = vis_sync_nets_see(s->nets, t->pictures, t->run_count, &made, err);
    s->net_seconds += vis_sync_now() - before;
    if (status == VISEME_OK)
        status = reserve_waiting(s, t, (size_t)windows, err);
    if (status != VISEME_OK)
        return status;
    const size_t size = (size_t)vis_sync_nets_size(s->nets);
    const size_t picture =
        3 * (size_t)vis_sync_nets_side(s->nets) * (size_t)vis_sync_nets_side(s->nets);
    memcpy(t->waiting + t->waiting_count * size, made, (size_t)windows * size * sizeof(float));
    for (int i = 0; i < windows; i++)
        t->indices[t->waiting_count++] = t->run + i;
    memmove(t->pictures, t->pictures + (size_t)windows * picture, OVERLAP * picture);
    t->run += windows;
    t->run_count = OVERLAP;
    return VISEME_OK;
}

/* The face was not in the last picture: its run is over. */
static viseme_status end_run(viseme_sync *s, struct vis_sync_track *t, viseme_error *err)
{
    viseme_status status = see_run(s, t, err);
    free(t->pictures);
    t->pictures = NULL;
    t->run_count = 0;
    return status;
}

static viseme_status end_runs_before(viseme_sync *s, int64_t index, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    for (size_t i = 0; i < s->track_count && status == VISEME_OK; i++) {
        struct vis_sync_track *t = &s->tracks[i];
        if (t->pictures && t->run + t->run_count < index)
            status = end_run(s, t, err);
    }
    return status;
}

static viseme_status find_track(viseme_sync *s, int id, int64_t index, struct vis_sync_track **out,
                                viseme_error *err)
{
    for (size_t i = s->track_count; i > 0; i--)
        if (s->tracks[i - 1].id == id) {
            *out = &s->tracks[i - 1];
            return VISEME_OK;
        }
    if (s->track_count == s->track_room) {
        const size_t room = s->track_room ? 2 * s->track_room : 8;
        struct vis_sync_track *p = realloc(s->tracks, room * sizeof *p);
        if (!p)
            return vis_fail_nomem(err, room * sizeof *p);
        s->tracks = p;
        s->track_room = room;
    }
    *out = &s->tracks[s->track_count++];
    **out = (struct vis_sync_track){
        .id = id, .pairs = {.reach = s->reach}, .first = index, .range = -1};
    return VISEME_OK;
}

/* A box now and then, to show where the face was. */
static viseme_status note_box(struct vis_sync_track *t, const struct vis_sync_picture *p,
                              viseme_error *err)
{
    if (p->index % VIS_SYNC_RATE && t->box_count > 0)
        return VISEME_OK;
    if (t->box_count == t->box_room) {
        const size_t room = t->box_room ? 2 * t->box_room : 16;
        viseme_face *boxes = realloc(t->boxes, room * sizeof *boxes);
        if (!boxes)
            return vis_fail_nomem(err, room * sizeof *boxes);
        t->boxes = boxes;
        t->box_room = room;
    }
    t->boxes[t->box_count++] = (viseme_face){
        .x = p->x0, .y = p->y0, .width = p->x1 - p->x0, .height = p->y1 - p->y0, .id = p->id};
    return VISEME_OK;
}

static viseme_status take_picture(void *user, const struct vis_sync_picture *p, viseme_error *err)
{
    viseme_sync *s = user;
    const size_t side = (size_t)vis_sync_nets_side(s->nets), bytes = 3 * side * side;
    struct vis_sync_track *t = NULL;
    viseme_status status = end_runs_before(s, p->index, err);
    if (status == VISEME_OK)
        status = find_track(s, p->id, p->index, &t, err);
    if (status == VISEME_OK)
        status = note_box(t, p, err);
    if (status != VISEME_OK)
        return status;
    if (!t->pictures) {
        t->pictures = malloc(RUN * bytes);
        if (!t->pictures)
            return vis_fail_nomem(err, RUN * bytes);
        t->run = p->index;
    }
    memcpy(t->pictures + (size_t)t->run_count++ * bytes, p->bgr, bytes);
    return t->run_count == RUN ? see_run(s, t, err) : VISEME_OK;
}

/* ---- Pictures and sound together --------------------------------------------------------------
 */

/* Compares what waits with the sound that is there. */
static viseme_status pair_track(viseme_sync *s, struct vis_sync_track *t, viseme_error *err)
{
    const size_t size = (size_t)vis_sync_nets_size(s->nets);
    const int64_t sounds = (int64_t)vis_sync_sound_count(s->sound);
    const int finished = vis_sync_sound_finished(s->sound);
    viseme_status status = VISEME_OK;
    size_t done = 0;
    for (; done < t->waiting_count && status == VISEME_OK; done++) {
        const float *near[2 * VIS_SYNC_MAX_REACH + 1];
        const int64_t index = t->indices[done];
        if (!finished && index + s->reach >= sounds)
            break;
        if (t->pairs.rows == 0)
            t->first = index;
        while (status == VISEME_OK && t->first + (int64_t)t->pairs.rows < index)
            status = vis_sync_pairs_add_gap(&t->pairs, err);
        for (int k = 0; k <= 2 * s->reach; k++)
            near[k] = vis_sync_sound_at(s->sound, (ptrdiff_t)(index + k - s->reach));
        if (status == VISEME_OK)
            status = vis_sync_pairs_add(&t->pairs, t->waiting + done * size, near, size, err);
    }
    if (status == VISEME_OK && done > 0) {
        t->waiting_count -= done;
        memmove(t->waiting, t->waiting + done * size, t->waiting_count * size * sizeof(float));
        memmove(t->indices, t->indices + done, t->waiting_count * sizeof *t->indices);
    }
    return status;
}

static viseme_status pair_all(viseme_sync *s, viseme_error *err)
{
    /* Windows to come begin here or later. */
    int64_t needed = vis_sync_faces_count(s->faces) - 2 * RUN;
    viseme_status status = VISEME_OK;
    for (size_t i = 0; i < s->track_count && status == VISEME_OK; i++) {
        struct vis_sync_track *t = &s->tracks[i];
        if (t->waiting_count > 0)
            status = pair_track(s, t, err);
        if (t->waiting_count > 0 && t->indices[0] < needed)
            needed = t->indices[0];
    }
    if (needed > s->reach)
        vis_sync_sound_drop(s->sound, (size_t)(needed - s->reach));
    return status;
}

/* ---- The task ---------------------------------------------------------------------------------
 */

static viseme_status check(const viseme_sync_options *opts, viseme_error *err)
{
    if (!opts)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: no options say what faces are found with");
    if (!(opts->range_ms >= 0 && opts->range_ms <= MAX_RANGE))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "sync: a range of %g ms; up to %g ms are possible", opts->range_ms,
                        MAX_RANGE);
    if (opts->window_s != 0 && !(opts->window_s >= 1 && opts->window_s <= MAX_WINDOW))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: a window of %g s; 1 to %g s are possible",
                        opts->window_s, MAX_WINDOW);
    return VISEME_OK;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static viseme_status fill(viseme_sync *s, const viseme_model *model,
                          const viseme_sync_options *opts, viseme_error *err)
{
    viseme_crop_options crop = opts->crop;
    const double range = opts->range_ms > 0 ? opts->range_ms : DEFAULT_RANGE;
    crop.rate = RATE;
    crop.on_no_face = VISEME_NO_FACE_HOLD;
    s->curve_range = -1;
    s->window_s = opts->window_s > 0 ? opts->window_s : DEFAULT_WINDOW;
    s->range = larger(1, (int)ceil(range * RATE / 1000 - 1e-9));
    s->best_is_distance = strcmp(vis_model_net(model)->name, "syncnet") == 0;
    viseme_status status =
        vis_sync_nets_open(&s->nets, model, opts->classifier, opts->threads, err);
    if (status != VISEME_OK)
        return status;
    s->reach = larger(s->range, VIS_SYNC_LSE_RANGE);
    for (int own = 0; own < 2; own++) {
        int offsets;
        s->reach = larger(s->reach, vis_sync_nets_matrix(s->nets, own, &offsets) - 1);
    }
    status = vis_sync_sound_open(&s->sound, s->nets, err);
    if (status == VISEME_OK)
        status = vis_sync_faces_open(&s->faces, &crop, vis_sync_nets_side(s->nets), take_picture, s,
                                     err);
    return status;
}

viseme_status viseme_sync_open(viseme_sync **out, const viseme_model *model,
                               const viseme_sync_options *opts, viseme_error *err)
{
    if (!out)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: no place for the result");
    *out = NULL;
    if (!model)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: there is no model");
    viseme_status status = check(opts, err);
    if (status != VISEME_OK)
        return status;
    viseme_sync *s = calloc(1, sizeof *s);
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    status = fill(s, model, opts, err);
    if (status != VISEME_OK) {
        viseme_sync_close(s);
        return status;
    }
    *out = s;
    return VISEME_OK;
}

void viseme_sync_close(viseme_sync *s)
{
    if (!s)
        return;
    vis_sync_forget(s);
    for (size_t i = 0; i < s->track_count; i++) {
        struct vis_sync_track *t = &s->tracks[i];
        vis_sync_pairs_free(&t->pairs);
        free(t->pictures);
        free(t->waiting);
        free(t->indices);
        free(t->boxes);
    }
    free(s->tracks);
    free(s->speech);
    vis_sync_faces_close(s->faces);
    vis_sync_sound_close(s->sound);
    vis_sync_nets_close(s->nets);
    free(s);
}

static viseme_status check_state(const viseme_sync *s, viseme_error *err)
{
    if (!s || s->state != VIS_SYNC_COLLECTING)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: a call after viseme_sync_finish()");
    return VISEME_OK;
}

viseme_status viseme_sync_push(viseme_sync *s, const viseme_image *frame, double seconds,
                               viseme_error *err)
{
    viseme_status status = check_state(s, err);
    if (status != VISEME_OK)
        return status;
    const double before = vis_sync_now(), nets = s->net_seconds;
    status = vis_sync_faces_push(s->faces, frame, seconds, err);
    s->face_seconds += vis_sync_now() - before - (s->net_seconds - nets);
    s->frames++;
    return status == VISEME_OK ? pair_all(s, err) : status;
}

viseme_status viseme_sync_push_sound(viseme_sync *s, const float *samples, size_t count,
                                     viseme_error *err)
{
    viseme_status status = check_state(s, err);
    if (status != VISEME_OK || count == 0)
        return status;
    if (!samples)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "sync: no samples");
    const double before = vis_sync_now();
    status = vis_sync_sound_push(s->sound, samples, count, err);
    s->net_seconds += vis_sync_now() - before;
    return status == VISEME_OK ? pair_all(s, err) : status;
}

static viseme_status mark_speech(viseme_sync *s, viseme_error *err)
{
    const float *levels = vis_sync_sound_levels(s->sound, &s->speech_count);
    s->speech = malloc(s->speech_count + 1);
    if (!s->speech)
        return vis_fail_nomem(err, s->speech_count + 1);
    vis_sync_speech(levels, s->speech_count, s->speech);
    return VISEME_OK;
}

viseme_status viseme_sync_finish(viseme_sync *s, viseme_error *err)
{
    viseme_status status = check_state(s, err);
    if (status != VISEME_OK)
        return status;
    status = vis_sync_sound_finish(s->sound, err);
    if (status == VISEME_OK)
        status = vis_sync_faces_finish(s->faces, err);
    if (status == VISEME_OK)
        status = end_runs_before(s, INT64_MAX, err);
    if (status == VISEME_OK)
        status = pair_all(s, err);
    if (status == VISEME_OK)
        status = mark_speech(s, err);
    if (status == VISEME_OK)
        s->state = VIS_SYNC_FINISHED;
    return status;
}
