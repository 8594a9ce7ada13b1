/* A picture of a video that keeps what its decoder made of it beside the BGR picture, so that a
 * part of it can be changed and the rest written as it was. Needs FFmpeg: not built with FFMPEG=0.
 */
#ifndef VIS_IO_VIDEO_FRAME_H
#define VIS_IO_VIDEO_FRAME_H

#include "io/frames.h"

struct vis_video_frame;

/* Takes the picture that vis_frames_next() gave last. The decoder's pixels are shared with it, the
 * BGR picture is copied. Pictures, and videos whose pixels are of a kind without whole bytes, have
 * their BGR pixels only. Free with vis_video_frame_free().
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_video_frame_take(struct vis_video_frame **out, const struct vis_frames *frames,
                                   const viseme_image *image, viseme_error *err);
/* The same picture again; memory is shared until one of the two is pasted into.
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_video_frame_clone(struct vis_video_frame **out,
                                    const struct vis_video_frame *frame, viseme_error *err);
void vis_video_frame_free(struct vis_video_frame *frame);

/* The BGR picture as vis_frames_next() gives it; lives until the frame is pasted into or freed. */
const viseme_image *vis_video_frame_image(const struct vis_video_frame *frame);
/* Bytes that the picture needs, decoded and in BGR. */
size_t vis_video_frame_bytes(const struct vis_video_frame *frame);

struct vis_paster;

/* Pastes a patch of the BGR picture into the decoder's picture: turned back, with its pixels'
 * shape and kind undone. Only the samples under a mask above 0 change; a chroma sample counts by
 * the mean of the mask over its pixels. The BGR picture is gone after it.
 * A paster keeps what conversions need from one paste to the next; one thread at a time.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (outside of the picture), VISEME_ERR_INPUT (pixels that
 * cannot be converted) or VISEME_ERR_NOMEM. */
viseme_status vis_paster_create(struct vis_paster **out, viseme_error *err);
void vis_paster_free(struct vis_paster *paster);
viseme_status vis_paster_paste(struct vis_paster *paster, struct vis_video_frame *frame,
                               const viseme_patch *patch, viseme_error *err);

#endif
