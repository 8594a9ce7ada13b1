#include "io/ffmpeg_retime.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "base/error.h"
#include "io/ffmpeg_sound_encoder.h"

enum {
    MAX_RATE = 768000, /* Hz */
    MAX_GAP = 600,     /* seconds of silence at most where times jump; a larger jump is damage */
    FINE = 1000000     /* terms of a ratio of rates: as large as libswresample takes */
};
#define TOLERANCE 0.02 /* seconds that times may be off before samples are moved */

struct vis_retime {
    struct vis_retime_line line;
    const char *path;
    AVRational clock; /* of the input's stream */
    AVCodecContext *decoder;
    SwrContext *resampler;
    struct vis_sound_encoder encoder;
    AVFrame *decoded;
    AVChannelLayout layout; /* what the resampler is made for */
    int rate, format;       /* likewise */
    int64_t fed;            /* samples that the resampler has had, the first of which is */
    double first_s;         /* of this time */
    int64_t first;          /* sample of the output before which nothing is written */
    double cut_s;
};

void vis_retime_free(struct vis_retime *r)
{
    if (!r)
        return;
    av_frame_free(&r->decoded);
    avcodec_free_context(&r->decoder);
    vis_sound_encoder_close(&r->encoder);
    swr_free(&r->resampler);
    av_channel_layout_uninit(&r->layout);
    free(r);
}

double vis_retime_cut(const struct vis_retime *r)
{
    return r->cut_s;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static viseme_status open_decoder(struct vis_retime *r, const AVStream *from, viseme_error *err)
{
    const AVCodec *codec = avcodec_find_decoder(from->codecpar->codec_id);
    r->decoded = av_frame_alloc();
    r->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!codec || !r->decoder || !r->decoded ||
        avcodec_parameters_to_context(r->decoder, from->codecpar) < 0)
        return codec ? vis_fail_nomem(err, sizeof *r->decoder)
                     : vis_fail(err, VISEME_ERR_INPUT, "%s: its '%s' sound cannot be decoded",
                                r->path, avcodec_get_name(from->codecpar->codec_id));
    r->decoder->pkt_timebase = from->time_base;
    if (avcodec_open2(r->decoder, codec, NULL) < 0 || r->decoder->sample_rate < 1 ||
        r->decoder->sample_rate > MAX_RATE)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its '%s' sound cannot be decoded", r->path,
                        codec->name);
    return VISEME_OK;
}

static const AVCodec *encoder_for(enum AVCodecID id, const AVOutputFormat *container)
{
    const AVCodec *same = avcodec_find_encoder(id);
    if (same && avcodec_get_type(id) == AVMEDIA_TYPE_AUDIO &&
        avformat_query_codec(container, id, FF_COMPLIANCE_NORMAL) != 0)
        return same;
    return avcodec_find_encoder(container->audio_codec);
}

static viseme_status open_encoder(struct vis_retime *r, const AVStream *from, AVFormatContext *to,
                                  AVStream *stream, viseme_error *err)
{
    const AVCodec *codec = encoder_for(from->codecpar->codec_id, to->oformat);
    AVChannelLayout layout = {0};
    if (!codec)
        return vis_fail(err, VISEME_ERR_OUTPUT, "%s: this FFmpeg cannot encode '%s' sound", r->path,
                        avcodec_get_name(from->codecpar->codec_id));
    if (r->decoder->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&layout, r->decoder->ch_layout.nb_channels);
    else if (av_channel_layout_copy(&layout, &r->decoder->ch_layout) < 0)
        return vis_fail_nomem(err, sizeof layout);
    const struct vis_sound_kind kind = {.rate = r->decoder->sample_rate,
                                        .layout = &layout,
                                        .format = r->decoder->sample_fmt,
                                        .bit_rate = from->codecpar->bit_rate};
    viseme_status status = vis_sound_encoder_open(&r->encoder, codec, to, stream, &kind, err);
    av_channel_layout_uninit(&layout);
    return status;
}

viseme_status vis_retime_open(struct vis_retime **out, const AVStream *from, AVFormatContext *to,
                              AVStream *stream, const struct vis_retime_line *line,
                              const char *path, viseme_error *err)
{
    struct vis_retime *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return vis_fail_nomem(err, sizeof *r);
    r->line = *line;
    r->path = path;
    r->clock = from->time_base;
    viseme_status status = open_decoder(r, from, err);
    if (status == VISEME_OK)
        status = open_encoder(r, from, to, stream, err);
    if (status != VISEME_OK) {
        vis_retime_free(r);
        return status;
    }
    /* A codec that runs in begins that much earlier, and its packets must not come before either,
     * or a muxer would move all streams. */
    r->first =
        llround(line->origin_s * r->encoder.codec->sample_rate) + r->encoder.codec->initial_padding;
    *out = r;
    return VISEME_OK;
}

/* ---- Samples --------------------------------------------------------------------------------- */

/* A resampler for frames like the decoded one; `stretch` seconds come out for one. */
static viseme_status make_resampler(struct vis_retime *r, viseme_error *err)
{
    AVFrame *f = r->decoded;
    AVCodecContext *to = r->encoder.codec;
    const double rate = to->sample_rate * r->line.stretch;
    swr_free(&r->resampler);
    av_channel_layout_uninit(&r->layout);
    r->rate = f->sample_rate;
    r->format = f->format;
    r->fed = 0;
    if (f->sample_rate < 1 || f->sample_rate > MAX_RATE)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its sound has %d Hz, which cannot be resampled",
                        r->path, f->sample_rate);
    const AVRational ratio = av_d2q(rate / f->sample_rate, FINE);
    if (av_channel_layout_copy(&r->layout, &f->ch_layout) < 0 ||
        swr_alloc_set_opts2(&r->resampler, &to->ch_layout, to->sample_fmt, ratio.num, &f->ch_layout,
                            f->format, ratio.den, 0, NULL) < 0 ||
        av_opt_set_int(r->resampler, "linear_interp", 1, 0) < 0 || swr_init(r->resampler) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its sound cannot be resampled", r->path);
    return VISEME_OK;
}

/* Resamples n samples (data NULL: what the resampler still holds) and writes whole blocks. */
static viseme_status resample(struct vis_retime *r, uint8_t **data, int n, viseme_error *err)
{
    AVFrame *out = av_frame_alloc();
    const int room = swr_get_out_samples(r->resampler, n);
    viseme_status status = VISEME_OK;
    if (!out)
        return vis_fail_nomem(err, sizeof *out);
    out->format = r->encoder.codec->sample_fmt;
    out->nb_samples = room > 0 ? room : 1;
    if (av_channel_layout_copy(&out->ch_layout, &r->encoder.codec->ch_layout) < 0 ||
        av_frame_get_buffer(out, 0) < 0) {
        status = vis_fail_nomem(err, (size_t)out->nb_samples);
        goto fail;
    }
    const int made =
        swr_convert(r->resampler, out->extended_data, out->nb_samples, (const uint8_t **)data, n);
    if (made < 0) {
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: its sound cannot be resampled", r->path);
        goto fail;
    }
    out->nb_samples = made;
    r->fed += n;
    status = vis_sound_encoder_add(&r->encoder, out, err);
    const int64_t before = r->encoder.position;
    vis_sound_encoder_skip(&r->encoder, r->first);
    r->cut_s += (double)(r->encoder.position - before) / r->encoder.codec->sample_rate;
    if (status == VISEME_OK)
        status = vis_sound_encoder_drain(&r->encoder, DBL_MAX, INFINITY, err);
fail:
    av_frame_free(&out);
    return status;
}

/* The decoded frame's time in the input; `expected` for want of one. */
static double time_of(const struct vis_retime *r, double expected)
{
    const int64_t stamp = r->decoded->best_effort_timestamp;
    return stamp == AV_NOPTS_VALUE ? expected : (double)stamp * av_q2d(r->clock);
}

/* Where times of the input jump, silence before the decoded frame, or as much of the output lost.
 */
static viseme_status place(struct vis_retime *r, viseme_error *err)
{
    const double expected = r->first_s + (double)r->fed / r->rate;
    const double late = time_of(r, expected) - expected;
    viseme_status status = VISEME_OK;
    if (!(fabs(late) >= TOLERANCE && fabs(late) <= MAX_GAP))
        return VISEME_OK;
    if (late < 0) {
        const double lost = -late * r->line.stretch * r->encoder.codec->sample_rate;
        r->fed += llround(late * r->rate);
        return swr_drop_output(r->resampler, (int)lround(lost)) < 0 ? vis_fail_nomem(err, 4096)
                                                                    : VISEME_OK;
    }
    for (int64_t left = llround(late * r->rate); left > 0 && status == VISEME_OK;) {
        const int n = left < r->rate ? (int)left : r->rate;
        if (swr_inject_silence(r->resampler, n) < 0)
            return vis_fail_nomem(err, (size_t)n);
        r->fed += n;
        left -= n;
        status = resample(r, r->decoded->extended_data, 0, err);
    }
    return status;
}

/* Takes the decoded frame. */
static viseme_status take(struct vis_retime *r, viseme_error *err)
{
    AVFrame *f = r->decoded;
    viseme_status status = VISEME_OK;
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) /* as of a plain WAV file */
        av_channel_layout_default(&f->ch_layout, f->ch_layout.nb_channels);
    if (!r->resampler) {
        const struct vis_retime_line *l = &r->line;
        r->first_s = time_of(r, l->origin_s);
        const double to = l->origin_s + l->delay_s + l->stretch * (r->first_s - l->origin_s);
        r->encoder.position = llround(to * r->encoder.codec->sample_rate);
        status = make_resampler(r, err);
    } else if (f->sample_rate != r->rate || f->format != r->format ||
               av_channel_layout_compare(&f->ch_layout, &r->layout) != 0) {
        status = resample(r, NULL, 0, err);
        r->first_s += (double)r->fed / r->rate;
        if (status == VISEME_OK)
            status = make_resampler(r, err);
    }
    if (status == VISEME_OK)
        status = place(r, err);
    return status == VISEME_OK ? resample(r, f->extended_data, f->nb_samples, err) : status;
}

viseme_status vis_retime_push(struct vis_retime *r, const AVPacket *packet, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    avcodec_send_packet(r->decoder, packet);
    while (status == VISEME_OK && avcodec_receive_frame(r->decoder, r->decoded) >= 0) {
        if (r->decoded->nb_samples > 0)
            status = take(r, err);
        av_frame_unref(r->decoded);
    }
    if (!packet && status == VISEME_OK && r->resampler)
        status = resample(r, NULL, 0, err);
    if (!packet && status == VISEME_OK)
        status = vis_sound_encoder_drain(&r->encoder, INFINITY, INFINITY, err);
    return status;
}
