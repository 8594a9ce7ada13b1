/* From the raw outputs of BlazeFace to faces in the picture, and from a face to the region that
 * FaceMesh looks at.
 * Source: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
 * 2019, with the constants of MediaPipe's front-camera model and the padding, scaling and rounding
 * of its PyTorch conversion. */
#ifndef VIS_NETS_FACE_BOXES_H
#define VIS_NETS_FACE_BOXES_H

enum {
    VIS_FACE_ANCHORS = 896,
    VIS_FACE_RAW = 16,   /* numbers of a raw box */
    VIS_FACE_INPUT = 128 /* pixels of BlazeFace's input, square */
};
#define VIS_FACE_MIN_SCORE 0.75f
#define VIS_FACE_SAME_IOU  0.3f

/* Whose left and right: the subject's. */
enum vis_face_key {
    VIS_FACE_RIGHT_EYE,
    VIS_FACE_LEFT_EYE,
    VIS_FACE_NOSE,
    VIS_FACE_MOUTH,
    VIS_FACE_RIGHT_EAR,
    VIS_FACE_LEFT_EAR,
    VIS_FACE_KEYS
};

/* In shares of the network's square input, or in pixels of the picture. */
struct vis_face_box {
    float ymin, xmin, ymax, xmax;
    float key[VIS_FACE_KEYS][2]; /* x, y */
    float score;                 /* 0 .. 1 */
};

/* A square in the picture, turned by theta (radians, clockwise as seen): the face is upright in
 * its own axes. Pixels. */
struct vis_face_region {
    float x, y, size, theta; /* centre, side */
};

/* How a picture lies in BlazeFace's input: fitted into a square of 256, zeros around it, halved. */
struct vis_face_fit {
    int width, height;    /* of the picture inside the square of 256 */
    int top, left;        /* zeros before it */
    float scale;          /* pixels of the picture per pixel of the square, of its shorter side */
    int x_shift, y_shift; /* pixels of the picture before its edge */
};

/* The fit of a picture; width and height >= 1, at most 1:256. */
struct vis_face_fit vis_face_fit(int width, int height);

/* Boxes of all anchors whose score is at least min_score, in the order of the anchors, in shares of
 * the input.
 * raw_boxes [896 16] and raw_scores [896], the network's outputs of one picture; a NaN is no face.
 * out       room for 896. Returns how many. */
int vis_face_candidates(struct vis_face_box *out, const float *raw_boxes, const float *raw_scores,
                        float min_score);

/* Non-maximum suppression by weighted means: the best box and all that overlap it by more than
 * `iou` become one, whose numbers are the means weighted by the scores and whose score is the mean
 * score; then the same with what is left. Works in place, best first; returns how many. */
int vis_face_merge(struct vis_face_box *boxes, int count, float iou);

/* From shares of the input to pixels of the picture; the score stays. */
void vis_face_to_picture(struct vis_face_box *boxes, int count, const struct vis_face_fit *fit);

/* FaceMesh's region of a face in pixels: 1.5 times as wide as its box, turned as its eyes are. */
struct vis_face_region vis_face_region_of_box(const struct vis_face_box *box);

#endif
