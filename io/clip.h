/* A video or pictures made to last as long as something else: played once, over and over, forwards
 * and backwards, or with its last picture held. Memory does not grow with the length but for 8
 * bytes a frame. Needs FFmpeg: not built with FFMPEG=0. */
#ifndef VIS_IO_CLIP_H
#define VIS_IO_CLIP_H

#include "io/video_frame.h"

enum vis_clip_after {
    VIS_CLIP_END,      /* it ends; a single picture is held all the same: it has no length */
    VIS_CLIP_LOOP,     /* it begins again: the file is read anew */
    VIS_CLIP_PINGPONG, /* it goes back and forth, without showing its ends twice; backwards the file
                          is read in pieces */
    VIS_CLIP_HOLD      /* its last picture stays, at the rate of the file */
};

struct vis_clip;

/* Opens `path` as vis_frames_open() does. Returns what that returns. */
viseme_status vis_clip_open(struct vis_clip **out, const char *path,
                            const struct vis_frames_options *opts, enum vis_clip_after after,
                            viseme_error *err);
void vis_clip_close(struct vis_clip *clip);

void vis_clip_get_info(const struct vis_clip *clip, struct vis_frames_info *info);

/* A picture of the clip. */
struct vis_clip_frame {
    struct vis_video_frame *frame; /* the caller's to free; NULL at the end */
    double time_s;                 /* of the output: the first one is at 0 */
    double file_s;                 /* of the file, where the picture comes from */
    int64_t source;                /* its number there, from the first one that was wanted */
};

/* The next picture. Returns VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_LIMIT or VISEME_ERR_NOMEM. */
viseme_status vis_clip_next(struct vis_clip *clip, struct vis_clip_frame *out, viseme_error *err);

/* Seconds from the last picture that was given out to the one after it, as far as the file tells.
 */
double vis_clip_interval(const struct vis_clip *clip);

#endif
