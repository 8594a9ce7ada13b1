/* What the two halves of the sync task share: tasks/sync.c collects, tasks/sync_measure.c tells. */
#ifndef VIS_TASKS_SYNC_TASK_H
#define VIS_TASKS_SYNC_TASK_H

#include "tasks/sync_faces.h"
#include "tasks/sync_nets.h"
#include "tasks/sync_offset.h"
#include "tasks/sync_sound.h"
#include "tasks/sync_trend.h"

enum { VIS_SYNC_LSE_RANGE = 15 }; /* frames, as published scores have it */

/* A face: what was collected. */
struct vis_sync_track {
    int id;
    struct vis_sync_pairs pairs; /* row r is of the window at `first` + r */
    int64_t first;
    uint8_t *pictures; /* [VIS_SYNC_BATCH + 4 side side 3] of a run, NULL between runs */
    int64_t run;       /* index of the first one */
    int run_count;
    float *waiting;   /* [waiting_count size] embeddings that wait for sound */
    int64_t *indices; /* [waiting_count] their windows */
    size_t waiting_count, waiting_room;
    viseme_face *boxes; /* one a second */
    size_t box_count, box_room;
    /* What the last measurement told. */
    viseme_sync_face told;
    double *curve;      /* [2 range + 1] */
    int range;          /* -1: no curve */
    float *votes;       /* [vote_count offsets] logarithms of probabilities by a classifier ... */
    int64_t *vote_rows; /* ... of matrices from these rows on */
    size_t vote_count;
};

struct viseme_sync {
    struct vis_sync_nets *nets;
    struct vis_sync_sound *sound;
    struct vis_sync_faces *faces;
    int best_is_distance; /* of VISEME_SYNC_BEST */
    int range, reach;     /* frames: asked for; of the pairs */
    double window_s;
    struct vis_sync_track *tracks;
    size_t track_count, track_room;
    int64_t frames;
    double face_seconds, net_seconds;
    enum { VIS_SYNC_COLLECTING, VIS_SYNC_FINISHED } state;
    uint8_t *speech; /* [speech_count] of every 40 ms */
    size_t speech_count;
    /* The last measurement. */
    viseme_sync_result result;
    double *curve;   /* [2 curve_range + 1] */
    int curve_range; /* -1: none */
    viseme_sync_window *windows;
    size_t window_count, window_room;
    viseme_sync_step *steps;
    viseme_sync_span *spans;
    size_t span_count, span_room;
};

/* Seconds of a clock that never goes back. */
double vis_sync_now(void);
/* Fills s->spans from what the faces told. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_sync_tell_spans(viseme_sync *sync, viseme_error *err);
/* Frees what a measurement made. */
void vis_sync_forget(viseme_sync *sync);

#endif
