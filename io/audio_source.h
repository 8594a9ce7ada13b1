/* What a stream of sound is made of. Internal to io. */
#ifndef VIS_IO_AUDIO_SOURCE_H
#define VIS_IO_AUDIO_SOURCE_H

#include "io/audio.h"

struct vis_audio_ops {
    void (*get_info)(const void *self, struct vis_audio_info *info);
    /* The next samples from info.start_s on, without gaps; *count 0 at the end. They need not be
     * finite; the caller sees to that, and to what comes after to_s. */
    viseme_status (*next)(void *self, float **samples, size_t *count, viseme_error *err);
    void (*close)(void *self);
};

struct vis_audio {
    const struct vis_audio_ops *ops;
    void *self;
    int64_t given, most; /* samples; most: up to to_s */
    double limit;        /* samples in the longest sound that is read */
    char *path;
    float *first; /* the samples read when it was opened, of ops->next() */
    size_t first_count;
};

/* Each fills audio->ops and ->self. The options are complete and checked. */
viseme_status vis_audio_open_media(struct vis_audio *audio, const char *path,
                                   const struct vis_audio_options *opts, viseme_error *err);

#endif
