#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/clip.h"

#define USUAL_INTERVAL 0.04

enum {
    BACK_FRAMES = 64,      /* of a piece that is played backwards, at most */
    BACK_BYTES = 96 << 20, /* of its pictures */
    BACK_LEAST = 8
};

struct vis_clip {
    char *path;
    struct vis_frames_options opts;
    enum vis_clip_after after;
    struct vis_frames *frames;
    struct vis_frames_info info;
    double *times; /* [count] of the file, of every picture that was seen */
    size_t count, room;
    int complete;                 /* the end was seen: `count` is all there are */
    size_t next;                  /* forwards: the number of the picture that `frames` gives next */
    double time_s;                /* of the output, of the last picture given out */
    int64_t shown;                /* pictures given out */
    size_t current;               /* the last of them */
    struct vis_video_frame *last; /* the last one read forwards, to be held */
    /* Backwards: pictures [from, from + held) are here, those from from + left on were shown. */
    int backwards;
    struct vis_video_frame *piece[BACK_FRAMES];
    size_t from, held, left;
};

static void drop_piece(struct vis_clip *c)
{
    for (size_t i = 0; i < c->held; i++)
        vis_video_frame_free(c->piece[i]);
    c->held = c->left = 0;
}

void vis_clip_close(struct vis_clip *c)
{
    if (!c)
        return;
    drop_piece(c);
    vis_video_frame_free(c->last);
    vis_frames_close(c->frames);
    free(c->times);
    free(c->path);
    free(c);
}

viseme_status vis_clip_open(struct vis_clip **out, const char *path,
                            const struct vis_frames_options *opts, enum vis_clip_after after,
                            viseme_error *err)
{
    struct vis_clip *c = calloc(1, sizeof *c);
    viseme_status status;

    *out = NULL;
    if (!c)
        return vis_fail_nomem(err, sizeof *c);
    c->after = after;
    if (opts)
        c->opts = *opts;
    c->path = strdup(path);
    status = c->path ? vis_frames_open(&c->frames, path, &c->opts, err)
                     : vis_fail_nomem(err, strlen(path) + 1);
    if (status != VISEME_OK) {
        vis_clip_close(c);
        return status;
    }
    vis_frames_get_info(c->frames, &c->info);
    *out = c;
    return VISEME_OK;
}

void vis_clip_get_info(const struct vis_clip *c, struct vis_frames_info *info)
{
    *info = c->info;
}

double vis_clip_interval(const struct vis_clip *c)
{
    const size_t n = c->count, i = c->current;
    if (i + 1 < n && c->times[i + 1] > c->times[i])
        return c->times[i + 1] - c->times[i];
    if (n > 1 && c->times[n - 1] > c->times[n - 2])
        return c->times[n - 1] - c->times[n - 2];
    return c->info.frame_rate > 0 ? 1 / c->info.frame_rate : USUAL_INTERVAL;
}

static viseme_status note_time(struct vis_clip *c, double seconds, viseme_error *err)
{
    if (c->count == c->room) {
        const size_t room = c->room ? 2 * c->room : 256;
        double *times = realloc(c->times, room * sizeof *times);
        if (!times)
            return vis_fail_nomem(err, room * sizeof *times);
        c->times = times;
        c->room = room;
    }
    c->times[c->count++] = seconds;
    return VISEME_OK;
}

/* The next picture of the file; *frame is NULL at its end. */
static viseme_status read_on(struct vis_clip *c, struct vis_video_frame **frame, viseme_error *err)
{
    viseme_image image;
    double seconds;
    viseme_status status = vis_frames_next(c->frames, &image, &seconds, err);

    *frame = NULL;
    if (status != VISEME_OK)
        return status;
    if (!image.data) {
        c->complete = 1;
        return VISEME_OK;
    }
    if (c->next == c->count) {
        status = note_time(c, seconds, err);
        if (status != VISEME_OK)
            return status;
    }
    c->next++;
    return vis_video_frame_take(frame, c->frames, &image, err);
}

static viseme_status reopen(struct vis_clip *c, const struct vis_frames_options *opts,
                            viseme_error *err)
{
    vis_frames_close(c->frames);
    c->frames = NULL;
    return vis_frames_open(&c->frames, c->path, opts, err);
}

/* ---- Backwards ----------------------------------------------------------------------------- */

/* How many pictures are kept at a time. */
static size_t piece_frames(const struct vis_clip *c)
{
    const size_t bytes = vis_video_frame_bytes(c->last);
    const size_t n = BACK_BYTES / (bytes ? bytes : 1);
    return n > BACK_FRAMES ? BACK_FRAMES : n < BACK_LEAST ? BACK_LEAST : n;
}

/* Reads the pictures before number `end` into the piece. */
static viseme_status read_piece(struct vis_clip *c, size_t end, viseme_error *err)
{
    const size_t n = piece_frames(c), begin = end > n ? end - n : 0;
    struct vis_frames_options opts = c->opts;
    viseme_status status;

    drop_piece(c);
    opts.from_s = c->times[begin];
    opts.to_s = end < c->count && c->times[end] > opts.from_s ? c->times[end] : c->opts.to_s;
    status = reopen(c, &opts, err);
    c->from = begin;
    c->next = begin; /* read_on() must not note times anew */
    while (status == VISEME_OK && c->held < end - begin) {
        struct vis_video_frame *frame;
        status = read_on(c, &frame, err);
        if (status == VISEME_OK && !frame)
            status = vis_fail(err, VISEME_ERR_INPUT,
                              "%s: its frames from %.3f s on cannot be found a second time",
                              c->path, opts.from_s);
        if (status == VISEME_OK)
            c->piece[c->held++] = frame;
    }
    c->left = c->held;
    return status;
}

/* Picture `number`, which is the one before the last one shown. */
static viseme_status step_back(struct vis_clip *c, size_t number, struct vis_video_frame **frame,
                               viseme_error *err)
{
    if (c->left == 0) {
        viseme_status status = read_piece(c, number + 1, err);
        if (status != VISEME_OK)
            return status;
    }
    c->left--;
    return vis_video_frame_clone(frame, c->piece[c->left], err);
}

/* ---- Whatever comes next ------------------------------------------------------------------- */

/* After the end of the file: turns around, begins again, holds or ends. *wait: seconds from the
 * last picture to this one. */
static viseme_status go_on(struct vis_clip *c, struct vis_video_frame **frame, double *wait,
                           size_t *number, viseme_error *err)
{
    const int still = c->count == 1 && strcmp(c->info.kind, "pictures") == 0;
    viseme_status status = VISEME_OK;

    *wait = vis_clip_interval(c);
    if (c->count == 0 || (c->after == VIS_CLIP_END && !still))
        return VISEME_OK;
    if (c->after == VIS_CLIP_HOLD || c->count == 1) {
        *number = c->count - 1;
        return vis_video_frame_clone(frame, c->last, err);
    }
    if (c->after == VIS_CLIP_LOOP || (c->backwards && c->current == 0)) {
        const int from_first = c->after == VIS_CLIP_LOOP;
        c->backwards = 0;
        drop_piece(c);
        status = reopen(c, &c->opts, err);
        c->next = 0;
        for (int i = from_first; status == VISEME_OK && i < 2; i++) {
            vis_video_frame_free(*frame); /* picture 0 has just been shown */
            *number = c->next;
            status = read_on(c, frame, err);
        }
        if (!from_first)
            *wait = c->times[1] - c->times[0];
        if (status == VISEME_OK && !*frame)
            status = vis_fail(err, VISEME_ERR_INPUT,
                              "%s: its first frames cannot be found a second time", c->path);
        return status;
    }
    c->backwards = 1;
    *number = c->current - 1;
    *wait = c->times[c->current] - c->times[*number];
    return step_back(c, *number, frame, err);
}

viseme_status vis_clip_next(struct vis_clip *c, struct vis_clip_frame *out, viseme_error *err)
{
    struct vis_video_frame *frame = NULL;
    size_t number = c->next;
    double wait = 0;
    viseme_status status = VISEME_OK;

    *out = (struct vis_clip_frame){0};
    if (!c->backwards && !(c->complete && c->next == c->count)) {
        status = read_on(c, &frame, err);
        if (status == VISEME_OK && frame && number > 0)
            wait = c->times[number] - c->times[number - 1];
    }
    if (status == VISEME_OK && !frame)
        status = go_on(c, &frame, &wait, &number, err);
    if (status == VISEME_OK && frame && number == c->next - 1 && !c->backwards) {
        vis_video_frame_free(c->last);
        c->last = NULL;
        status = vis_video_frame_clone(&c->last, frame, err);
    }
    if (status != VISEME_OK) {
        vis_video_frame_free(frame);
        return status;
    }
    if (!frame)
        return VISEME_OK;
    c->time_s += c->shown++ > 0 ? wait : 0;
    c->current = number;
    *out = (struct vis_clip_frame){frame, c->time_s, c->times[number], (int64_t)number};
    return VISEME_OK;
}
