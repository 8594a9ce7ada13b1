/* What tests of frames expect of a stream; a failed check fails the running cmocka test. */
#ifndef TESTS_SUPPORT_FRAMES_CHECK_H
#define TESTS_SUPPORT_FRAMES_CHECK_H

#include "io/frames.h"

/* Opens what must open. */
struct vis_frames *open_frames(const char *path, double fps);
/* The next frame is of this size and time, and every byte of its pixels is `value`. */
void expect_frame(struct vis_frames *frames, int width, int height, int value, double seconds);
/* There are no more frames; closes the stream. */
void expect_end(struct vis_frames *frames);
/* Opening fails with this status and a sentence that holds `says`. */
void expect_refusal(const char *path, viseme_status want, const char *says);

/* Writes a YUV4MPEG file of `count` grey frames of 4:2:0, luma 16 + 20 i, the simplest video there
 * is, as `name` in the scratch folder, and gives its path. rate: such as "25:1". */
const char *write_y4m(const char *name, int width, int height, const char *rate, int count);

#endif
