/* Faces' boxes through time as Wav2Lip's inference prepares them: padded, cut to the frame, and
 * smoothed by a mean that looks ahead. Source: Wav2Lip, inference.py (face_detect, get_smoothened_
 * boxes). */
#ifndef VIS_SIGNAL_SMOOTH_BOXES_H
#define VIS_SIGNAL_SMOOTH_BOXES_H

enum { VIS_SMOOTH_SPAN = 5 }; /* boxes of a mean */

/* Pixels x0 to x1 - 1, y0 to y1 - 1 of a frame. */
struct vis_box {
    int x0, y0, x1, y1;
};

/* The box with pads [above, below, left, right] pixels more, cut to the frame. */
struct vis_box vis_box_pad(struct vis_box box, const int pads[4], int width, int height);

/* The boxes of a face without a gap, in order, smoothed as they come. Box i becomes the mean of
 * boxes i to i + 4, rounded down; the last ones are means of the last boxes, of which those before
 * them are smoothed already, as the original's are. Starts as {0}. */
struct vis_smoother {
    struct vis_box boxes[VIS_SMOOTH_SPAN]; /* that are not given out yet, */
    int count;                             /* so many, */
    struct vis_box before;                 /* and the smoothed one before them, */
    int started;                           /* if there is one */
};

/* Takes the next box. Returns 1 and fills `out` with the box of four frames before, once there is
 * one. */
int vis_smoother_push(struct vis_smoother *s, struct vis_box box, struct vis_box *out);
/* The face is gone or the video ends: fills out [VIS_SMOOTH_SPAN] with the boxes that are still
 * missing, in order, and starts anew. Returns how many. */
int vis_smoother_finish(struct vis_smoother *s, struct vis_box *out);

#endif
