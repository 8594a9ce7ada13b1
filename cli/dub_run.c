/* The threads of `viseme dub`: frames are decoded, dubbed, pasted and encoded, each at its own
 * pace, with short queues between them, so that memory does not grow with the length. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dub.h"
#include "cli/part.h"
#include "cli/progress.h"
#include "cli/queue.h"
#include "io/audio.h"
#include "io/clip.h"
#include "io/label.h"

enum {
    AHEAD_BYTES = 96 << 20, /* of frames that wait in one place */
    AHEAD_MOST = 16,
    BATCH = 8
};
#define SPEECH_AHEAD 1.0 /* seconds of speech that are pushed before a frame */
#define MADE_WITH    "made with viseme dub"
#define END_SHARE    0.1 /* of a frame, that speech must last into it to get it */

/* A frame on its way. */
struct item {
    struct vis_clip_frame clip;
    viseme_patch patch; /* bgr NULL: none */
    uint8_t *memory;    /* of the patch */
    struct item *next;  /* in the dubber */
};

struct run {
    const struct vis_dub_job *job;
    struct vis_dub_done *done;
    struct vis_clip *clip;
    struct vis_audio *audio;
    viseme_dubber *dubber;
    struct vis_video_writer *writer;
    struct vis_queue decoded, dubbed;
    /* Of this thread: */
    struct vis_progress bar;
    struct item *first, *last; /* in the dubber, in order */
    int64_t samples;           /* of the speech, so far */
    int speech_ended;          /* all of it was read */
    int64_t silence;           /* samples of silence after it */
    int64_t last_source;
    double interval; /* between the last two frames */
    double last_s;   /* time of the last frame */
    /* Of the other threads: */
    viseme_status decode_status, encode_status;
    viseme_error decode_error, encode_error;
    double decode_s, encode_s;
    viseme_patch label;
    int label_made;
};

static void free_item(struct item *item)
{
    if (item) {
        vis_video_frame_free(item->clip.frame);
        free(item->memory);
        free(item);
    }
}

/* ---- Decoding ------------------------------------------------------------------------------ */

static void *decode(void *arg)
{
    struct run *r = arg;
    int wanted = 1;

    while (wanted) {
        const double start = vis_clock_s();
        struct item *item = calloc(1, sizeof *item);
        r->decode_status = item ? vis_clip_next(r->clip, &item->clip, &r->decode_error)
                                : vis_fail_nomem(&r->decode_error, sizeof *item);
        r->decode_s += vis_clock_s() - start;
        if (r->decode_status != VISEME_OK || !item->clip.frame ||
            !vis_queue_put(&r->decoded, item)) {
            free_item(item);
            wanted = 0;
        }
    }
    vis_queue_close(&r->decoded);
    return NULL;
}

/* ---- Pasting and encoding ------------------------------------------------------------------ */

static viseme_status write_item(struct run *r, struct vis_paster *paster, struct item *item,
                                viseme_error *err)
{
    const char *text = r->job->set->label;
    viseme_status status = VISEME_OK;

    if (text && !r->label_made) {
        const viseme_image *image = vis_video_frame_image(item->clip.frame);
        status = vis_label_draw(&r->label, text, image->width, image->height, err);
        r->label_made = status == VISEME_OK;
    }
    if (status == VISEME_OK && item->patch.bgr)
        status = vis_paster_paste(paster, item->clip.frame, &item->patch, err);
    if (status == VISEME_OK && text)
        status = vis_paster_paste(paster, item->clip.frame, &r->label, err);
    if (status == VISEME_OK) {
        status = vis_video_writer_add(r->writer, item->clip.frame, item->clip.time_s, err);
        item->clip.frame = NULL; /* which it took over */
    }
    return status;
}

static void *encode(void *arg)
{
    struct run *r = arg;
    struct vis_paster *paster;
    struct item *item;

    r->encode_status = vis_paster_create(&paster, &r->encode_error);
    while (r->encode_status == VISEME_OK && (item = vis_queue_take(&r->dubbed))) {
        const double start = vis_clock_s();
        r->encode_status = write_item(r, paster, item, &r->encode_error);
        r->encode_s += vis_clock_s() - start;
        free_item(item);
    }
    vis_queue_stop(&r->dubbed);
    while ((item = vis_queue_take(&r->dubbed)))
        free_item(item);
    vis_paster_free(paster);
    free((void *)r->label.bgr);
    return NULL;
}

/* ---- Speech -------------------------------------------------------------------------------- */

/* The length of the speech, once it is known. */
static double speech_seconds(const struct run *r)
{
    return (double)r->samples / VIS_AUDIO_RATE;
}

static viseme_status push_silence(struct run *r, double until_s, viseme_error *err)
{
    static const float silence[VIS_AUDIO_RATE / 10];
    const size_t n = sizeof silence / sizeof *silence;
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && (double)(r->samples + r->silence) < until_s * VIS_AUDIO_RATE) {
        status = viseme_dubber_push_speech(r->dubber, silence, n, err);
        r->silence += (int64_t)n;
    }
    return status;
}

/* Pushes the speech up to a time; after its end silence, where the video goes on. */
static viseme_status push_speech(struct run *r, double until_s, viseme_error *err)
{
    const int pad = r->job->set->fit == VIS_FIT_PAD;
    viseme_status status = VISEME_OK;

    while (status == VISEME_OK && !r->speech_ended && speech_seconds(r) < until_s) {
        const float *samples;
        size_t count;
        status = vis_audio_next(r->audio, &samples, &count, err);
        if (status == VISEME_OK && count > 0)
            status = viseme_dubber_push_speech(r->dubber, samples, count, err);
        if (status != VISEME_OK)
            break;
        r->samples += (int64_t)count;
        r->speech_ended = count == 0;
        if (r->speech_ended && !pad)
            status = viseme_dubber_end_speech(r->dubber, err);
    }
    if (status == VISEME_OK && r->speech_ended && pad)
        status = push_silence(r, until_s, err);
    return status;
}

/* ---- Dubbing ------------------------------------------------------------------------------- */

/* Whether a frame comes after the end of the output. */
static int is_over(const struct run *r, const struct vis_clip_frame *f)
{
    if (f->time_s == 0 || !r->speech_ended ||
        f->time_s + END_SHARE * r->interval <= speech_seconds(r))
        return 0;
    /* A longer video goes on; then its last picture would be held. */
    return r->job->set->fit != VIS_FIT_PAD || f->source == r->last_source;
}

/* The dubber is given a frame, and gives it back; NULL: it has none. */
static void enter(struct run *r, struct item *item)
{
    if (r->first)
        r->last->next = item;
    else
        r->first = item;
    r->last = item;
}

static struct item *leave(struct run *r)
{
    struct item *item = r->first;
    if (item)
        r->first = item->next;
    return item;
}

/* Gives on what is done. */
static viseme_status take_done(struct run *r, viseme_error *err)
{
    viseme_dubbed dubbed;
    int ready;
    viseme_status status = viseme_dubber_next(r->dubber, &dubbed, &ready, err);

    for (; status == VISEME_OK && ready;
         status = viseme_dubber_next(r->dubber, &dubbed, &ready, err)) {
        struct item *item = leave(r);
        if (dubbed.changed) {
            const size_t pixels = (size_t)dubbed.patch.width * (size_t)dubbed.patch.height;
            item->patch = dubbed.patch;
            item->memory = malloc(4 * pixels);
            if (!item->memory) {
                free_item(item);
                return vis_fail_nomem(err, 4 * pixels);
            }
            item->patch.bgr = memcpy(item->memory, dubbed.patch.bgr, 3 * pixels);
            item->patch.mask = memcpy(item->memory + 3 * pixels, dubbed.patch.mask, pixels);
        }
        if (!vis_queue_put(&r->dubbed, item)) {
            free_item(item);
            return VISEME_OK; /* the encoder says why */
        }
    }
    return status;
}

/* Takes a decoded frame over. *over: it is not wanted, nor are later ones. */
static viseme_status dub_item(struct run *r, struct item *item, int *over, viseme_error *err)
{
    const struct vis_clip_frame *f = &item->clip;
    const viseme_dub_frame frame = {
        .image = *vis_video_frame_image(f->frame), .time_s = f->time_s, .source = f->source};
    viseme_status status = push_speech(r, f->time_s + SPEECH_AHEAD, err);

    if (f->time_s > r->last_s)
        r->interval = f->time_s - r->last_s;
    *over = status != VISEME_OK || is_over(r, f);
    if (!*over) {
        r->last_s = f->time_s;
        r->last_source = f->source;
        vis_progress_update(&r->bar, f->time_s);
        enter(r, item);
        status = viseme_dubber_push(r->dubber, &frame, err);
        return status == VISEME_OK ? take_done(r, err) : status;
    }
    free_item(item);
    return status;
}

static viseme_status finish(struct run *r, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (!r->speech_ended || r->job->set->fit == VIS_FIT_PAD)
        status = viseme_dubber_end_speech(r->dubber, err);
    if (status == VISEME_OK)
        status = viseme_dubber_finish(r->dubber, err);
    return status == VISEME_OK ? take_done(r, err) : status;
}

static viseme_status dub(struct run *r, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    struct item *item;
    int over = 0;

    while (status == VISEME_OK && !over && !vis_queue_is_stopped(&r->dubbed) &&
           (item = vis_queue_take(&r->decoded)))
        status = dub_item(r, item, &over, err);
    vis_queue_stop(&r->decoded);
    while ((item = vis_queue_take(&r->decoded)))
        free_item(item);
    return status;
}

/* ---- All of it ----------------------------------------------------------------------------- */

static viseme_status open_all(struct run *r, int *ahead, int *batch, viseme_error *err)
{
    static const enum vis_clip_after after[] = {VIS_CLIP_LOOP, VIS_CLIP_PINGPONG, VIS_CLIP_HOLD,
                                                VIS_CLIP_END, VIS_CLIP_HOLD};
    const struct vis_dub_settings *set = r->job->set;
    const struct vis_frames_options frames = {
        .fps = set->fps, .from_s = set->from_s, .to_s = set->to_s};
    const struct vis_video_writer_options writing = {
        .lossless = set->lossless,
        .crf = set->crf,
        .preset = set->preset < 0 ? NULL : vis_dub_presets[set->preset],
        .threads = set->threads,
        .made_with = set->no_provenance ? NULL : MADE_WITH};
    struct vis_audio_info sound;
    viseme_status status = vis_audio_open(&r->audio, r->job->audio, NULL, err);

    if (status != VISEME_OK)
        return status;
    vis_audio_get_info(r->audio, &sound);
    status = vis_clip_open(&r->clip, r->job->video, &frames, after[set->fit], err);
    if (status != VISEME_OK)
        return status;
    vis_clip_get_info(r->clip, &r->done->video);
    if (!set->quiet)
        vis_part_notes(r->job->video, &r->done->video);
    /* Decoded, in BGR, and what an encoder keeps: about 5 bytes a pixel. */
    const size_t bytes = 5 * (size_t)r->done->video.width * (size_t)r->done->video.height;
    const size_t fit = AHEAD_BYTES / bytes;
    *ahead = fit < 2 ? 2 : fit > AHEAD_MOST ? AHEAD_MOST : (int)fit;
    *batch = fit < 2 ? 2 : fit > BATCH ? BATCH : (int)fit;
    r->interval =
        r->done->video.frame_rate > 0 ? 1 / r->done->video.frame_rate : vis_clip_interval(r->clip);
    vis_progress_start(&r->bar, r->job->set->output, sound.duration_s, set->quiet || set->json);
    return vis_video_writer_open(&r->writer, set->output, &writing, r->job->audio, sound.start_s,
                                 err);
}

static viseme_status open_dubber(struct run *r, int batch, viseme_error *err)
{
    const struct vis_dub_job *job = r->job;
    const viseme_dubber_options options = {.crop = job->faces.crop,
                                           .box = job->set->box ? job->box : NULL,
                                           .pads = job->pads,
                                           .no_smooth = job->set->no_smooth,
                                           .blend = (viseme_blend)job->set->blend,
                                           .silence = (viseme_silence)job->set->silence,
                                           .on_no_face = (viseme_dub_no_face)job->set->on_no_face,
                                           .threads = job->set->threads,
                                           .batch = batch,
                                           .sync_judge = job->judge};
    return viseme_dubber_open(&r->dubber, job->model, &options, err);
}

/* Runs the threads to their end. */
static viseme_status pump(struct run *r, viseme_error *err)
{
    pthread_t decoder, encoder;
    viseme_status status;

    if (pthread_create(&decoder, NULL, decode, r) != 0)
        return vis_fail(err, VISEME_ERR_NOMEM, "no thread can be started");
    if (pthread_create(&encoder, NULL, encode, r) != 0) {
        status = vis_fail(err, VISEME_ERR_NOMEM, "no thread can be started");
        vis_queue_stop(&r->decoded);
        pthread_join(decoder, NULL);
        return status;
    }
    status = dub(r, err);
    pthread_join(decoder, NULL); /* before the end is told: its failure counts first */
    if (status == VISEME_OK && r->decode_status == VISEME_OK && !vis_queue_is_stopped(&r->dubbed))
        status = finish(r, err);
    vis_queue_close(&r->dubbed);
    pthread_join(encoder, NULL);
    if (r->decode_status != VISEME_OK)
        *err = r->decode_error;
    else if (status == VISEME_OK && r->encode_status != VISEME_OK)
        *err = r->encode_error;
    return r->decode_status != VISEME_OK ? r->decode_status
           : status != VISEME_OK         ? status
                                         : r->encode_status;
}

static viseme_status commit(struct run *r, viseme_error *err)
{
    struct vis_dub_done *done = r->done;
    const double frames_end = r->last_s + r->interval;
    viseme_gap gap;

    done->speech_s = speech_seconds(r);
    /* Speech that is cut off ends with the last frame, any other with itself. */
    done->end_s = r->speech_ended && done->speech_s < frames_end + r->interval
                      ? fmax(frames_end, done->speech_s)
                      : frames_end;
    done->decode_s = r->decode_s;
    done->encode_s = r->encode_s;
    viseme_dubber_get_stats(r->dubber, &done->stats);
    done->gaps = json_array();
    for (size_t i = 0; viseme_dubber_gap(r->dubber, i, &gap); i++)
        if (json_array_append_new(done->gaps, json_pack("{s:f, s:f}", "start_s", gap.start_s,
                                                        "end_s", gap.end_s)) != 0)
            return vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the list of gaps");
    viseme_status status = vis_video_writer_commit(r->writer, done->end_s, &done->written, err);
    r->writer = NULL;
    return status;
}

viseme_status vis_dub_run(const struct vis_dub_job *job, struct vis_dub_done *done,
                          viseme_error *err)
{
    struct run r = {.job = job, .done = done, .last_source = -1};
    int ahead = 1, batch = 1;
    viseme_status status = open_all(&r, &ahead, &batch, err);

    if (status == VISEME_OK)
        status = open_dubber(&r, batch, err);
    if (status == VISEME_OK)
        status = vis_queue_open(&r.decoded, ahead, err);
    if (status == VISEME_OK) {
        status = vis_queue_open(&r.dubbed, ahead, err);
        if (status == VISEME_OK) {
            status = pump(&r, err);
            vis_queue_free(&r.dubbed);
        }
        vis_queue_free(&r.decoded);
    }
    vis_progress_stop(&r.bar);
    if (status == VISEME_OK)
        status = commit(&r, err);
    vis_video_writer_abort(r.writer);
    viseme_dubber_close(r.dubber);
    for (struct item *item; (item = leave(&r));)
        free_item(item);
    vis_clip_close(r.clip);
    vis_audio_close(r.audio);
    return status;
}
