/* What a struct vis_video_frame is made of. Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_FRAME_H
#define VIS_IO_FFMPEG_FRAME_H

#include <libavutil/frame.h>

#include "io/frames_source.h"
#include "io/video_frame.h"

struct vis_video_frame {
    AVFrame *frame;           /* as decoded, or BGR24 */
    struct vis_native native; /* native.frame is not used */
    AVBufferRef *bgr;         /* of image; shared between clones */
    viseme_image image;
};

/* Whether every sample of this format (enum AVPixelFormat) can be changed by itself. */
int vis_ffpaste_knows(int format);

#endif
