#include "io/ffmpeg_sound_encoder.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum { BLOCK = 1024 }; /* samples, where an encoder takes any number */

viseme_status vis_sound_encoder_fail(int result, viseme_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(result, text, sizeof text);
    return vis_fail(err, VISEME_ERR_OUTPUT, "the sound cannot be written (%s)", text);
}

void vis_sound_encoder_close(struct vis_sound_encoder *e)
{
    avcodec_free_context(&e->codec);
    av_audio_fifo_free(e->fifo);
    av_frame_free(&e->block);
    e->fifo = NULL;
}

/* The encoder's rate nearest to one. */
static int rate_for(const AVCodec *codec, int rate)
{
    int best = 0;
    for (const int *r = codec->supported_samplerates; r && *r; r++)
        if (abs(*r - rate) < abs(best - rate))
            best = *r;
    return best ? best : rate;
}

static enum AVSampleFormat format_for(const AVCodec *codec, enum AVSampleFormat format)
{
    for (const enum AVSampleFormat *f = codec->sample_fmts; f && *f != AV_SAMPLE_FMT_NONE; f++)
        if (*f == format)
            return format;
    return codec->sample_fmts ? codec->sample_fmts[0] : format;
}

static viseme_status make_block(struct vis_sound_encoder *e, viseme_error *err)
{
    const AVCodecContext *c = e->codec;
    const int size = c->frame_size > 0 ? c->frame_size : BLOCK;
    e->fifo = av_audio_fifo_alloc(c->sample_fmt, c->ch_layout.nb_channels, size);
    e->block = av_frame_alloc();
    if (!e->fifo || !e->block || avcodec_parameters_from_context(e->stream->codecpar, c) < 0)
        return vis_fail_nomem(err, sizeof *e->block);
    e->block->format = c->sample_fmt;
    e->block->sample_rate = c->sample_rate;
    e->block->nb_samples = size;
    if (av_channel_layout_copy(&e->block->ch_layout, &c->ch_layout) < 0 ||
        av_frame_get_buffer(e->block, 0) < 0)
        return vis_fail_nomem(err, (size_t)size);
    return VISEME_OK;
}

viseme_status vis_sound_encoder_open(struct vis_sound_encoder *e, const AVCodec *codec,
                                     AVFormatContext *to, AVStream *stream,
                                     const struct vis_sound_kind *kind, viseme_error *err)
{
    *e = (struct vis_sound_encoder){.to = to, .stream = stream};
    e->codec = avcodec_alloc_context3(codec);
    if (!e->codec)
        return vis_fail_nomem(err, sizeof *e->codec);
    e->codec->sample_rate = rate_for(codec, kind->rate);
    e->codec->sample_fmt = format_for(codec, kind->format);
    e->codec->bit_rate = kind->bit_rate;
    e->codec->time_base = (AVRational){1, e->codec->sample_rate};
    if (av_channel_layout_copy(&e->codec->ch_layout, kind->layout) < 0)
        return vis_fail_nomem(err, sizeof *kind->layout);
    if (to->oformat->flags & AVFMT_GLOBALHEADER)
        e->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(e->codec, codec, NULL) < 0)
        return vis_fail(err, VISEME_ERR_OUTPUT,
                        "FFmpeg's encoder '%s' does not take this sound (%d channels at %d Hz)",
                        codec->name, kind->layout->nb_channels, kind->rate);
    stream->time_base = e->codec->time_base;
    return make_block(e, err);
}

viseme_status vis_sound_encoder_add(struct vis_sound_encoder *e, const AVFrame *samples,
                                    viseme_error *err)
{
    const int n = samples->nb_samples;
    if (n > 0 && av_audio_fifo_write(e->fifo, (void **)samples->extended_data, n) < n)
        return vis_fail_nomem(err, (size_t)n);
    return VISEME_OK;
}

void vis_sound_encoder_skip(struct vis_sound_encoder *e, int64_t first)
{
    const int64_t held = av_audio_fifo_size(e->fifo);
    const int64_t early = first > e->position ? first - e->position : 0;
    const int n = (int)(early < held ? early : held);
    av_audio_fifo_drain(e->fifo, n);
    e->position += n;
}

/* Gives the encoder `frame` (NULL: the end) and writes what it makes. */
static viseme_status encode(struct vis_sound_encoder *e, const AVFrame *frame, viseme_error *err)
{
    AVPacket *p = av_packet_alloc();
    int result = p ? avcodec_send_frame(e->codec, frame) : AVERROR(ENOMEM);

    while (result >= 0) {
        result = avcodec_receive_packet(e->codec, p);
        if (result < 0)
            break;
        av_packet_rescale_ts(p, e->codec->time_base, e->stream->time_base);
        p->stream_index = e->stream->index;
        result = av_interleaved_write_frame(e->to, p);
    }
    av_packet_free(&p);
    return result == AVERROR(EAGAIN) || result == AVERROR_EOF || result >= 0
               ? VISEME_OK
               : vis_sound_encoder_fail(result, err);
}

viseme_status vis_sound_encoder_drain(struct vis_sound_encoder *e, double until_s, double end_s,
                                      viseme_error *err)
{
    const int block = e->block->nb_samples, all = isinf(until_s);
    const double until = until_s * e->codec->sample_rate;
    const double end = ceil(end_s * e->codec->sample_rate);
    viseme_status status = VISEME_OK;

    while (status == VISEME_OK && av_audio_fifo_size(e->fifo) >= (all ? 1 : block) &&
           (double)e->position + block <= until) {
        if (av_frame_make_writable(e->block) < 0)
            return vis_fail_nomem(err, (size_t)block);
        int n = av_audio_fifo_read(e->fifo, (void **)e->block->extended_data, block);
        if (n <= 0)
            break;
        const double left = end - (double)e->position;
        e->block->pts = e->position;
        e->position += n;
        if (left < 1)
            continue; /* beyond the end */
        e->block->nb_samples = left < n ? (int)left : n;
        status = encode(e, e->block, err);
        e->block->nb_samples = block;
    }
    return all && status == VISEME_OK ? encode(e, NULL, err) : status;
}
