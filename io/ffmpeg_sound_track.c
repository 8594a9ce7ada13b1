#include "io/ffmpeg_sound_track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "base/error.h"
#include "io/ffmpeg_input.h"
#include "io/ffmpeg_sound_encoder.h"

enum { MAX_BAD_READS = 64, KBIT_MONO = 128, KBIT_STEREO = 192 };

struct vis_sound_track {
    struct vis_ffinput input;
    AVStream *from, *stream; /* in the file, in the output */
    AVFormatContext *to;
    AVPacket *packet;
    int copied, ended, bad_reads;
    int waiting;   /* `packet` is read and not written yet */
    double from_s; /* of the file's clock, time 0 of the output */
    int trim;      /* what lies before from_s is dropped, not only what a decoder needs
                      first */
    /* Where it is encoded: */
    AVCodecContext *decoder;
    SwrContext *resampler;
    struct vis_sound_encoder encoder;
    AVFrame *decoded;
    int started;
    double last_s; /* time of the last packet */
};

void vis_sound_track_free(struct vis_sound_track *t)
{
    if (!t)
        return;
    av_packet_free(&t->packet);
    av_frame_free(&t->decoded);
    avcodec_free_context(&t->decoder);
    vis_sound_encoder_close(&t->encoder);
    swr_free(&t->resampler);
    vis_ffinput_close(&t->input);
    free(t);
}

const char *vis_sound_track_codec(const struct vis_sound_track *t, int *copied)
{
    *copied = t->copied;
    return avcodec_get_name(t->stream->codecpar->codec_id);
}

/* ---- Opening
 * -------------------------------------------------------------------------------
 */

static int is_pcm(enum AVCodecID id)
{
    return strncmp(avcodec_get_name(id), "pcm_", 4) == 0;
}

static viseme_status prepare_copy(struct vis_sound_track *t, viseme_error *err)
{
    if (avcodec_parameters_copy(t->stream->codecpar, t->from->codecpar) < 0)
        return vis_fail_nomem(err, sizeof *t->stream->codecpar);
    t->stream->codecpar->codec_tag = 0; /* the container has its own */
    t->stream->time_base = t->from->time_base;
    t->copied = 1;
    return VISEME_OK;
}

static viseme_status open_encoder(struct vis_sound_track *t, viseme_error *err)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    const int channels = t->decoder->ch_layout.nb_channels > 1 ? 2 : 1;
    AVChannelLayout layout;

    if (!codec)
        return vis_fail(err, VISEME_ERR_OUTPUT, "this FFmpeg cannot encode AAC sound");
    av_channel_layout_default(&layout, channels);
    const struct vis_sound_kind kind = {.rate = t->decoder->sample_rate,
                                        .layout = &layout,
                                        .format = AV_SAMPLE_FMT_FLTP,
                                        .bit_rate =
                                            1000 * (channels == 2 ? KBIT_STEREO : KBIT_MONO)};
    return vis_sound_encoder_open(&t->encoder, codec, t->to, t->stream, &kind, err);
}

static viseme_status prepare_encoding(struct vis_sound_track *t, viseme_error *err)
{
    const AVCodecParameters *par = t->from->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);

    t->decoded = av_frame_alloc();
    t->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!codec || !t->decoder || avcodec_parameters_to_context(t->decoder, par) < 0 ||
        avcodec_open2(t->decoder, codec, NULL) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its '%s' sound cannot be decoded",
                        t->input.path, avcodec_get_name(par->codec_id));
    t->decoder->pkt_timebase = t->from->time_base;
    return t->decoded ? open_encoder(t, err) : vis_fail_nomem(err, sizeof *t->decoded);
}

viseme_status vis_sound_track_open(struct vis_sound_track **out, const char *path, double from_s,
                                   AVFormatContext *to, int copy_pcm, viseme_error *err)
{
    struct vis_sound_track *t = calloc(1, sizeof *t);
    viseme_status status;

    *out = NULL;
    if (!t)
        return vis_fail_nomem(err, sizeof *t);
    t->to = to;
    t->trim = from_s > 0;
    t->input.fd = -1;
    status = vis_ffinput_open_sound(&t->input, path, err);
    if (status != VISEME_OK)
        goto fail;
    t->from = vis_ffinput_best(&t->input, AVMEDIA_TYPE_AUDIO);
    if (!t->from) {
        status = vis_fail(err, VISEME_ERR_NO_AUDIO, "%s: has no sound", path);
        goto fail;
    }
    vis_ffinput_only(&t->input, t->from);
    t->from_s = from_s + (t->input.format->start_time != AV_NOPTS_VALUE
                              ? (double)t->input.format->start_time / AV_TIME_BASE
                              : 0);
    t->packet = av_packet_alloc();
    t->stream = avformat_new_stream(to, NULL);
    if (!t->packet || !t->stream) {
        status = vis_fail_nomem(err, sizeof *t->stream);
        goto fail;
    }
    const enum AVCodecID id = t->from->codecpar->codec_id;
    const int fits = avformat_query_codec(to->oformat, id, FF_COMPLIANCE_NORMAL) == 1;
    status = fits && (!is_pcm(id) || copy_pcm) ? prepare_copy(t, err) : prepare_encoding(t, err);
    if (status != VISEME_OK)
        goto fail;
    *out = t;
    return VISEME_OK;
fail:
    vis_sound_track_free(t);
    return status;
}

/* ---- Reading
 * -------------------------------------------------------------------------------
 */

/* The next packet of the stream into t->packet; t->ended at the end. */
static viseme_status read_packet(struct vis_sound_track *t, viseme_error *err)
{
    while (!t->waiting && !t->ended) {
        int result = av_read_frame(t->input.format, t->packet);
        if (result == AVERROR_INVALIDDATA && ++t->bad_reads < MAX_BAD_READS)
            continue;
        if (result < 0) {
            t->ended = 1;
        } else if (t->packet->stream_index != t->from->index) {
            av_packet_unref(t->packet);
        } else {
            t->bad_reads = 0;
            t->waiting = 1;
        }
    }
    if (t->input.error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: reading the sound failed (%s)", t->input.path,
                        strerror(t->input.error));
    return VISEME_OK;
}

/* Seconds from time 0 to a stamp of the file; `otherwise` for want of one. */
static double seconds_of(const struct vis_sound_track *t, int64_t stamp, double otherwise)
{
    return stamp == AV_NOPTS_VALUE ? otherwise
                                   : (double)stamp * av_q2d(t->from->time_base) - t->from_s;
}

/* ---- Copying
 * -------------------------------------------------------------------------------
 */

static viseme_status copy_packet(struct vis_sound_track *t, viseme_error *err)
{
    const int64_t shift = llround(t->from_s / av_q2d(t->from->time_base));
    AVPacket *p = t->packet;

    if (p->pts != AV_NOPTS_VALUE)
        p->pts -= shift;
    if (p->dts != AV_NOPTS_VALUE)
        p->dts -= shift;
    av_packet_rescale_ts(p, t->from->time_base, t->stream->time_base);
    p->stream_index = t->stream->index;
    p->pos = -1;
    int result = av_interleaved_write_frame(t->to, p); /* which takes the packet */
    return result < 0 ? vis_sound_encoder_fail(result, err) : VISEME_OK;
}

static viseme_status copy_until(struct vis_sound_track *t, double until_s, double end_s,
                                viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && t->last_s < until_s) {
        status = read_packet(t, err);
        if (status != VISEME_OK || !t->waiting)
            break;
        t->last_s = seconds_of(t, t->packet->pts, t->last_s);
        const double length = (double)t->packet->duration * av_q2d(t->from->time_base);
        if (t->last_s >= until_s && t->last_s < end_s)
            break;
        t->waiting = 0;
        if (t->last_s >= end_s || (t->trim && t->last_s + length <= 0))
            av_packet_unref(t->packet);
        else
            status = copy_packet(t, err);
    }
    return status;
}

/* ---- Encoding
 * ------------------------------------------------------------------------------
 */

/* The converter for frames as they come: they may change in the middle of a
 * file. */
static viseme_status prepare_resampler(struct vis_sound_track *t, viseme_error *err)
{
    AVFrame *f = t->decoded;
    if (t->resampler)
        return VISEME_OK;
    AVCodecContext *to = t->encoder.codec;
    if (swr_alloc_set_opts2(&t->resampler, &to->ch_layout, to->sample_fmt, to->sample_rate,
                            &f->ch_layout, f->format, f->sample_rate, 0, NULL) < 0 ||
        swr_init(t->resampler) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its sound cannot be converted", t->input.path);
    return VISEME_OK;
}

/* Converts t->decoded (empty at the end: what the converter still holds) into
 * the fifo. */
static viseme_status resample(struct vis_sound_track *t, viseme_error *err)
{
    AVFrame *out = av_frame_alloc();
    viseme_status status = VISEME_OK;
    int flushing = t->decoded->nb_samples == 0;
    AVChannelLayout *layout = &t->decoded->ch_layout;

    if (!out)
        return vis_fail_nomem(err, sizeof *out);
    if (layout->order == AV_CHANNEL_ORDER_UNSPEC) /* as of a plain WAV file */
        av_channel_layout_default(layout, layout->nb_channels);
    if (!flushing)
        status = prepare_resampler(t, err);
    if (status != VISEME_OK || !t->resampler)
        goto done;
    out->format = t->encoder.codec->sample_fmt;
    out->sample_rate = t->encoder.codec->sample_rate;
    if (av_channel_layout_copy(&out->ch_layout, &t->encoder.codec->ch_layout) < 0) {
        status = vis_fail_nomem(err, 4096);
        goto done;
    }
    int result = swr_convert_frame(t->resampler, out, flushing ? NULL : t->decoded);
    if (result == AVERROR_INPUT_CHANGED) { /* the rest of the old kind is a few samples */
        swr_free(&t->resampler);
        status = prepare_resampler(t, err);
        result = status == VISEME_OK ? swr_convert_frame(t->resampler, out, t->decoded) : 0;
    }
    if (status == VISEME_OK && result < 0)
        status =
            vis_fail(err, VISEME_ERR_INPUT, "%s: its sound cannot be converted", t->input.path);
    if (status == VISEME_OK)
        status = vis_sound_encoder_add(&t->encoder, out, err);
done:
    av_frame_free(&out);
    return status;
}

/* Takes what the decoder has; the first samples say where the sound begins. */
static viseme_status take_decoded(struct vis_sound_track *t, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && avcodec_receive_frame(t->decoder, t->decoded) >= 0) {
        const double at = seconds_of(t, t->decoded->best_effort_timestamp, t->last_s);
        const double length = (double)t->decoded->nb_samples / t->decoded->sample_rate;
        t->last_s = at + length;
        if (t->decoded->nb_samples > 0 && !(t->trim && t->last_s <= 0)) {
            if (!t->started)
                t->encoder.position = llround(at * t->encoder.codec->sample_rate);
            t->started = 1;
            status = resample(t, err);
        }
        av_frame_unref(t->decoded);
    }
    return status;
}

static viseme_status finish_encoding(struct vis_sound_track *t, double end_s, viseme_error *err)
{
    avcodec_send_packet(t->decoder, NULL);
    viseme_status status = take_decoded(t, err);
    if (status == VISEME_OK)
        status = resample(t, err);
    if (status == VISEME_OK)
        status = vis_sound_encoder_drain(&t->encoder, INFINITY, end_s, err);
    return status;
}

static viseme_status encode_until(struct vis_sound_track *t, double until_s, double end_s,
                                  viseme_error *err)
{
    viseme_status status = VISEME_OK;
    while (status == VISEME_OK && t->last_s < until_s) {
        status = read_packet(t, err);
        if (status != VISEME_OK || !t->waiting)
            break;
        t->waiting = 0;
        avcodec_send_packet(t->decoder, t->packet); /* damaged ones are lost */
        av_packet_unref(t->packet);
        status = take_decoded(t, err);
        if (t->last_s >= end_s)
            break;
    }
    if (status != VISEME_OK)
        return status;
    return isinf(until_s) ? finish_encoding(t, end_s, err)
                          : vis_sound_encoder_drain(&t->encoder, until_s, end_s, err);
}

viseme_status vis_sound_track_write(struct vis_sound_track *t, double until_s, double end_s,
                                    viseme_error *err)
{
    return t->copied ? copy_until(t, until_s, end_s, err) : encode_until(t, until_s, end_s, err);
}
