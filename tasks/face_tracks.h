/* Which face is which: searches frames for faces, follows them under stable numbers and chooses
 * the one that is cut out.
 *
 * A shot ends where the scene changes (signal/cut.h) or the frame's size does; every face is new
 * then. Within a shot a face that was lost and is found again near its old place goes on under its
 * number. */
#ifndef VIS_TASKS_FACE_TRACKS_H
#define VIS_TASKS_FACE_TRACKS_H

#include "tasks/face_finder.h"

enum { VIS_FACES = 16 }; /* followed at the same time */

struct vis_face_tracks_options {
    viseme_face_choice choice;
    int number;  /* VISEME_FACE_NUMBER */
    double x, y; /* VISEME_FACE_POINT */
    int all;     /* follow every face, not only the chosen one */
};

/* A face in the last frame. */
struct vis_face_tracked {
    int id; /* 1, 2 ... in order of appearance, from left to right in a frame */
    struct vis_face_seen seen;
};

struct vis_face_tracks;

/* Takes over the finder (also when it fails). Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_face_tracks_create(struct vis_face_tracks **out, struct vis_face_finder finder,
                                     const struct vis_face_tracks_options *opts, viseme_error *err);
void vis_face_tracks_free(struct vis_face_tracks *tracks);

/* Looks at the next frame; `seconds` must not go back. Returns VISEME_OK (faces or not),
 * VISEME_ERR_MODEL or VISEME_ERR_NOMEM. */
viseme_status vis_face_tracks_push(struct vis_face_tracks *tracks, const viseme_image *frame,
                                   double seconds, viseme_error *err);

/* The faces in the last frame by id, and the chosen one among them, NULL when it is not there.
 * They live until the next push. */
const struct vis_face_tracked *vis_face_tracks_faces(const struct vis_face_tracks *tracks,
                                                     int *count);
const struct vis_face_tracked *vis_face_tracks_chosen(const struct vis_face_tracks *tracks);

/* How faces are found, and the shot of the last frame: 1, 2 ..., 0 before the first one. */
const struct vis_face_method *vis_face_tracks_method(const struct vis_face_tracks *tracks);
int vis_face_tracks_shot(const struct vis_face_tracks *tracks);

/* Every face so far by id. Lives until the next push. */
const viseme_track *vis_face_tracks_history(const struct vis_face_tracks *tracks, size_t *count);

#endif
