/* From points of a face to the numbers that SyncVSR's landmark reader sees.
 * Source: KAIST-AILab/SyncVSR, LRW/landmark/src/transform.py and dataset.py. */
#ifndef VIS_SIGNAL_LANDMARK_INPUT_H
#define VIS_SIGNAL_LANDMARK_INPUT_H

#include <stddef.h>

/* raw, out [count 3]: x, y, z of all points of all frames of a clip, NaN where unknown, else
 * finite; they may be the same. From each number the mean of its axis is taken, over what is known,
 * and the rest is divided by one number: the deviation of all raw numbers of all three axes, NaN as
 * 0, with count - 1. NaN becomes 0, and so does everything where nothing varies. Scaling all of raw
 * changes nothing; shifting it does. */
void vis_landmark_input(const float *raw, size_t count, float *out);

#endif
