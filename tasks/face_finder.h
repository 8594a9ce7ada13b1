/* How faces are found and followed: what the two methods (tasks/face_haar.h, tasks/face_mesh.h)
 * have in common, so that tasks/face_tracks.h need not know which one it has. */
#ifndef VIS_TASKS_FACE_FINDER_H
#define VIS_TASKS_FACE_FINDER_H

#include "base/error.h"
#include "nets/face_points.h"
#include "signal/affine.h"

/* LipNet's crop: 64 x 128 pixels cut from 160 x 80 of a template of 256 x 256, upper left corner
 * included (LipNet-PyTorch, demo.py). */
enum {
    VIS_CROP_WIDTH = 128,
    VIS_CROP_HEIGHT = 64,
    VIS_TEMPLATE_LEFT = 46,
    VIS_TEMPLATE_TOP = 139,
    VIS_TEMPLATE_WIDTH = 160,
    VIS_TEMPLATE_HEIGHT = 80
};

/* A box in a frame, in pixels, continuous coordinates. */
struct vis_face_pose {
    double x, y; /* centre */
    double width, height;
};

/* A face in a frame. */
struct vis_face_seen {
    struct vis_face_pose pose;
    double mouth_x, mouth_y;
    double confidence;      /* 0 to 1 */
    double crop_width;      /* of the mouth crop, in pixels of the frame; 0 where `aligned` */
    int aligned;            /* 1: `back` says where the crop lies; 0: upright around the mouth */
    int fresh;              /* 1: of this very frame; 0: of an earlier one, to be interpolated */
    struct vis_affine back; /* from the template's pixels to the frame's */
    int marked;             /* the method knows all 68 points of iBUG 300-W: */
    float marks[VIS_FACE_68][2];
    int meshed; /* and FaceMesh's points: x, y, z in pixels of the frame */
    float mesh[VIS_FACE_POINTS][3];
};

/* A face that a search found. */
struct vis_face_candidate {
    struct vis_face_pose pose;
    double confidence;
    double roll; /* of the line through the eyes, radians; 0 where a method does not know */
};

/* One method. `self` is its shared part; a `face` is what it keeps of one face. Functions that
 * look at a frame return VISEME_OK (face or not), VISEME_ERR_MODEL or VISEME_ERR_NOMEM. Where a
 * face is not found, *found is 0 and `seen` is not touched. */
struct vis_face_method {
    const char *name;
    double search_seconds; /* from one search of the whole frame to the next, while none is known */
    double outline[4]; /* left, top, right, bottom of the box that WIDER FACE's people would draw,
                          from the pose's centre in shares of its width and height;
                          measured with YuNet's boxes on 34 clips of GRID and 9 rendered ones */

    /* Looks for faces in the whole frame: *count of them, at most `room`, in any order; one face
     * may be there twice. */
    viseme_status (*search)(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err);
    /* Makes room for a face that is begun, over and over, with a candidate of the same frame. */
    viseme_status (*face_create)(void *self, void **face, viseme_error *err);
    void (*face_free)(void *face);
    viseme_status (*begin)(void *self, void *face, const viseme_image *frame, double seconds,
                           const struct vis_face_candidate *candidate, struct vis_face_seen *seen,
                           int *found, viseme_error *err);
    /* Follows the face from the frame before into this one. */
    viseme_status (*follow)(void *self, void *face, const viseme_image *frame, double seconds,
                            struct vis_face_seen *seen, int *found, viseme_error *err);
    /* Looks for a face that was lost where it was last; cheaper than a search. */
    viseme_status (*look)(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err);
    void (*free)(void *self);
};

struct vis_face_finder {
    const struct vis_face_method *method;
    void *self;
};

#endif
