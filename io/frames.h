/* Frames of a video file, of a picture, of a folder or a glob of PNG pictures: one stream of
 * pictures with presentation times, whatever they came from. */
#ifndef VIS_IO_FRAMES_H
#define VIS_IO_FRAMES_H

#include "viseme.h"

/* Limits on what is decoded; 0 in a field of the options means the default given here. */
#define VIS_FRAMES_MAX_PIXELS  (8192u * 8192u) /* of one picture */
#define VIS_FRAMES_MAX_STREAMS 64              /* in one container */
#define VIS_FRAMES_MAX_SECONDS (6 * 3600.0)    /* of video */

struct vis_frames_options {
    double fps; /* of pictures, > 0; 0: 25. Ignored for video files, which state their times */
    double from_s, to_s; /* only frames with from_s <= time < to_s; to_s 0: to the end */
    int as_stored;       /* 1: the rotation that a video states is not applied */
};

struct vis_frames_info {
    const char *kind;  /* "video" or "pictures" */
    const char *codec; /* such as "h264", "png"; lives as long as the stream */
    int width, height; /* of the first picture, as it is given out */
    double frame_rate; /* nominal, 0 when unknown */
    double duration_s; /* of the whole file, 0 when unknown */
    /* What was done to the first picture of a video. */
    int turned;          /* degrees clockwise: 0, 90, 180 or 270 */
    int mirrored;        /* 1: mirrored left to right after that */
    int turn_ignored;    /* 1: the file states another angle, which is not applied */
    int interlaced;      /* 1: of its two fields one is used */
    double pixel_aspect; /* width over height of its pixels before they were made square */
};

struct vis_frames;

/* Opens `path`: a regular file (a video, or one PNG or JPEG picture: its content decides, not its
 * name), a
 * directory of .png files, or, when nothing of that name exists, a glob pattern that names .png
 * files. Pictures come in natural order of their names, hidden ones left out, and need not be of
 * one size. A path is never taken for a URL, a playlist or a device. opts may be NULL.
 *
 * Pictures of a video are given out as a player shows them: turned and mirrored by quarters as the
 * frame or else the file states; with square pixels, where it states from 1:4 to 4:1 for theirs
 * (the shorter side grows); of an interlaced picture the field of the even rows, stretched, which
 * costs half of the height but leaves no combs on lips that move.
 *
 * from_s: the file is entered at a point before it from which decoding gives the same pictures as
 * from the start. Where there is no such point to be known (transport and program streams, whose
 * clock may jump, and files without an index) everything before is decoded and dropped.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (fps, from_s, to_s), VISEME_ERR_INPUT (missing,
 * unreadable, not a regular file, no video stream, damaged, unsupported, nothing from from_s to
 * to_s), VISEME_ERR_LIMIT or VISEME_ERR_NOMEM. */
viseme_status vis_frames_open(struct vis_frames **out, const char *path,
                              const struct vis_frames_options *opts, viseme_error *err);
void vis_frames_close(struct vis_frames *frames);

void vis_frames_get_info(const struct vis_frames *frames, struct vis_frames_info *info);

/* The next picture, in BGR24. image->data is NULL at the end of the stream. The picture belongs to
 * the stream and lives until the next call; its size may change from one to the next. *seconds
 * counts from the start of the file and never goes back: a video that starts later than its sound
 * has a first time above 0. A damaged frame in the middle of a video is skipped, not fatal, and a
 * stream of which nothing can be decoded is refused when it is opened; a damaged picture is
 * VISEME_ERR_INPUT.
 * Returns VISEME_OK, VISEME_ERR_INPUT, VISEME_ERR_LIMIT or VISEME_ERR_NOMEM. */
viseme_status vis_frames_next(struct vis_frames *frames, viseme_image *image, double *seconds,
                              viseme_error *err);

#endif
