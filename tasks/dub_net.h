/* The networks of a dubber: Wav2Lip's generator, and the judge of how lips and speech agree.
 * Pictures of faces are [96 96 3] bytes, B G R; speech is [80 16] of mel. */
#ifndef VIS_TASKS_DUB_NET_H
#define VIS_TASKS_DUB_NET_H

#include "base/error.h"

enum {
    VIS_DUB_SIDE = 96,
    VIS_DUB_FACE_BYTES = VIS_DUB_SIDE * VIS_DUB_SIDE * 3,
    VIS_DUB_MEL = 80 * 16,
    VIS_DUB_JUDGED = 5 /* frames of a window, at 25 a second */
};

struct vis_dub_net;

/* Opens a generator. batch: faces at a time, at most. Free with vis_dub_net_free().
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (another network) or VISEME_ERR_NOMEM.
 */
viseme_status vis_dub_net_open(struct vis_dub_net **out, const viseme_model *model, int threads,
                               int batch, viseme_error *err);
void vis_dub_net_free(struct vis_dub_net *net);

/* Puts face i of the next batch and its speech into place. */
void vis_dub_net_set(struct vis_dub_net *net, int i, const uint8_t *face, const float *mel);
/* Makes `count` faces. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_dub_net_run(struct vis_dub_net *net, int count, viseme_error *err);
/* Face i that was made, rounded down to bytes as the original does. */
void vis_dub_net_get(const struct vis_dub_net *net, int i, uint8_t *face);

struct vis_dub_judge;

/* Opens a judge (SyncNet_color). Free with vis_dub_judge_free(). Returns as above. */
viseme_status vis_dub_judge_open(struct vis_dub_judge **out, const viseme_model *model, int threads,
                                 viseme_error *err);
void vis_dub_judge_free(struct vis_dub_judge *judge);

/* How well five faces in a row, 0.04 s apart, go with the speech at the first one: the cosine of
 * their embeddings, 0 to 1; before and after, [5 96 96 3] each. Returns VISEME_OK or
 * VISEME_ERR_NOMEM. */
viseme_status vis_dub_judge_run(struct vis_dub_judge *judge, const uint8_t *before,
                                const uint8_t *after, const float *mel, double *cosine_before,
                                double *cosine_after, viseme_error *err);

#endif
