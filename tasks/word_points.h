/* The points of a face that SyncVSR's landmark reader sees: MediaPipe's 478. */
#ifndef VIS_TASKS_WORD_POINTS_H
#define VIS_TASKS_WORD_POINTS_H

#include <stddef.h>

enum {
    VIS_WORD_POINTS = 478, /* FaceMesh's 468 and five of either iris */
    VIS_WORD_FRAME = 256   /* pixels of a side of LRW's frames */
};

/* out [478][3] of FaceMesh's mesh [468][3], in its pixels. The mesh has no irises: their centres
 * are guessed to be those of the eyes, their radii 0.195 of the eyes' widths, for an iris of 11.7
 * mm in an eye of 30; right, above, left and below the centre in the picture, turned as the eye is.
 */
void vis_word_points(const float (*mesh)[3], float (*out)[3]);

/* Moves and scales a clip's points [frames][478][3], frames without a face NaN, to where they would
 * be if the face filled LRW's frames as those of LRW do: the numbers that the network sees depend
 * on the place in the frame. One shift and one scale for the whole clip, in all three directions.
 */
void vis_word_points_place(float *points, size_t frames);

#endif
