/* From the outputs of YuNet and S3FD to faces.
 * Sources: the decoding and thresholds of libfacedetection.train (tools/compare_inference.py) and
 * of Wav2Lip's face_detection (detection/sfd). */
#ifndef VIS_NETS_DETECTIONS_H
#define VIS_NETS_DETECTIONS_H

enum { VIS_YUNET_LEVELS = 3, VIS_YUNET_MULTIPLE = 32, VIS_S3FD_LEVELS = 6, VIS_DETECTION_KEYS = 5 };

/* A candidate above MIN is decoded, boxes that overlap a better one by more than IOU fall out; of
 * S3FD's, what then is not above SCORE. */
#define VIS_YUNET_MIN  0.5f
#define VIS_YUNET_IOU  0.45f
#define VIS_S3FD_MIN   0.05f
#define VIS_S3FD_IOU   0.3f
#define VIS_S3FD_SCORE 0.5f

/* Subtracted from R, G and B, in this order. */
#define VIS_S3FD_MEAN                                                                              \
    {                                                                                              \
        104.0f, 117.0f, 123.0f                                                                     \
    }

/* The subject's right and left. */
enum vis_detection_key {
    VIS_DETECTION_RIGHT_EYE,
    VIS_DETECTION_LEFT_EYE,
    VIS_DETECTION_NOSE,
    VIS_DETECTION_MOUTH_RIGHT,
    VIS_DETECTION_MOUTH_LEFT
};

struct vis_detection {
    float x0, y0, x1, y1;             /* pixels of the network's input */
    float score;                      /* 0 .. 1 */
    float key[VIS_DETECTION_KEYS][2]; /* x, y; zeros from S3FD */
};

/* YuNet's outputs of one picture of `height` x `width` pixels, multiples of 32: level i has
 * height / (8 << i) * width / (8 << i) cells, row by row; cls and obj [cells], bbox [cells 4],
 * kps [cells 10]. */
struct vis_yunet_maps {
    int width, height;
    const float *cls[VIS_YUNET_LEVELS], *obj[VIS_YUNET_LEVELS], *bbox[VIS_YUNET_LEVELS],
        *kps[VIS_YUNET_LEVELS];
};

/* S3FD's outputs of one picture: cls [2 height width], logits of background and face, and
 * reg [4 height width]. */
struct vis_s3fd_maps {
    int width[VIS_S3FD_LEVELS], height[VIS_S3FD_LEVELS];
    const float *cls[VIS_S3FD_LEVELS], *reg[VIS_S3FD_LEVELS];
};

/* Every cell whose score, cls * obj, is above min_score; level by level, row by row. Scores that
 * are no number and boxes that are not finite are left out. Returns how many there are and writes
 * the first `room` of them. */
int vis_yunet_candidates(struct vis_detection *out, int room, const struct vis_yunet_maps *maps,
                         float min_score);

/* Likewise; the score is the softmax's share of the face. */
int vis_s3fd_candidates(struct vis_detection *out, int room, const struct vis_s3fd_maps *maps,
                        float min_score);

/* Greedy non-maximum suppression: of the boxes that overlap by more than `iou` only the best one
 * stays. edge: what a side is longer than the difference of its coordinates; 1 where these are the
 * first and the last pixel, as in Wav2Lip's S3FD, else 0. Works in place, best first, of equal
 * scores the upper and then the left one; returns how many. */
int vis_detections_best(struct vis_detection *d, int count, float iou, float edge);

#endif
