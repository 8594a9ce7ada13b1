/* The networks that lip sync is measured with, as functions on arrays: two streams that turn
 * pictures and sound into embeddings, and a classifier of similarity matrices. */
#ifndef VIS_TASKS_SYNC_NETS_H
#define VIS_TASKS_SYNC_NETS_H

#include "base/error.h"

enum {
    VIS_SYNC_WINDOW = 5,    /* pictures of a window */
    VIS_SYNC_FEATURES = 20, /* rows of sound features of a window, 100 a second */
    VIS_SYNC_BATCH = 20     /* windows of pictures or of sound in one run */
};

struct vis_sync_nets;

/* model: a SyncNet (viseme.arch "syncnet") or one of the end-to-end kind ("synce2e"), with a
 * classifier or without. classifier: a "synce2e_cls", or NULL. Both must outlive the object. Opens
 * a session for each part, of `threads` threads (see viseme_session_options).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (of another network) or
 * VISEME_ERR_NOMEM. */
viseme_status vis_sync_nets_open(struct vis_sync_nets **out, const viseme_model *model,
                                 const viseme_model *classifier, int threads, viseme_error *err);
void vis_sync_nets_close(struct vis_sync_nets *nets);

int vis_sync_nets_side(const struct vis_sync_nets *nets);   /* of a picture, in pixels */
int vis_sync_nets_size(const struct vis_sync_nets *nets);   /* of an embedding, once one is there */
int vis_sync_nets_logmel(const struct vis_sync_nets *nets); /* 1: hears log-mel, 0: MFCC */

/* Matrices that a classifier takes: their side, and offsets from -reach to reach; 0 and 0 without
 * one. own: 1 that of the model, 0 the separate one. */
int vis_sync_nets_matrix(const struct vis_sync_nets *nets, int own, int *reach);

/* Embeddings of the count - 4 windows that begin at pictures 0, 1 ...
 *  pictures  [count side side 3] bytes B G R, count 5 to VIS_SYNC_BATCH + 4.
 *  out       the embeddings [count - 4 size]; live until the next call. */
viseme_status vis_sync_nets_see(struct vis_sync_nets *nets, const uint8_t *pictures, int count,
                                const float **out, viseme_error *err);
/* Embeddings of sound windows.
 *  rows   features [.. width], width 13 or 40; window i is rows[20 from starts[i] on].
 *  count  1 to VIS_SYNC_BATCH.
 *  out    the embeddings [count size]; live until the next call. */
viseme_status vis_sync_nets_hear(struct vis_sync_nets *nets, const float *rows,
                                 const size_t *starts, int count, const float **out,
                                 viseme_error *err);
/* Probabilities of the offsets -reach to reach of matrices [count side side], count 1 to
 * VIS_SYNC_BATCH; out [count 2 reach + 1] lives until the next call. */
viseme_status vis_sync_nets_classify(struct vis_sync_nets *nets, int own, const float *matrices,
                                     int count, const float **out, viseme_error *err);

#endif
