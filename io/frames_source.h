/* What a stream of frames is made of: one implementation per kind of input. Internal to io. */
#ifndef VIS_IO_FRAMES_SOURCE_H
#define VIS_IO_FRAMES_SOURCE_H

#include "io/frames.h"

/* The longest side of a viseme_image. */
#define VIS_FRAMES_MAX_SIDE 16384

struct AVFrame;

/* A picture as its decoder made it, before it was turned, scaled and converted. */
struct vis_native {
    const struct AVFrame *frame; /* lives until the next picture; NULL: there is only the BGR one */
    int orientation;             /* what makes it upright, see io/orient.h */
    int has_matrix;              /* 1: `matrix` is what the frame or the file states */
    int32_t matrix[9];           /* as vis_orient_from_matrix() takes it */
    int aspect_num, aspect_den;  /* of its pixels, as the file states; 0: unknown */
    int tick_num, tick_den;      /* seconds of which its file counts the times */
    int rate_num, rate_den;      /* nominal frames a second; 0: unknown */
};

struct vis_frames_ops {
    void (*get_info)(const void *self, struct vis_frames_info *info);
    viseme_status (*next)(void *self, viseme_image *image, double *seconds, viseme_error *err);
    /* The picture that next() gave out last; NULL as a function: there is only the BGR picture. */
    void (*native)(const void *self, struct vis_native *native);
    void (*close)(void *self);
};

struct vis_frames {
    const struct vis_frames_ops *ops;
    void *self;
    double to; /* seconds; INFINITY: to the end */
    int ended; /* a frame at or after `to` has been seen */
};

/* Each opens its kind, fills frames->ops and ->self and reads as far as the first picture from
 * opts->from_s on; opts->to_s is not theirs to see to. The options are complete and checked.
 * Status as vis_frames_open(). */

/* PNG pictures: one file; those of a folder; those that a glob pattern names. */
viseme_status vis_frames_open_picture(struct vis_frames *frames, const char *path,
                                      const struct vis_frames_options *opts, viseme_error *err);
viseme_status vis_frames_open_folder(struct vis_frames *frames, const char *path,
                                     const struct vis_frames_options *opts, viseme_error *err);
viseme_status vis_frames_open_glob(struct vis_frames *frames, const char *pattern,
                                   const struct vis_frames_options *opts, viseme_error *err);
/* One JPEG picture, through the FFmpeg libraries; the orientation it states (EXIF) is applied. */
viseme_status vis_frames_open_jpeg(struct vis_frames *frames, const char *path,
                                   const struct vis_frames_options *opts, viseme_error *err);
/* A video file, through the FFmpeg libraries. */
viseme_status vis_frames_open_video(struct vis_frames *frames, const char *path,
                                    const struct vis_frames_options *opts, viseme_error *err);

/* Times that differ by less are the same: they were rounded on their way here. */
#define VIS_FRAMES_SAME_TIME 1e-6

/* The order people mean when they number files: frame2 before frame10. Runs of digits compare as
 * numbers, everything else byte by byte; names that differ only in leading zeros as strcmp(). */
int vis_natural_compare(const char *a, const char *b);

#endif
