/* Pictures of every face, 25 a second, cut as the networks that compare lips and sound were
 * trained: the box's centre and half its longer side s through a running median of 13, then the
 * square from s above the centre to 1.8 s below it, grey where it leaves the frame. Source: the
 * pipeline of syncnet_python (crop scale 0.40), but that the median repeats the ends of a track
 * where the original has zeros. */
#ifndef VIS_TASKS_SYNC_FACES_H
#define VIS_TASKS_SYNC_FACES_H

#include "base/error.h"

/* A picture of a face at start + index / 25 s, `start` being the time of the first frame. */
struct vis_sync_picture {
    int id; /* of its track, see viseme_track */
    int64_t index;
    const uint8_t *bgr;    /* [side side 3] B G R; lives during the call */
    double x0, y0, x1, y1; /* the face's box in pixels of the frame */
};

/* Who takes the pictures: those of one time after those of an earlier one. */
typedef viseme_status vis_sync_taker(void *user, const struct vis_sync_picture *picture,
                                     viseme_error *err);

struct vis_sync_faces;

/* opts: what finds faces and whose; side: of the pictures. Holds seven frames.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL or VISEME_ERR_NOMEM. */
viseme_status vis_sync_faces_open(struct vis_sync_faces **out, const viseme_crop_options *opts,
                                  int side, vis_sync_taker *take, void *user, viseme_error *err);
void vis_sync_faces_close(struct vis_sync_faces *faces);

/* Takes the next frame; times as in viseme_cropper_push(). Each 1/25 s gets the frame nearest to
 * it; between frames far apart the earlier one is held. A face that is missing for up to six
 * pictures is interpolated. Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_INPUT,
 * VISEME_ERR_NOMEM or what the taker returned. */
viseme_status vis_sync_faces_push(struct vis_sync_faces *faces, const viseme_image *frame,
                                  double seconds, viseme_error *err);
/* There are no more frames: gives out the rest. VISEME_ERR_INPUT when there was none. */
viseme_status vis_sync_faces_finish(struct vis_sync_faces *faces, viseme_error *err);

/* Pictures' times so far; the time of the first frame; how many of these times had a face. */
int64_t vis_sync_faces_count(const struct vis_sync_faces *faces);
double vis_sync_faces_start(const struct vis_sync_faces *faces);
int64_t vis_sync_faces_seen(const struct vis_sync_faces *faces);
/* Track i of those followed so far: 1 and filled, or 0. */
int vis_sync_faces_track(const struct vis_sync_faces *faces, size_t i, viseme_track *track);

#endif
