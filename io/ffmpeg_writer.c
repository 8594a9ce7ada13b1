#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include "base/error.h"
#include "io/ffmpeg_frame.h"
#include "io/ffmpeg_input.h"
#include "io/ffmpeg_output.h"
#include "io/ffmpeg_scale.h"
#include "io/ffmpeg_sound_track.h"
#include "io/video_writer.h"

enum {
    PENDING = 1024, /* frames that an encoder may hold back: more than x264 ever does */
    MAX_CRF = 51
};

struct vis_video_writer {
    char *path;
    struct vis_video_writer_options opts;
    char *preset, *made_with;
    struct vis_ffoutput out;
    AVStream *stream;
    struct vis_sound_track *sound;
    AVCodecContext *encoder;
    AVPacket *packet;
    struct SwsContext *sws; /* whole frames, where the encoder has no such pixels */
    AVFrame *converted;
    int width, height, pixels; /* of the frames as they come */
    double tick;               /* seconds */
    /* One frame waits, as its duration is known when the next one comes. */
    struct vis_video_frame *held;
    int64_t held_pts;
    int64_t interval; /* ticks between the last two */
    struct {
        int64_t pts, duration;
    } pending[PENDING]; /* durations of frames in the encoder */
    struct vis_video_writer_info info;
};

/* ---- Opening and closing ------------------------------------------------------------------- */

static void close_writer(struct vis_video_writer *w)
{
    vis_video_frame_free(w->held);
    av_frame_free(&w->converted);
    sws_freeContext(w->sws);
    av_packet_free(&w->packet);
    avcodec_free_context(&w->encoder);
    vis_sound_track_free(w->sound);
    vis_ffoutput_close(&w->out);
    free(w->path);
    free(w->preset);
    free(w->made_with);
    free(w);
}

void vis_video_writer_abort(struct vis_video_writer *w)
{
    if (w)
        close_writer(w);
}

/* Whether the ending names a container that holds all this. */
static int has_container(const char *path)
{
    static const char *const known[] = {".mp4", ".mov", ".mkv"};
    const size_t n = strlen(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n > 4 && strcasecmp(path + n - 4, known[i]) == 0)
            return 1;
    return 0;
}

static viseme_status open_format(struct vis_video_writer *w, viseme_error *err)
{
    viseme_status status = vis_ffoutput_open(&w->out, w->path, "", err);
    if (status != VISEME_OK)
        return status;
    w->stream = avformat_new_stream(w->out.format, NULL);
    w->packet = av_packet_alloc();
    return w->stream && w->packet ? VISEME_OK : vis_fail_nomem(err, sizeof *w->stream);
}

static viseme_status copy_options(struct vis_video_writer *w, const char *path,
                                  const struct vis_video_writer_options *opts, viseme_error *err)
{
    w->opts = *opts;
    w->path = strdup(path);
    w->preset = opts->preset ? strdup(opts->preset) : NULL;
    w->made_with = opts->made_with ? strdup(opts->made_with) : NULL;
    if (!w->path || (opts->preset && !w->preset) || (opts->made_with && !w->made_with))
        return vis_fail_nomem(err, strlen(path) + 1);
    return VISEME_OK;
}

viseme_status vis_video_writer_open(struct vis_video_writer **out, const char *path,
                                    const struct vis_video_writer_options *opts, const char *sound,
                                    double sound_from_s, viseme_error *err)
{
    struct vis_video_writer *w;
    viseme_status status;

    *out = NULL;
    if (!has_container(path))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: the output's name must end in .mp4, .mov or .mkv", path);
    if (opts->crf < 0 || opts->crf > MAX_CRF)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a crf of %d; 0 to %d are possible", opts->crf,
                        (int)MAX_CRF);
    w = calloc(1, sizeof *w);
    if (!w)
        return vis_fail_nomem(err, sizeof *w);
    status = copy_options(w, path, opts, err);
    if (status == VISEME_OK)
        status = open_format(w, err);
    if (status == VISEME_OK && sound)
        status = vis_sound_track_open(&w->sound, sound, sound_from_s, w->out.format, opts->lossless,
                                      err);
    if (status != VISEME_OK) {
        vis_video_writer_abort(w);
        return status;
    }
    *out = w;
    return VISEME_OK;
}

/* ---- The encoder --------------------------------------------------------------------------- */

static int has_format(const AVCodec *codec, int format)
{
    for (const enum AVPixelFormat *p = codec ? codec->pix_fmts : NULL; p && *p != -1; p++)
        if ((int)*p == format)
            return 1;
    return 0;
}

/* Whether 4:2:0 and the like can have this size. */
static int fits_chroma(int format, int width, int height)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    return !(width & ((1 << d->log2_chroma_w) - 1)) && !(height & ((1 << d->log2_chroma_h) - 1));
}

/* The codec and pixel format for the frames that come. */
static viseme_status choose(const struct vis_video_writer *w, const AVFrame *frame,
                            const AVCodec **codec, int *pixels, viseme_error *err)
{
    const AVCodec *h264 = avcodec_find_encoder_by_name("libx264");
    const AVCodec *rgb = avcodec_find_encoder_by_name("libx264rgb");
    const AVCodec *ffv1 = avcodec_find_encoder(AV_CODEC_ID_FFV1);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format);

    *pixels = frame->format;
    if (w->opts.lossless) {
        /* A decoder of H.264 gives back what is neither grey nor RGB in the same format. */
        const AVCodec *const tried[] = {d->nb_components < 3 ? NULL : h264, ffv1, rgb};
        for (int i = 0; i < 3; i++) {
            *codec = tried[i];
            if (has_format(*codec, *pixels) &&
                (*codec != h264 || fits_chroma(*pixels, frame->width, frame->height)) &&
                avformat_query_codec(w->out.format->oformat, (*codec)->id, FF_COMPLIANCE_NORMAL))
                return VISEME_OK;
        }
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: this kind of file cannot hold frames of '%s', %d x %d, without loss; "
                        "%s",
                        w->path, d->name, frame->width, frame->height,
                        has_format(ffv1, *pixels) ? "name the output .mkv"
                                                  : "leave out --lossless");
    }
    *codec = h264;
    if (!h264)
        return vis_fail(err, VISEME_ERR_OUTPUT,
                        "%s: this FFmpeg has no encoder for H.264 (libx264); take --lossless",
                        w->path);
    if (!has_format(h264, *pixels))
        *pixels =
            d->flags & AV_PIX_FMT_FLAG_RGB
                ? AV_PIX_FMT_YUV420P
                : (int)avcodec_find_best_pix_fmt_of_list(h264->pix_fmts, frame->format, 0, NULL);
    return VISEME_OK;
}

/* What players must know of the colours; what is converted from RGB becomes BT.709. */
static void tag_colours(AVCodecContext *e, const AVFrame *frame, int converted)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format);
    e->color_range = frame->color_range;
    e->color_primaries = frame->color_primaries;
    e->color_trc = frame->color_trc;
    e->colorspace = frame->colorspace;
    e->chroma_sample_location = frame->chroma_location;
    if (converted && d->flags & AV_PIX_FMT_FLAG_RGB) {
        e->color_range = AVCOL_RANGE_MPEG;
        e->color_primaries = AVCOL_PRI_BT709;
        e->color_trc = AVCOL_TRC_BT709;
        e->colorspace = AVCOL_SPC_BT709;
        e->chroma_sample_location = AVCHROMA_LOC_LEFT;
    }
}

static viseme_status open_converter(struct vis_video_writer *w, const AVFrame *frame,
                                    viseme_error *err)
{
    AVCodecContext *e = w->encoder;
    const int rgb = (av_pix_fmt_desc_get(frame->format)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
    const int *table = sws_getCoefficients(rgb ? SWS_CS_ITU709 : vis_ffscale_matrix(frame));
    const int full = e->color_range == AVCOL_RANGE_JPEG;

    w->sws = sws_getContext(e->width, e->height, frame->format, e->width, e->height, e->pix_fmt,
                            SWS_BICUBIC | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND, NULL, NULL, NULL);
    w->converted = av_frame_alloc();
    if (!w->sws || !w->converted)
        return vis_fail(err, VISEME_ERR_INPUT, "frames of '%s' cannot be converted to '%s'",
                        av_get_pix_fmt_name(frame->format), av_get_pix_fmt_name(e->pix_fmt));
    sws_setColorspaceDetails(w->sws, table, rgb || full, table, full, 0, 1 << 16, 1 << 16);
    return VISEME_OK;
}

static void set_options(const struct vis_video_writer *w, AVDictionary **options)
{
    if (w->encoder->codec_id != AV_CODEC_ID_H264) {
        av_dict_set(options, "level", "3", 0);
        av_dict_set(options, "slicecrc", "1", 0);
        return;
    }
    const char *preset = w->preset ? w->preset : w->opts.lossless ? "veryfast" : "medium";
    av_dict_set(options, "preset", preset, 0);
    if (w->opts.lossless)
        av_dict_set(options, "qp", "0", 0); /* crf 0 loses something above 8 bits */
    else
        av_dict_set_int(options, "crf", w->opts.crf, 0);
}

static viseme_status open_encoder(struct vis_video_writer *w, const struct vis_native *native,
                                  const AVFrame *frame, viseme_error *err)
{
    const AVCodec *codec;
    AVDictionary *options = NULL;
    AVCodecContext *e;
    int pixels;
    viseme_status status = choose(w, frame, &codec, &pixels, err);

    if (status != VISEME_OK)
        return status;
    e = w->encoder = avcodec_alloc_context3(codec);
    if (!e)
        return vis_fail_nomem(err, sizeof *e);
    e->pix_fmt = pixels;
    e->width = frame->width;
    e->height = frame->height;
    if (!w->opts.lossless && !fits_chroma(pixels, e->width, e->height)) {
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(pixels);
        e->width &= ~((1 << d->log2_chroma_w) - 1);
        e->height &= ~((1 << d->log2_chroma_h) - 1);
        if (e->width < 1 || e->height < 1)
            return vis_fail(err, VISEME_ERR_INPUT, "%s: frames of %d x %d pixels are too small",
                            w->path, frame->width, frame->height);
    }
    e->time_base = (AVRational){native->tick_num, native->tick_den};
    if (native->rate_num > 0 && native->rate_den > 0)
        e->framerate = (AVRational){native->rate_num, native->rate_den};
    e->sample_aspect_ratio = (AVRational){native->aspect_num, native->aspect_den};
    e->thread_count = w->opts.threads;
    if (frame->interlaced_frame && codec->id == AV_CODEC_ID_H264) {
        e->flags |= AV_CODEC_FLAG_INTERLACED_DCT;
        e->field_order = frame->top_field_first ? AV_FIELD_TT : AV_FIELD_BB;
    }
    if (w->out.format->oformat->flags & AVFMT_GLOBALHEADER)
        e->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    tag_colours(e, frame, pixels != frame->format);
    set_options(w, &options);
    int result = avcodec_open2(e, codec, &options);
    av_dict_free(&options);
    if (result < 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: the %s encoder does not open (%s)", w->path,
                        codec->name, vis_fflog_error()[0] ? vis_fflog_error() : "unknown reason");
    w->info.codec = avcodec_get_name(codec->id);
    w->info.pixels = av_get_pix_fmt_name(pixels);
    w->info.converted = pixels != frame->format;
    return w->info.converted ? open_converter(w, frame, err) : VISEME_OK;
}

/* The rotation that players apply. */
static viseme_status keep_rotation(struct vis_video_writer *w, const struct vis_native *native,
                                   viseme_error *err)
{
    if (!native->has_matrix || (native->orientation == 0 && native->matrix[1] == 0))
        return VISEME_OK;
    if (strcmp(w->out.format->oformat->name, "matroska") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: Matroska cannot say that a video is turned, as this one is; name the "
                        "output .mp4 or .mov",
                        w->path);
    uint8_t *side =
        av_stream_new_side_data(w->stream, AV_PKT_DATA_DISPLAYMATRIX, sizeof native->matrix);
    if (!side)
        return vis_fail_nomem(err, sizeof native->matrix);
    memcpy(side, native->matrix, sizeof native->matrix);
    return VISEME_OK;
}

static viseme_status start(struct vis_video_writer *w, const struct vis_video_frame *first,
                           viseme_error *err)
{
    struct vis_native native = first->native;
    const AVFrame *frame = first->frame;
    viseme_status status;

    if (native.tick_num < 1 || native.tick_den < 1) /* pictures */
        native.tick_num = 1, native.tick_den = 90000;
    w->width = frame->width;
    w->height = frame->height;
    w->pixels = frame->format;
    status = open_encoder(w, &native, frame, err);
    if (status == VISEME_OK)
        status = keep_rotation(w, &native, err);
    if (status != VISEME_OK)
        return status;
    w->stream->time_base = w->encoder->time_base;
    w->stream->avg_frame_rate = w->encoder->framerate;
    w->stream->sample_aspect_ratio = w->encoder->sample_aspect_ratio;
    w->tick = av_q2d(w->encoder->time_base);
    if (avcodec_parameters_from_context(w->stream->codecpar, w->encoder) < 0 ||
        (w->made_with && av_dict_set(&w->out.format->metadata, "comment", w->made_with, 0) < 0))
        return vis_fail_nomem(err, sizeof *w->stream->codecpar);
    int result = avformat_write_header(w->out.format, NULL);
    if (result < 0)
        return vis_ffoutput_fail(&w->out, result, err);
    return VISEME_OK;
}

/* ---- Frames -------------------------------------------------------------------------------- */

/* Writes what the encoder has made. */
static viseme_status write_packets(struct vis_video_writer *w, viseme_error *err)
{
    int result;
    while ((result = avcodec_receive_packet(w->encoder, w->packet)) >= 0) {
        for (int i = 0; i < PENDING; i++)
            if (w->pending[i].duration > 0 && w->pending[i].pts == w->packet->pts) {
                w->packet->duration = w->pending[i].duration;
                w->pending[i].duration = 0;
                break;
            }
        av_packet_rescale_ts(w->packet, w->encoder->time_base, w->stream->time_base);
        w->packet->stream_index = w->stream->index;
        result = av_interleaved_write_frame(w->out.format, w->packet);
        if (result < 0)
            return vis_ffoutput_fail(&w->out, result, err);
    }
    return result == AVERROR(EAGAIN) || result == AVERROR_EOF
               ? VISEME_OK
               : vis_ffoutput_fail(&w->out, result, err);
}

static viseme_status convert(struct vis_video_writer *w, const AVFrame *frame, viseme_error *err)
{
    AVFrame *to = w->converted;
    av_frame_unref(to); /* the encoder may still hold the last one */
    to->format = w->encoder->pix_fmt;
    to->width = w->encoder->width;
    to->height = w->encoder->height;
    if (av_frame_get_buffer(to, 0) < 0)
        return vis_fail_nomem(err, (size_t)to->width * (size_t)to->height * 3);
    if (sws_scale(w->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, to->height,
                  to->data, to->linesize) != to->height)
        return vis_fail(err, VISEME_ERR_INPUT, "a frame cannot be converted to '%s'",
                        w->info.pixels);
    to->interlaced_frame = frame->interlaced_frame;
    to->top_field_first = frame->top_field_first;
    return VISEME_OK;
}

/* Encodes the frame that waits. */
static viseme_status encode_held(struct vis_video_writer *w, int64_t duration, viseme_error *err)
{
    AVFrame *frame = w->held->frame;
    viseme_status status = VISEME_OK;

    for (int i = 0; i < PENDING; i++)
        if (w->pending[i].duration == 0) {
            w->pending[i].pts = w->held_pts;
            w->pending[i].duration = duration;
            break;
        }
    if (w->sws) {
        status = convert(w, frame, err);
        frame = w->converted;
    }
    if (status == VISEME_OK) {
        frame->width = w->encoder->width; /* without an odd last row or column */
        frame->height = w->encoder->height;
        frame->pts = w->held_pts;
        frame->pict_type = AV_PICTURE_TYPE_NONE; /* the encoder's choice */
        frame->key_frame = 0;
        int result = avcodec_send_frame(w->encoder, frame);
        status = result < 0 ? vis_ffoutput_fail(&w->out, result, err) : write_packets(w, err);
    }
    vis_video_frame_free(w->held);
    w->held = NULL;
    return status;
}

static viseme_status check_frame(const struct vis_video_writer *w, const AVFrame *frame,
                                 double seconds, viseme_error *err)
{
    if (frame->width == w->width && frame->height == w->height && frame->format == w->pixels)
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_INPUT,
                    "frames change from %d x %d, '%s' to %d x %d, '%s' at %.2f s of the output; "
                    "cut the video there",
                    w->width, w->height, av_get_pix_fmt_name(w->pixels), frame->width,
                    frame->height, av_get_pix_fmt_name(frame->format), seconds);
}

viseme_status vis_video_writer_add(struct vis_video_writer *w, struct vis_video_frame *frame,
                                   double seconds, viseme_error *err)
{
    viseme_status status = VISEME_OK;

    vis_fflog_reset();
    if (w->info.frames == 0)
        status = start(w, frame, err);
    else
        status = check_frame(w, frame->frame, seconds, err);
    if (status == VISEME_OK) {
        int64_t pts = llround(seconds / w->tick);
        if (w->info.frames > 0 && pts <= w->held_pts)
            pts = w->held_pts + 1;
        if (w->held) {
            w->interval = pts - w->held_pts;
            status = encode_held(w, w->interval, err);
        }
        w->held_pts = pts;
    }
    if (status == VISEME_OK && w->sound)
        status = vis_sound_track_write(w->sound, seconds, INFINITY, err);
    if (status != VISEME_OK) {
        vis_video_frame_free(frame);
        return status;
    }
    w->held = frame;
    w->info.frames++;
    return VISEME_OK;
}

/* The last frame lasts to the end of it all. */
static int64_t last_duration(const struct vis_video_writer *w, double end_s)
{
    const int64_t left = llround(end_s / w->tick) - w->held_pts;
    const AVRational rate = w->encoder->framerate;
    int64_t usual = w->interval;
    if (usual < 1 && rate.num > 0)
        usual = llround(1 / av_q2d(rate) / w->tick);
    if (left > 0 && (usual < 1 || left < usual))
        return left;
    return usual > 0 ? usual : 1;
}

static viseme_status complete(struct vis_video_writer *w, double end_s, viseme_error *err)
{
    viseme_status status;
    int result;

    if (!w->held)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: there is no frame to write", w->path);
    status = encode_held(w, last_duration(w, end_s), err);
    if (status != VISEME_OK)
        return status;
    result = avcodec_send_frame(w->encoder, NULL);
    if (result < 0)
        return vis_ffoutput_fail(&w->out, result, err);
    status = write_packets(w, err);
    if (status == VISEME_OK && w->sound)
        status = vis_sound_track_write(w->sound, INFINITY, end_s, err);
    return status;
}

viseme_status vis_video_writer_commit(struct vis_video_writer *w, double end_s,
                                      struct vis_video_writer_info *info, viseme_error *err)
{
    vis_fflog_reset();
    viseme_status status = complete(w, end_s, err);
    if (status == VISEME_OK)
        status = vis_ffoutput_commit(&w->out, err);
    if (status == VISEME_OK && info) {
        *info = w->info;
        if (w->sound)
            info->sound = vis_sound_track_codec(w->sound, &info->sound_copied);
    }
    vis_video_writer_abort(w); /* nothing of the file is left to it */
    return status;
}
