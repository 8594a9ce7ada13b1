#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>
#include <libswresample/swresample.h>

#include "base/error.h"
#include "io/audio_source.h"
#include "io/ffmpeg_input.h"
#include "io/frames.h"

enum {
    MAX_BAD_READS = 64, /* failures in a row, before a damaged file is given up */
    MAX_CHANNELS = 64,
    MIN_RATE = 1000,
    MAX_RATE = 768000,
    PIECE = 4096 /* samples resampled at a time */
};
#define TOLERANCE       0.02 /* seconds that times may be off before samples are moved */
#define MAX_GAP_SECONDS 10.0 /* a longer jump of the clock is looked at with suspicion */
#define SEEK_BEFORE     2.0  /* seconds: more than any codec needs to run in */

struct sound {
    struct vis_ffinput input;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    SwrContext *swr;
    uint8_t **silence; /* PIECE samples as the resampler takes them */
    /* What the resampler is made for. */
    AVChannelLayout layout;
    int in_rate, in_format;
    const char *path;
    int rate;
    float *block;
    int block_room;
    int waiting;   /* `frame` is decoded, its samples from frame_at on are not resampled yet */
    int frame_at;  /* sample of the frame */
    int64_t quiet; /* samples of silence to be resampled before the frame */
    int at_end, bad_reads;
    int64_t decoded; /* frames so far */
    double start;    /* of the file by its own clock, in seconds; NAN: not known yet */
    double start_s;  /* time of the first sample given out, from there */
    /* The resampler has had `fed` samples, the first of which was of the time segment_s. */
    double segment_s;
    int64_t fed, made; /* made: samples given out since then */
    int begun;         /* the first frame has found its place */
    struct vis_audio_info info;
};

static void free_resampler(struct sound *s)
{
    swr_free(&s->swr);
    if (s->silence)
        av_freep(&s->silence[0]);
    av_freep(&s->silence);
    av_channel_layout_uninit(&s->layout);
}

/* The file is as before it was opened. */
static void close_stream(struct sound *s)
{
    free_resampler(s);
    av_frame_free(&s->frame);
    av_packet_free(&s->packet);
    avcodec_free_context(&s->decoder);
    vis_ffinput_close(&s->input);
    s->stream = NULL;
    s->waiting = s->at_end = s->bad_reads = 0;
    s->decoded = 0;
}

static void close_sound(void *self)
{
    struct sound *s = self;
    close_stream(s);
    free(s->block);
    free(s);
}

static void get_info(const void *self, struct vis_audio_info *info)
{
    *info = ((const struct sound *)self)->info;
}

/* ---- Decoding ---------------------------------------------------------------------------- */

static void feed(struct sound *s)
{
    int result = av_read_frame(s->input.format, s->packet);
    if (result < 0) {
        if (result == AVERROR_INVALIDDATA && ++s->bad_reads < MAX_BAD_READS)
            return;
        s->at_end = 1;
        avcodec_send_packet(s->decoder, NULL);
        return;
    }
    s->bad_reads = 0;
    if (s->packet->stream_index == s->stream->index)
        avcodec_send_packet(s->decoder, s->packet);
    av_packet_unref(s->packet);
}

/* The next frame into s->frame; s->waiting stays 0 at the end of the stream. */
static viseme_status decode(struct sound *s, viseme_error *err)
{
    while (!s->waiting) {
        int result = avcodec_receive_frame(s->decoder, s->frame);
        if (result >= 0) {
            if (s->frame->flags & AV_FRAME_FLAG_CORRUPT || s->frame->nb_samples < 1)
                continue;
            s->waiting = 1;
            s->frame_at = 0;
            s->decoded++;
        } else if (result == AVERROR(ENOMEM)) {
            return vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory in the decoder", s->path);
        } else if (result == AVERROR_EOF || (s->at_end && result == AVERROR(EAGAIN))) {
            break;
        } else if (!s->at_end) {
            feed(s);
        } else if (++s->bad_reads >= MAX_BAD_READS) {
            break; /* a decoder that does not come to its end */
        }
    }
    if (s->input.error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: reading its sound failed (%s)", s->path,
                        strerror(s->input.error));
    return VISEME_OK;
}

/* ---- Resampling -------------------------------------------------------------------------- */

static int same_format(const struct sound *s)
{
    return s->swr && s->frame->sample_rate == s->in_rate && s->frame->format == s->in_format &&
           av_channel_layout_compare(&s->frame->ch_layout, &s->layout) == 0;
}

/* A resampler to mono. The usual weights of channels are scaled to a sum of at most 1; where no
 * usual ones are known (`even`), all channels count the same. */
static int make_resampler(struct sound *s, AVChannelLayout *layout, int even)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    double weights[MAX_CHANNELS];

    swr_free(&s->swr);
    if (swr_alloc_set_opts2(&s->swr, &mono, AV_SAMPLE_FMT_FLT, s->rate, layout, s->frame->format,
                            s->frame->sample_rate, 0, NULL) < 0 ||
        av_opt_set_double(s->swr, "rematrix_maxval", 1, 0) < 0)
        return 0;
    if (even) {
        for (int i = 0; i < layout->nb_channels; i++)
            weights[i] = 1.0 / layout->nb_channels;
        if (swr_set_matrix(s->swr, weights, layout->nb_channels) < 0)
            return 0;
    }
    return swr_init(s->swr) >= 0;
}

/* Gets ready for frames like s->frame. */
static viseme_status prepare(struct sound *s, viseme_error *err)
{
    const AVFrame *f = s->frame;
    AVChannelLayout layout = {0};
    int channels = f->ch_layout.nb_channels, made;

    free_resampler(s);
    if (channels < 1 || channels > MAX_CHANNELS || f->sample_rate < MIN_RATE ||
        f->sample_rate > MAX_RATE)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: its sound has %d channels at %d Hz; 1 to %d channels at %d to %d Hz "
                        "can be read",
                        s->path, channels, f->sample_rate, MAX_CHANNELS, MIN_RATE, MAX_RATE);
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&layout, channels); /* unspecified still where none is usual */
    else if (av_channel_layout_copy(&layout, &f->ch_layout) < 0)
        return vis_fail_nomem(err, sizeof layout);
    made = (layout.order == AV_CHANNEL_ORDER_NATIVE && make_resampler(s, &layout, 0)) ||
           make_resampler(s, &layout, 1);
    av_channel_layout_uninit(&layout);
    if (!made)
        return vis_fail(err, VISEME_ERR_NO_AUDIO,
                        "%s: its sound (%d channels at %d Hz) cannot be resampled to %d Hz",
                        s->path, channels, f->sample_rate, s->rate);
    if (av_channel_layout_copy(&s->layout, &f->ch_layout) < 0 ||
        av_samples_alloc_array_and_samples(&s->silence, NULL, channels, PIECE, f->format, 0) < 0)
        return vis_fail_nomem(err, PIECE * sizeof(float));
    av_samples_set_silence(s->silence, 0, PIECE, channels, f->format);
    s->in_rate = f->sample_rate;
    s->in_format = f->format;
    s->segment_s += (double)s->made / s->rate;
    s->fed = s->made = 0;
    return VISEME_OK;
}

/* Resamples n samples, NULL and 0: what is left at the end. *count may well be 0. */
static viseme_status resample(struct sound *s, const uint8_t **data, int n, size_t *count,
                              viseme_error *err)
{
    int room = swr_get_out_samples(s->swr, n), made;

    if (room > s->block_room) {
        free(s->block);
        s->block_room = 0;
        s->block = malloc((size_t)room * sizeof *s->block);
        if (!s->block)
            return vis_fail_nomem(err, (size_t)room * sizeof *s->block);
        s->block_room = room;
    }
    made = room > 0 ? swr_convert(s->swr, (uint8_t **)&s->block, room, data, n) : 0;
    if (made < 0)
        return vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory while resampling its sound",
                        s->path);
    s->fed += n;
    s->made += made;
    *count = (size_t)made;
    return VISEME_OK;
}

static viseme_status resample_frame(struct sound *s, size_t *count, viseme_error *err)
{
    const AVFrame *f = s->frame;
    const uint8_t *data[MAX_CHANNELS];
    int channels = f->ch_layout.nb_channels, planar = av_sample_fmt_is_planar(f->format);
    size_t bytes = (size_t)av_get_bytes_per_sample(f->format) * (planar ? 1 : (size_t)channels);
    int n = f->nb_samples - s->frame_at < PIECE ? f->nb_samples - s->frame_at : PIECE;

    for (int i = 0; i < (planar ? channels : 1); i++)
        data[i] = f->extended_data[i] + (size_t)s->frame_at * bytes;
    viseme_status status = resample(s, data, n, count, err);
    s->frame_at += n;
    if (s->frame_at == f->nb_samples) {
        av_frame_unref(s->frame);
        s->waiting = 0;
    }
    return status;
}

/* ---- Time -------------------------------------------------------------------------------- */

/* What the container states, 0 when it does not. */
static double stated_duration(const struct sound *s)
{
    double duration = s->stream->duration != AV_NOPTS_VALUE
                          ? (double)s->stream->duration * av_q2d(s->stream->time_base)
                      : s->input.format->duration != AV_NOPTS_VALUE
                          ? (double)s->input.format->duration / AV_TIME_BASE
                          : 0;
    return duration > 0 && duration <= VIS_FRAMES_MAX_SECONDS ? duration : 0;
}

/* Seconds by which the frame is later than where the samples before it end. */
static double lateness(struct sound *s)
{
    double expected = s->segment_s + (double)s->fed / s->in_rate, late;
    int64_t stamp = s->frame->best_effort_timestamp;

    if (stamp == AV_NOPTS_VALUE)
        stamp = s->frame->pkt_dts;
    if (stamp == AV_NOPTS_VALUE)
        return s->begun ? 0 : -s->segment_s; /* the first one is of time 0 */
    double seconds = (double)stamp * av_q2d(s->stream->time_base);
    if (isnan(s->start))
        s->start = seconds;
    late = seconds - s->start - expected;
    if (!s->begun)
        return late;
    if (fabs(late) < TOLERANCE)
        return 0;
    if (fabs(late) > MAX_GAP_SECONDS) {
        if (s->input.format->iformat->flags & AVFMT_TS_DISCONT) {
            /* Broadcasts put together, or a counter that wrapped: carry on from where we are. */
            s->start += late;
            return 0;
        }
        double duration = stated_duration(s);
        if (late < 0 || (duration > 0 && seconds - s->start > duration + MAX_GAP_SECONDS))
            return 0; /* a damaged time */
    }
    return late;
}

/* Puts silence before the frame, or drops as much of it as comes too early. */
static void place(struct sound *s)
{
    double late = lateness(s) * s->in_rate;
    /* Beyond what is ever read, where the length ends it. */
    int64_t samples = llrint(fmin(fmax(late, -INT32_MAX), VIS_FRAMES_MAX_SECONDS * MAX_RATE));

    if (samples >= 0) {
        s->quiet = samples;
        s->begun = 1;
    } else if (-samples < s->frame->nb_samples) {
        s->frame_at = (int)-samples;
        s->begun = 1;
    } else {
        av_frame_unref(s->frame);
        s->waiting = 0;
    }
}

/* Decodes the next frame and finds its place. At a change of the format the rest of what came
 * before is given out first (*count above 0). */
static viseme_status advance(struct sound *s, size_t *count, viseme_error *err)
{
    viseme_status status = decode(s, err);

    *count = 0;
    if (status != VISEME_OK || !s->waiting)
        return status;
    if (!same_format(s)) {
        if (s->swr)
            status = resample(s, NULL, 0, count, err);
        if (status == VISEME_OK)
            status = prepare(s, err);
    }
    if (status == VISEME_OK)
        place(s);
    return status;
}

static viseme_status next_samples(void *self, float **samples, size_t *count, viseme_error *err)
{
    struct sound *s = self;
    viseme_status status = VISEME_OK;
    int flushed = 0;

    *count = 0;
    while (status == VISEME_OK && *count == 0 && !flushed) {
        if (s->waiting && s->quiet > 0) {
            int n = s->quiet < PIECE ? (int)s->quiet : PIECE;
            s->quiet -= n;
            status = resample(s, (const uint8_t **)s->silence, n, count, err);
        } else if (s->waiting) {
            status = resample_frame(s, count, err);
        } else {
            status = advance(s, count, err);
            flushed = !s->waiting && s->at_end && *count == 0;
            if (status == VISEME_OK && flushed && s->swr)
                status = resample(s, NULL, 0, count, err);
        }
    }
    *samples = s->block;
    return status;
}

static const struct vis_audio_ops sound_ops = {get_info, next_samples, close_sound};

/* ---- Opening ----------------------------------------------------------------------------- */

static viseme_status open_decoder(struct sound *s, viseme_error *err)
{
    const AVCodecParameters *par = s->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    const char *name = avcodec_get_name(par->codec_id);

    if (!codec)
        return vis_fail(err, VISEME_ERR_NO_AUDIO,
                        "%s: its sound is coded as '%s', which this FFmpeg cannot decode; convert "
                        "it to AAC",
                        s->path, name);
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    s->decoder = avcodec_alloc_context3(codec);
    if (!s->packet || !s->frame || !s->decoder ||
        avcodec_parameters_to_context(s->decoder, par) < 0)
        return vis_fail_nomem(err, sizeof *s->decoder);
    s->decoder->pkt_timebase = s->stream->time_base;
    if (avcodec_open2(s->decoder, codec, NULL) < 0)
        return vis_fail(err, VISEME_ERR_NO_AUDIO, "%s: its '%s' sound cannot be decoded (%s)",
                        s->path, name,
                        vis_fflog_error()[0] ? vis_fflog_error() : "unsupported or damaged");
    return VISEME_OK;
}

static viseme_status open_stream(struct sound *s, viseme_error *err)
{
    viseme_status status = vis_ffinput_open_sound(&s->input, s->path, err);

    if (status != VISEME_OK)
        return status;
    s->stream = vis_ffinput_best(&s->input, AVMEDIA_TYPE_AUDIO);
    if (!s->stream)
        return vis_fail(err, VISEME_ERR_NO_AUDIO, "%s: has no sound", s->path);
    s->start = s->input.format->start_time != AV_NOPTS_VALUE
                   ? (double)s->input.format->start_time / AV_TIME_BASE
                   : NAN;
    status = open_decoder(s, err);
    vis_ffinput_only(&s->input, s->stream);
    return status;
}

/* Enters the stream at a point before start_s. 0: there is none that can be trusted, and the
 * stream must be opened anew. */
static int seek(struct sound *s)
{
    double unit = av_q2d(s->stream->time_base), target = s->start_s - SEEK_BEFORE;

    if (av_seek_frame(s->input.format, s->stream->index, (int64_t)((s->start + target) / unit),
                      AVSEEK_FLAG_BACKWARD) < 0)
        return 0;
    avcodec_flush_buffers(s->decoder);
    return decode(s, NULL) == VISEME_OK && s->waiting && s->frame->pts != AV_NOPTS_VALUE &&
           (double)s->frame->pts * unit - s->start <= target + SEEK_BEFORE / 2;
}

/* Whether times in the file say where in it to look, and it is worth looking: sound alone is
 * decoded faster than its times are found. */
static int can_seek(const struct sound *s)
{
    return s->start_s > 2 * SEEK_BEFORE && !isnan(s->start) &&
           vis_ffinput_best(&s->input, AVMEDIA_TYPE_VIDEO) &&
           !(s->input.format->iformat->flags & (AVFMT_TS_DISCONT | AVFMT_NOTIMESTAMPS));
}

/* When the first picture is shown, from the start of the file. */
static double first_picture(const struct sound *s)
{
    const AVStream *video = vis_ffinput_best(&s->input, AVMEDIA_TYPE_VIDEO);

    if (!video || video->start_time == AV_NOPTS_VALUE || isnan(s->start))
        return 0;
    return fmax(0, (double)video->start_time * av_q2d(video->time_base) - s->start);
}

static viseme_status open_at(struct sound *s, double from_s, viseme_error *err)
{
    viseme_status status = open_stream(s, err);
    size_t count;

    if (status != VISEME_OK)
        return status;
    s->segment_s = s->start_s = from_s > 0 ? from_s : first_picture(s);
    if (can_seek(s) && !seek(s)) {
        close_stream(s);
        status = open_stream(s, err);
        if (status != VISEME_OK)
            return status;
    }
    status = decode(s, err);
    if (status != VISEME_OK)
        return status;
    if (!s->waiting)
        return s->bad_reads || vis_fflog_error()[0]
                   ? vis_fail(err, VISEME_ERR_NO_AUDIO,
                              "%s: none of its '%s' sound can be decoded; it is damaged or "
                              "incomplete",
                              s->path, avcodec_get_name(s->stream->codecpar->codec_id))
                   : vis_fail(err, VISEME_ERR_NO_AUDIO, "%s: its sound is 0 seconds long", s->path);
    return advance(s, &count, err);
}

viseme_status vis_audio_open_media(struct vis_audio *audio, const char *path,
                                   const struct vis_audio_options *opts, viseme_error *err)
{
    struct sound *s = calloc(1, sizeof *s);

    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    s->input.fd = -1;
    s->path = path;
    s->rate = opts->rate;
    audio->ops = &sound_ops;
    audio->self = s;
    viseme_status status = open_at(s, opts->from_s, err);
    if (status != VISEME_OK)
        return status;
    s->info = (struct vis_audio_info){
        .codec = avcodec_get_name(s->stream->codecpar->codec_id),
        .rate = s->in_rate,
        .channels = s->layout.nb_channels,
        .start_s = s->start_s,
        .duration_s = stated_duration(s),
    };
    return VISEME_OK;
}
