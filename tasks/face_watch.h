/* Where faces are, frame by frame: for tasks that want a face's box and no mouth crop.
 *
 * Any method of finding faces, and the choice among several, by the same options as mouth crops.
 * Ids, shots and reunions are those of tasks/face_tracks.h: a scene cut or a change of the frame's
 * size ends the shot, and no track goes on into the next one.
 *
 *     struct vis_face_watch *w;
 *     vis_face_watch_open(&w, &options, &err);
 *     for each frame:
 *         vis_face_watch_push(w, &frame, seconds, &err);
 *         const struct vis_face_place *face = vis_face_watch_chosen(w);
 *         if (face) { vis_face_place_pixels(face, frame.width, frame.height, box); ... }
 *     vis_face_watch_finish(w, &err);
 *
 * One thread at a time per object. */
#ifndef VIS_TASKS_FACE_WATCH_H
#define VIS_TASKS_FACE_WATCH_H

#include "base/error.h"

/* A face in a frame. The box is what detectors trained on WIDER FACE draw, S3FD and YuNet among
 * them: from the middle of the forehead to the chin, from cheek to cheek. Boxes and points of the
 * other methods are brought to it by fixed shares of their size. */
struct vis_face_place {
    int id;                /* of its track, see viseme_track */
    double x0, y0, x1, y1; /* pixels of the frame, continuous; may reach beyond it */
    double confidence;     /* 0 to 1 */
};

struct vis_face_watch;

/* Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (a damaged cascade) or
 * VISEME_ERR_NOMEM. *out: NULL on failure.
 *
 *  opts  what faces are found with, which one is chosen, `all_faces`, `on_no_face`. The models in
 *        it must outlive the object. `rate` tells nothing here but how far apart the frames are
 *        that `landmarks_every` counts; 0: 25; landmarks_every 0: every frame. */
viseme_status vis_face_watch_open(struct vis_face_watch **out, const viseme_crop_options *opts,
                                  viseme_error *err);
void vis_face_watch_free(struct vis_face_watch *watch);

/* Takes the next frame; its size may change. seconds: its presentation time, finite; a time before
 * the last one counts as the last one. Returns VISEME_OK (faces or not), VISEME_ERR_ARGUMENT,
 * VISEME_ERR_INPUT (no finite time), VISEME_ERR_MODEL, VISEME_ERR_NOMEM, or, where the options say
 * so, VISEME_ERR_NO_FACE when the chosen face is not there. */
viseme_status vis_face_watch_push(struct vis_face_watch *watch, const viseme_image *frame,
                                  double seconds, viseme_error *err);

/* There are no more frames; closes the last gap. Returns VISEME_OK, VISEME_ERR_INPUT (no frame at
 * all), VISEME_ERR_NO_FACE (no chosen face in any) or VISEME_ERR_NOMEM. */
viseme_status vis_face_watch_finish(struct vis_face_watch *watch, viseme_error *err);

/* The faces in the last frame by id: all of them with `all_faces` or a face chosen by number, else
 * only the chosen one. Live until the next push. */
const struct vis_face_place *vis_face_watch_faces(const struct vis_face_watch *watch, int *count);
/* The chosen one among them; NULL when it is not there. */
const struct vis_face_place *vis_face_watch_chosen(const struct vis_face_watch *watch);
/* The shot of the last frame: 1, 2 ...; 0 before the first frame. */
int vis_face_watch_shot(const struct vis_face_watch *watch);

/* Gap i, a stretch of frames without the chosen face from the time of its first frame to that of
 * the next frame with it, in order of time: 1 and `gap` filled, or 0. The last gap of a video ends
 * one frame after its last one. */
int vis_face_watch_gap(const struct vis_face_watch *watch, size_t i, viseme_gap *gap);
/* Face i of those followed so far, in order of ids: 1 and `track` filled, or 0. */
int vis_face_watch_track(const struct vis_face_watch *watch, size_t i, viseme_track *track);

/* The box in whole pixels: x0, y0, x1, y1, cut down to whole numbers and to the frame, as Wav2Lip's
 * inference takes it from its detector: rows y0 to y1 - 1, columns x0 to x1 - 1. Returns 0, box
 * untouched, when less than one pixel of it lies in the frame, else 1. */
int vis_face_place_pixels(const struct vis_face_place *place, int width, int height, int box[4]);

#endif
