/* Writing a video once: frames as they were decoded, with their times, and a sound file's stream
 * beside them. The file is whole or not there. Needs FFmpeg: not built with FFMPEG=0. */
#ifndef VIS_IO_VIDEO_WRITER_H
#define VIS_IO_VIDEO_WRITER_H

#include "io/video_frame.h"

struct vis_video_writer;

struct vis_video_writer_options {
    int lossless;          /* 1: every sample of the frames comes back as it was */
    int crf;               /* quality of H.264 otherwise: 0 to 51, less is better */
    const char *preset;    /* of x264, such as "fast"; NULL: its default, "veryfast" for lossless */
    int threads;           /* of the encoder; 0: its own choice */
    const char *made_with; /* goes into the file as its comment; NULL: nothing does */
};

struct vis_video_writer_info {
    const char *codec;  /* "h264" or "ffv1" */
    const char *pixels; /* FFmpeg's name of the pixel format that is written */
    int converted;      /* 1: whole frames were converted to it */
    const char *sound;  /* codec of the sound that is written; NULL: there is none */
    int sound_copied;   /* 1: its packets are those of the sound file */
    int64_t frames;
};

/* Opens `path`, whose ending says which container it becomes: .mp4, .mov or .mkv; nothing is
 * at that name before vis_video_writer_commit(). sound: a media file whose best sound stream goes
 * along, its time sound_from_s (as struct vis_audio_info states it) at time 0 of the frames; NULL:
 * none. A compressed
 * stream that the container takes is copied; others are encoded once, as AAC. With `lossless` PCM
 * is copied too, where the container takes it.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (ending, crf, preset), VISEME_ERR_INPUT (the sound file),
 * VISEME_ERR_NO_AUDIO (no sound stream in it), VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_video_writer_open(struct vis_video_writer **out, const char *path,
                                    const struct vis_video_writer_options *opts, const char *sound,
                                    double sound_from_s, viseme_error *err);

/* Adds a frame, which it takes over whatever is returned. seconds: its time, from 0 on; two frames
 * at the same tick of the video's clock become one tick apart. The first frame gives the size, the
 * pixel format, the colours' tags, the rotation and the clock. An odd last row or column that the
 * pixel format cannot have is dropped, but not with `lossless`.
 * Returns VISEME_OK, VISEME_ERR_INPUT (a frame of another size or kind than the first one),
 * VISEME_ERR_ARGUMENT (what the container cannot hold), VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_video_writer_add(struct vis_video_writer *writer, struct vis_video_frame *frame,
                                   double seconds, viseme_error *err);

/* Completes the file, the last frame and the sound ending at end_s, and puts it into place; frees
 * the writer. *info, if not NULL, says what was written. Returns VISEME_OK, VISEME_ERR_INPUT (no
 * frame was added; the sound is damaged), VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_video_writer_commit(struct vis_video_writer *writer, double end_s,
                                      struct vis_video_writer_info *info, viseme_error *err);
/* Leaves nothing behind; frees the writer. NULL is allowed. */
void vis_video_writer_abort(struct vis_video_writer *writer);

#endif
