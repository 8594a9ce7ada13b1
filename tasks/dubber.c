/* The task behind `viseme dub`. A frame passes through four stages in order: its face is searched
 * and its box smoothed, which takes four frames more; it waits for the speech that belongs to it;
 * the network makes faces in batches; the new face becomes a patch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks/dub_net.h"
#include "tasks/dub_patch.h"
#include "tasks/dub_speech.h"
#include "tasks/face_methods.h"
#include "tasks/face_watch.h"

enum {
    BATCH = 8,
    MAX_BATCH = 64,
    MAX_WAITING = 128, /* frames, beyond a batch and those that are smoothed */
    SLOTS = MAX_WAITING + MAX_BATCH + VIS_SMOOTH_SPAN,
    MAX_PAD = 4096
};
#define JUDGED_INTERVAL 0.04 /* seconds between the frames that a judge sees */

/* A picture's box; none: x1 is 0. */
static const struct vis_box no_box = {0, 0, 0, 0};

struct slot {
    viseme_dub_frame frame;
    struct vis_box box; /* where lips are moved; none: nowhere */
    int has_face;
    double weight; /* how much of the new mouth is seen */
    int done, changed;
    viseme_patch patch;
    uint8_t *memory; /* of the patch */
    size_t room;
    uint8_t face[VIS_DUB_FACE_BYTES]; /* as it was */
};

struct viseme_dubber {
    viseme_dubber_options opts;
    int pads[4], batch;
    struct vis_box fixed; /* none: boxes are searched */
    struct vis_face_watch *watch;
    struct vis_dub_speech *speech;
    struct vis_dub_net *net;
    /* Frames in order, a ring: those before `resolved` have their box. */
    struct slot *slots[SLOTS];
    int first, count, resolved;
    struct slot *given; /* the last one given out, whose patch still lives */
    int finished;
    double last_s;
    /* The face that is smoothed now. */
    struct vis_smoother smoother;
    int face_id, shot;
    struct vis_box last_box; /* that was found, to be held */
    /* Boxes of pictures that may come again. */
    struct known {
        struct vis_box box;
        int has_face;
    } * known;
    int64_t known_count;
    size_t known_room;
    struct vis_colour_match match;
    struct vis_box matched; /* the last face whose colours were matched */
    /* Frames that wait for the judge. */
    struct vis_dub_judge *judge;
    int judged;
    double judge_from_s;
    uint8_t before[VIS_DUB_JUDGED][VIS_DUB_FACE_BYTES], after[VIS_DUB_JUDGED][VIS_DUB_FACE_BYTES];
    uint8_t *scratch;
    size_t scratch_room;
    viseme_dubber_stats stats;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Opening ------------------------------------------------------------------------------- */

static viseme_status check_options(const viseme_dubber_options *o, viseme_error *err)
{
    if ((unsigned)o->blend > VISEME_BLEND_HARD || (unsigned)o->silence > VISEME_SILENCE_KEEP ||
        (unsigned)o->on_no_face > VISEME_DUB_FAIL)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "dubber: blend, silence or on_no_face is none of what there is");
    if (o->batch < 0 || o->batch > MAX_BATCH)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "dubber: a batch of %d; 1 to %d are possible",
                        o->batch, (int)MAX_BATCH);
    for (int i = 0; o->pads && i < 4; i++)
        if (o->pads[i] < 0 || o->pads[i] > MAX_PAD)
            return vis_fail(err, VISEME_ERR_ARGUMENT, "dubber: a pad of %d; 0 to %d are possible",
                            o->pads[i], (int)MAX_PAD);
    if (o->box &&
        !(o->box[0] >= 0 && o->box[1] > o->box[0] && o->box[2] >= 0 && o->box[3] > o->box[2]))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "dubber: a box from row %d to %d, column %d to %d holds no pixels",
                        o->box[0], o->box[1], o->box[2], o->box[3]);
    return VISEME_OK;
}

static viseme_status fill(viseme_dubber *d, const viseme_model *model, viseme_error *err)
{
    viseme_crop_options crop = d->opts.crop;
    viseme_status status;

    crop.rate = 0;
    crop.landmarks_every = 0;
    crop.all_faces = 0;
    crop.on_no_face =
        d->opts.on_no_face == VISEME_DUB_FAIL ? VISEME_NO_FACE_FAIL : VISEME_NO_FACE_HOLD;
    status = vis_dub_net_open(&d->net, model, d->opts.threads, d->batch, err);
    if (status == VISEME_OK)
        status = vis_dub_speech_open(&d->speech, err);
    if (status == VISEME_OK && !d->opts.box)
        status = vis_face_watch_open(&d->watch, &crop, err);
    if (status == VISEME_OK && d->opts.sync_judge)
        status = vis_dub_judge_open(&d->judge, d->opts.sync_judge, d->opts.threads, err);
    return status;
}

viseme_status viseme_dubber_open(viseme_dubber **out, const viseme_model *model,
                                 const viseme_dubber_options *opts, viseme_error *err)
{
    static const int usual_pads[4] = {0, 10, 0, 0};
    viseme_status status;

    if (!out)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "dubber: no place for the result");
    *out = NULL;
    if (!model || !opts)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a dubber needs a model and options");
    status = check_options(opts, err);
    if (status != VISEME_OK)
        return status;
    viseme_dubber *d = calloc(1, sizeof *d);
    if (!d)
        return vis_fail_nomem(err, sizeof *d);
    d->opts = *opts;
    d->batch = opts->batch ? opts->batch : BATCH;
    memcpy(d->pads, opts->pads ? opts->pads : usual_pads, sizeof d->pads);
    if (opts->box)
        d->fixed = (struct vis_box){opts->box[2], opts->box[0], opts->box[3], opts->box[1]};
    status = fill(d, model, err);
    if (status != VISEME_OK) {
        viseme_dubber_close(d);
        return status;
    }
    *out = d;
    return VISEME_OK;
}

static void free_slot(struct slot *s)
{
    if (s) {
        free(s->memory);
        free(s);
    }
}

void viseme_dubber_close(viseme_dubber *d)
{
    if (!d)
        return;
    for (int i = 0; i < SLOTS; i++)
        free_slot(d->slots[i]);
    free_slot(d->given);
    vis_face_watch_free(d->watch);
    vis_dub_speech_free(d->speech);
    vis_dub_net_free(d->net);
    vis_dub_judge_free(d->judge);
    free(d->known);
    free(d->scratch);
    free(d);
}

viseme_status viseme_dubber_push_speech(viseme_dubber *d, const float *samples, size_t count,
                                        viseme_error *err)
{
    return vis_dub_speech_push(d->speech, samples, count, err);
}

viseme_status viseme_dubber_end_speech(viseme_dubber *d, viseme_error *err)
{
    return vis_dub_speech_end(d->speech, err);
}

/* ---- Where the face is --------------------------------------------------------------------- */

static struct slot *slot_at(const viseme_dubber *d, int i)
{
    return d->slots[(d->first + i) % SLOTS];
}

/* The oldest frame without one gets its box. Pictures are remembered if they may come again. */
static viseme_status resolve(viseme_dubber *d, struct vis_box box, int has_face, viseme_error *err)
{
    struct slot *s = slot_at(d, d->resolved++);
    s->box = box;
    s->has_face = has_face;
    if (s->frame.source < 0 || s->frame.source < d->known_count)
        return VISEME_OK;
    if ((size_t)d->known_count == d->known_room) {
        const size_t room = d->known_room ? 2 * d->known_room : 256;
        struct known *known = realloc(d->known, room * sizeof *known);
        if (!known)
            return vis_fail_nomem(err, room * sizeof *known);
        d->known = known;
        d->known_room = room;
    }
    d->known[d->known_count++] = (struct known){box, has_face};
    return VISEME_OK;
}

/* The face that was smoothed is gone. */
static viseme_status end_face(viseme_dubber *d, viseme_error *err)
{
    struct vis_box boxes[VIS_SMOOTH_SPAN];
    viseme_status status = VISEME_OK;
    const int n = vis_smoother_finish(&d->smoother, boxes);
    for (int i = 0; i < n && status == VISEME_OK; i++)
        status = resolve(d, boxes[i], 1, err);
    return status;
}

/* The box of the chosen face as it is found, padded; 0 when there is none. */
static int find_box(viseme_dubber *d, const viseme_image *image, struct vis_box *box)
{
    const struct vis_face_place *face = vis_face_watch_chosen(d->watch);
    int pixels[4];
    if (!face || !vis_face_place_pixels(face, image->width, image->height, pixels))
        return 0;
    *box = vis_box_pad((struct vis_box){pixels[0], pixels[1], pixels[2], pixels[3]}, d->pads,
                       image->width, image->height);
    return box->x1 > box->x0 && box->y1 > box->y0;
}

static viseme_status search(viseme_dubber *d, const viseme_dub_frame *frame, viseme_error *err)
{
    struct vis_box box, smoothed;
    const double start = now();
    viseme_status status = vis_face_watch_push(d->watch, &frame->image, frame->time_s, err);

    d->stats.face_seconds += now() - start;
    if (status != VISEME_OK)
        return status;
    if (!find_box(d, &frame->image, &box)) {
        status = end_face(d, err);
        const int hold = d->opts.on_no_face == VISEME_DUB_HOLD &&
                         d->last_box.x1 <= frame->image.width &&
                         d->last_box.y1 <= frame->image.height;
        return status == VISEME_OK ? resolve(d, hold ? d->last_box : no_box, 0, err) : status;
    }
    const int id = vis_face_watch_chosen(d->watch)->id, shot = vis_face_watch_shot(d->watch);
    if (id != d->face_id || shot != d->shot)
        status = end_face(d, err);
    d->face_id = id;
    d->shot = shot;
    d->last_box = box;
    if (status != VISEME_OK)
        return status;
    if (d->opts.no_smooth)
        return resolve(d, box, 1, err);
    return vis_smoother_push(&d->smoother, box, &smoothed) ? resolve(d, smoothed, 1, err)
                                                           : VISEME_OK;
}

static viseme_status place_face(viseme_dubber *d, const viseme_dub_frame *frame, viseme_error *err)
{
    if (d->opts.box)
        return resolve(d, d->fixed, 1, err);
    if (frame->source >= 0 && frame->source < d->known_count + (d->count - d->resolved - 1)) {
        viseme_status status = end_face(d, err);
        if (status != VISEME_OK)
            return status;
        if (frame->source >= d->known_count) /* frames without a number came between */
            return vis_fail(err, VISEME_ERR_ARGUMENT, "dubber: picture %lld is not known",
                            (long long)frame->source);
        const struct known known = d->known[frame->source];
        return resolve(d, known.box, known.has_face, err);
    }
    return search(d, frame, err);
}

/* ---- Frames -------------------------------------------------------------------------------- */

static viseme_status check_frame(const viseme_dubber *d, const viseme_dub_frame *frame,
                                 viseme_error *err)
{
    viseme_status status = vis_face_methods_frame(&frame->image, "dubber", err);
    if (status != VISEME_OK)
        return status;
    if (d->finished || d->count >= MAX_WAITING + d->batch)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        d->finished ? "dubber: a frame after the last one"
                                    : "dubber: too many frames wait; push speech and take what is "
                                      "done");
    if (!(frame->time_s >= 0 && frame->time_s < 1e9) || frame->time_s < d->last_s)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "dubber: a frame at %g s of the speech after one at %g s", frame->time_s,
                        d->last_s);
    if (frame->source > d->known_count + (d->count - d->resolved))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "dubber: picture %lld comes before those it counts on from",
                        (long long)frame->source);
    if (d->opts.box && (d->fixed.x1 > frame->image.width || d->fixed.y1 > frame->image.height))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "dubber: the box to column %d, row %d reaches beyond a frame of %d x %d",
                        d->fixed.x1, d->fixed.y1, frame->image.width, frame->image.height);
    return VISEME_OK;
}

viseme_status viseme_dubber_push(viseme_dubber *d, const viseme_dub_frame *frame, viseme_error *err)
{
    viseme_status status = check_frame(d, frame, err);
    if (status != VISEME_OK)
        return status;
    struct slot *s = calloc(1, sizeof *s);
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    s->frame = *frame;
    d->slots[(d->first + d->count++) % SLOTS] = s;
    d->last_s = frame->time_s;
    d->stats.frames++;
    return place_face(d, frame, err);
}

viseme_status viseme_dubber_finish(viseme_dubber *d, viseme_error *err)
{
    viseme_status status;
    if (d->finished || !vis_dub_speech_ended(d->speech))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        d->finished ? "dubber: finished twice"
                                    : "dubber: finished before the end of the speech was told");
    if (d->stats.frames == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "there is no frame to dub");
    d->finished = 1;
    status = end_face(d, err);
    if (status == VISEME_OK && d->watch)
        status = vis_face_watch_finish(d->watch, err);
    return status;
}

/* ---- Judging ------------------------------------------------------------------------------- */

/* Shows the judge a frame that changed, if it is one of its 25 a second. */
static viseme_status judge(viseme_dubber *d, const struct slot *s, viseme_error *err)
{
    const double late = s->frame.time_s - (d->judge_from_s + d->judged * JUDGED_INTERVAL);
    const size_t bytes = vis_dub_patch_bytes(s->box);
    float mel[VIS_DUB_MEL];
    double before, after;

    if (d->judged > 0 && late < -JUDGED_INTERVAL / 4)
        return VISEME_OK;
    if (d->judged == 0 || late > JUDGED_INTERVAL) { /* nothing in between is missing */
        d->judged = 0;
        d->judge_from_s = s->frame.time_s;
    }
    if (bytes > d->scratch_room) {
        free(d->scratch);
        d->scratch_room = 0;
        d->scratch = malloc(bytes);
        if (!d->scratch)
            return vis_fail_nomem(err, bytes);
        d->scratch_room = bytes;
    }
    memcpy(d->before[d->judged], s->face, VIS_DUB_FACE_BYTES);
    vis_dub_cut_pasted(&s->frame.image, s->box, &s->patch, d->scratch, d->after[d->judged]);
    if (++d->judged < VIS_DUB_JUDGED)
        return VISEME_OK;
    d->judged = 0;
    vis_dub_speech_chunk(d->speech, d->judge_from_s, mel);
    viseme_status status =
        vis_dub_judge_run(d->judge, d->before[0], d->after[0], mel, &before, &after, err);
    if (status != VISEME_OK)
        return status;
    const double n = (double)++d->stats.judged;
    d->stats.sync_before += (before - d->stats.sync_before) / n;
    d->stats.sync_after += (after - d->stats.sync_after) / n;
    return VISEME_OK;
}

/* ---- New faces ----------------------------------------------------------------------------- */

/* Whether lips are moved in a frame whose box and speech are known. */
static int wants_face(viseme_dubber *d, struct slot *s)
{
    if (s->box.x1 == 0)
        return 0;
    s->weight = 1;
    if (d->opts.silence == VISEME_SILENCE_KEEP) {
        s->weight = vis_dub_speech_voice(d->speech, s->frame.time_s);
        if (d->opts.blend == VISEME_BLEND_HARD)
            s->weight = s->weight >= 0.5;
        d->stats.silent += s->weight == 0;
    }
    return s->weight > 0;
}

/* Whether two boxes may be those of one face in frames that follow each other. */
static int is_near(struct vis_box a, struct vis_box b)
{
    return abs(a.x0 + a.x1 - b.x0 - b.x1) + abs(a.y0 + a.y1 - b.y0 - b.y1) < b.x1 - b.x0;
}

static viseme_status make_patch(viseme_dubber *d, struct slot *s, int i, viseme_error *err)
{
    const size_t bytes = vis_dub_patch_bytes(s->box);
    uint8_t made[VIS_DUB_FACE_BYTES];
    if (bytes > s->room) {
        free(s->memory);
        s->room = 0;
        s->memory = malloc(bytes);
        if (!s->memory)
            return vis_fail_nomem(err, bytes);
        s->room = bytes;
    }
    vis_dub_net_get(d->net, i, made);
    if (!is_near(s->box, d->matched))
        d->match = (struct vis_colour_match){0};
    d->matched = s->box;
    vis_dub_patch(&s->patch, s->memory, s->box, s->face, made, s->weight,
                  d->opts.blend == VISEME_BLEND_HARD ? NULL : &d->match);
    s->changed = s->done = 1;
    d->stats.changed++;
    return VISEME_OK;
}

/* Makes the faces of `count` frames in one run. */
static viseme_status run_batch(viseme_dubber *d, struct slot **batch, int count, viseme_error *err)
{
    float mel[VIS_DUB_MEL];
    viseme_status status;
    double time[4];

    time[0] = now();
    for (int i = 0; i < count; i++) {
        struct slot *s = batch[i];
        vis_dub_cut(&s->frame.image, s->box, s->face);
        vis_dub_speech_chunk(d->speech, s->frame.time_s, mel);
        vis_dub_net_set(d->net, i, s->face, mel);
    }
    time[1] = now();
    status = vis_dub_net_run(d->net, count, err);
    time[2] = now();
    for (int i = 0; i < count && status == VISEME_OK; i++)
        status = make_patch(d, batch[i], i, err);
    time[3] = now();
    for (int i = 0; i < count && status == VISEME_OK && d->judge; i++)
        status = judge(d, batch[i], err);
    d->stats.net_seconds += time[2] - time[1];
    d->stats.paste_seconds += time[1] - time[0] + time[3] - time[2];
    d->stats.judge_seconds += now() - time[3];
    return status;
}

/* Goes on with the oldest frames: until the first one is done, or something is missing. */
static viseme_status work(viseme_dubber *d, viseme_error *err)
{
    struct slot *batch[MAX_BATCH];
    int count = 0;

    for (int i = 0; i < d->resolved && count < d->batch; i++) {
        struct slot *s = slot_at(d, i);
        if (s->done)
            continue;
        if (!vis_dub_speech_ready(d->speech, s->frame.time_s))
            break;
        if (s->weight > 0 || wants_face(d, s))
            batch[count++] = s;
        else
            s->done = 1;
    }
    if (count == 0 || (count < d->batch && !d->finished))
        return VISEME_OK;
    return run_batch(d, batch, count, err);
}

viseme_status viseme_dubber_next(viseme_dubber *d, viseme_dubbed *out, int *ready,
                                 viseme_error *err)
{
    *ready = 0;
    free_slot(d->given);
    d->given = NULL;
    if (d->count == 0)
        return VISEME_OK;
    if (!slot_at(d, 0)->done) {
        viseme_status status = work(d, err);
        if (status != VISEME_OK || !slot_at(d, 0)->done)
            return status;
    }
    struct slot *s = d->given = slot_at(d, 0);
    d->slots[d->first] = NULL;
    d->first = (d->first + 1) % SLOTS;
    d->count--;
    d->resolved--;
    d->stats.without_face += !s->has_face;
    /* Later frames are not earlier, but the judge may want the speech of a window that is open. */
    vis_dub_speech_forget(d->speech,
                          d->judged > 0 ? fmin(d->judge_from_s, s->frame.time_s) : s->frame.time_s);
    *out = (viseme_dubbed){
        .user = s->frame.user, .changed = s->changed, .patch = s->patch, .has_face = s->has_face};
    *ready = 1;
    return VISEME_OK;
}

int viseme_dubber_gap(const viseme_dubber *d, size_t i, viseme_gap *gap)
{
    return d->watch ? vis_face_watch_gap(d->watch, i, gap) : 0;
}

void viseme_dubber_get_stats(const viseme_dubber *d, viseme_dubber_stats *stats)
{
    *stats = d->stats;
}
