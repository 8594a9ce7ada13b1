/* Samples on their way into a stream of a container, in the encoder's blocks. Internal to io; not
 * built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_SOUND_ENCODER_H
#define VIS_IO_FFMPEG_SOUND_ENCODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>

#include "viseme.h"

struct vis_sound_encoder {
    AVFormatContext *to; /* not owned, as is */
    AVStream *stream;
    AVCodecContext *codec; /* its sample_fmt, sample_rate and ch_layout are what it takes */
    AVAudioFifo *fifo;     /* of such samples, the first of which is */
    int64_t position;      /* samples from time 0 */
    AVFrame *block;
};

/* What the sound should be like. */
struct vis_sound_kind {
    int rate; /* Hz, or the nearest that the encoder has */
    const AVChannelLayout *layout;
    enum AVSampleFormat format; /* if the encoder has it, else one that it has */
    int64_t bit_rate;           /* 0: what the encoder takes by itself */
};

/* Opens an encoder for what `stream`, a new one of `to`, will hold, before the header is written.
 * Returns VISEME_OK, VISEME_ERR_OUTPUT (the encoder does not take this) or VISEME_ERR_NOMEM; close
 * it in every case. */
viseme_status vis_sound_encoder_open(struct vis_sound_encoder *e, const AVCodec *codec,
                                     AVFormatContext *to, AVStream *stream,
                                     const struct vis_sound_kind *kind, viseme_error *err);
void vis_sound_encoder_close(struct vis_sound_encoder *e);

/* Appends samples as the encoder takes them. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_sound_encoder_add(struct vis_sound_encoder *e, const AVFrame *samples,
                                    viseme_error *err);
/* Throws away what it holds of the time before sample `first`. */
void vis_sound_encoder_skip(struct vis_sound_encoder *e, int64_t first);
/* Encodes whole blocks of the time before `until_s` and writes the packets; INFINITY: the last
 * call, all there is. Nothing of the time from `end_s` on is written, to the sample. Returns
 * VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_sound_encoder_drain(struct vis_sound_encoder *e, double until_s, double end_s,
                                      viseme_error *err);

/* The sentence for a packet that could not be written. */
viseme_status vis_sound_encoder_fail(int result, viseme_error *err);

#endif
