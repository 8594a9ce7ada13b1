#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>

#include "base/error.h"
#include "io/ffmpeg_input.h"
#include "io/ffmpeg_scale.h"
#include "io/frames_source.h"
#include "io/orient.h"

#define MAX_THREADS       4
#define MAX_BAD_READS     64   /* failures in a row, before a damaged file is given up */
#define MAX_GAP_SECONDS   10.0 /* a longer jump of the clock is looked at with suspicion */
#define FALLBACK_INTERVAL 0.04
#define SEEK_BEFORE       2.0 /* seconds: more than frames are ever reordered by */

struct video {
    struct vis_ffinput input;
    struct vis_ffscale scale;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    char *path;
    struct vis_frames_options opts;
    uint8_t *upright; /* [height width 3] the last picture as it was given out, when turned */
    size_t upright_bytes;
    int waiting;     /* `frame` is decoded and not given out yet */
    int at_end;      /* the file is read to its end, the decoder is being emptied */
    int bad_reads;   /* failures in a row */
    int64_t decoded; /* frames so far */
    struct vis_frames_info info;
    double frame_rate;
    double start; /* of the file by its own clock, in seconds */
    double last;  /* time of the last frame decoded */
};

/* The file is as before it was opened. */
static void close_stream(struct video *v)
{
    av_frame_free(&v->frame);
    av_packet_free(&v->packet);
    avcodec_free_context(&v->decoder);
    vis_ffinput_close(&v->input);
    v->stream = NULL;
    v->waiting = v->at_end = v->bad_reads = 0;
    v->decoded = 0;
    v->last = 0;
}

static void close_video(void *self)
{
    struct video *v = self;
    vis_ffscale_free(&v->scale);
    close_stream(v);
    free(v->upright);
    free(v->path);
    free(v);
}

/* What the container states, 0 when it does not. */
static double stated_duration(const struct video *v)
{
    double duration = v->stream->duration != AV_NOPTS_VALUE
                          ? (double)v->stream->duration * av_q2d(v->stream->time_base)
                      : v->input.format->duration != AV_NOPTS_VALUE
                          ? (double)v->input.format->duration / AV_TIME_BASE
                          : 0;
    /* A transport stream's clock may have jumped: that is no statement. */
    return duration > 0 && duration <= VIS_FRAMES_MAX_SECONDS ? duration : 0;
}

static void get_info(const void *self, struct vis_frames_info *info)
{
    *info = ((const struct video *)self)->info;
}

/* ---- Choosing a stream ------------------------------------------------------------------- */

/* All streams but the best are not read at all. */
static viseme_status choose_stream(struct video *v, viseme_error *err)
{
    const AVFormatContext *format = v->input.format;
    int sound = 0, cover = 0;

    v->stream = vis_ffinput_best(&v->input, AVMEDIA_TYPE_VIDEO);
    vis_ffinput_only(&v->input, v->stream);
    if (v->stream)
        return VISEME_OK;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        sound |= format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
        cover |= format->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC;
    }
    if (sound || cover)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: holds sound%s but no video; give the video file", v->path,
                        cover ? " and a cover picture" : "");
    return vis_fail(err, VISEME_ERR_INPUT,
                    "%s: holds no video that can be recognised; it is "
                    "damaged or incomplete",
                    v->path);
}

static viseme_status open_decoder(struct video *v, viseme_error *err)
{
    const AVCodecParameters *par = v->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    const char *name = avcodec_get_name(par->codec_id);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (!codec)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: its video is coded as '%s', which this FFmpeg cannot decode; convert "
                        "it to H.264",
                        v->path, name);
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->decoder = avcodec_alloc_context3(codec);
    if (!v->packet || !v->frame || !v->decoder ||
        avcodec_parameters_to_context(v->decoder, par) < 0)
        return vis_fail_nomem(err, sizeof *v->decoder);
    v->decoder->pkt_timebase = v->stream->time_base;
    v->decoder->max_pixels = VIS_FRAMES_MAX_PIXELS;
    v->decoder->thread_count = cpus < 1 ? 1 : cpus > MAX_THREADS ? MAX_THREADS : (int)cpus;
    if (avcodec_open2(v->decoder, codec, NULL) < 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: its '%s' video cannot be decoded (%s)", v->path,
                        name, vis_fflog_error()[0] ? vis_fflog_error() : "unsupported or damaged");
    return VISEME_OK;
}

/* ---- Decoding ---------------------------------------------------------------------------- */

/* Gives the decoder the next packet, or tells it that there are no more. What it thinks of a
 * packet does not matter here: damaged ones are lost, and the next are tried. */
static void feed(struct video *v)
{
    int result = av_read_frame(v->input.format, v->packet);
    if (result < 0) {
        if (result == AVERROR_INVALIDDATA && ++v->bad_reads < MAX_BAD_READS)
            return;
        v->at_end = 1;
        avcodec_send_packet(v->decoder, NULL);
        return;
    }
    v->bad_reads = 0;
    if (v->packet->stream_index == v->stream->index)
        avcodec_send_packet(v->decoder, v->packet);
    av_packet_unref(v->packet);
}

/* The next frame into v->frame; v->waiting stays 0 at the end of the stream. */
static viseme_status decode(struct video *v, viseme_error *err)
{
    while (!v->waiting) {
        int result = avcodec_receive_frame(v->decoder, v->frame);
        if (result >= 0) {
            if (v->frame->flags & AV_FRAME_FLAG_CORRUPT)
                continue;
            v->waiting = 1;
            v->decoded++;
        } else if (result == AVERROR(ENOMEM)) {
            return vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory in the decoder", v->path);
        } else if (result == AVERROR_EOF || (v->at_end && result == AVERROR(EAGAIN))) {
            break;
        } else if (!v->at_end) {
            feed(v);
        } else if (++v->bad_reads >= MAX_BAD_READS) {
            break; /* a decoder that does not come to its end */
        }
    }
    if (v->input.error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed after %.2f s of video (%s)",
                        v->path, v->last, strerror(v->input.error));
    if (v->decoded == 0)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: none of its '%s' frames can be decoded; it is damaged or incomplete",
                        v->path, avcodec_get_name(v->stream->codecpar->codec_id));
    return VISEME_OK;
}

/* Presentation time of v->frame, from the start of the file. */
static double time_of(struct video *v, int first)
{
    double interval = v->frame_rate > 0 ? 1 / v->frame_rate : FALLBACK_INTERVAL;
    double expected = first ? 0 : v->last + interval;
    int64_t stamp = v->frame->best_effort_timestamp;
    double seconds;

    if (stamp == AV_NOPTS_VALUE)
        stamp = v->frame->pkt_dts;
    if (stamp == AV_NOPTS_VALUE)
        return expected;
    seconds = (double)stamp * av_q2d(v->stream->time_base);
    if (isnan(v->start))
        v->start = seconds;
    seconds -= v->start;
    if (!first && fabs(seconds - v->last) > MAX_GAP_SECONDS) {
        double duration = stated_duration(v);
        if (v->input.format->iformat->flags & AVFMT_TS_DISCONT) {
            /* Broadcasts put together, or a counter that wrapped: carry on from where we are. */
            v->start += seconds - expected;
            return expected;
        }
        if (duration > 0 && seconds > duration + MAX_GAP_SECONDS)
            return expected; /* a damaged time */
    }
    if (first)
        return seconds > 0 ? seconds : 0;
    return seconds > v->last ? seconds : v->last;
}

/* Notes the time of the frame just decoded, and drops it when it comes too early. */
static void judge(struct video *v, int first)
{
    v->last = time_of(v, first);
    if (v->last + VIS_FRAMES_SAME_TIME < v->opts.from_s) {
        av_frame_unref(v->frame);
        v->waiting = 0;
    }
}

/* Decodes on to the first frame that is wanted, or to the end. */
static viseme_status advance(struct video *v, viseme_error *err)
{
    viseme_status status = VISEME_OK;

    while (!v->waiting) {
        status = decode(v, err);
        if (status != VISEME_OK || !v->waiting)
            break;
        judge(v, v->decoded == 1);
        if (v->last > VIS_FRAMES_MAX_SECONDS)
            return vis_fail(err, VISEME_ERR_LIMIT, "%s: is longer than the limit of %g hours",
                            v->path, VIS_FRAMES_MAX_SECONDS / 3600);
    }
    return status;
}

/* ---- Pictures ---------------------------------------------------------------------------- */

/* The display matrix of v->frame: 1, or 0 when there is none. What the frame says counts more than
 * what the file says. */
static int matrix_of(const struct video *v, int32_t matrix[9])
{
    const AVFrameSideData *side = av_frame_get_side_data(v->frame, AV_FRAME_DATA_DISPLAYMATRIX);
    const uint8_t *bytes = side ? side->data : NULL;
    size_t size = side ? side->size : 0;

    if (!bytes)
        bytes = av_stream_get_side_data(v->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (!bytes || size < 9 * sizeof *matrix)
        return 0;
    memcpy(matrix, bytes, 9 * sizeof *matrix);
    return 1;
}

/* How v->frame lies. */
static int orientation_of(const struct video *v, int *odd)
{
    int32_t matrix[9];

    *odd = 0;
    return !v->opts.as_stored && matrix_of(v, matrix) ? vis_orient_from_matrix(matrix, odd) : 0;
}

static AVRational aspect_of(const struct video *v)
{
    return av_guess_sample_aspect_ratio(v->input.format, v->stream, v->frame);
}

static viseme_status turn(struct video *v, int orientation, viseme_image *image, viseme_error *err)
{
    size_t bytes = (size_t)image->width * (size_t)image->height * 3;

    if (bytes > v->upright_bytes) {
        free(v->upright);
        v->upright_bytes = 0;
        v->upright = malloc(bytes);
        if (!v->upright)
            return vis_fail_nomem(err, bytes);
        v->upright_bytes = bytes;
    }
    vis_orient_apply(image, orientation, v->upright);
    return VISEME_OK;
}

static viseme_status next_frame(void *self, viseme_image *image, double *seconds, viseme_error *err)
{
    struct video *v = self;
    int odd, orientation;
    viseme_status status = advance(v, err);

    if (status != VISEME_OK || !v->waiting)
        return status;
    v->waiting = 0;
    orientation = orientation_of(v, &odd);
    status = vis_ffscale_convert(&v->scale, v->frame, aspect_of(v), image, v->path, err);
    if (status == VISEME_OK && orientation)
        status = turn(v, orientation, image, err);
    *seconds = v->last;
    return status; /* the frame stays until the next one, for get_native() */
}

static void get_native(const void *self, struct vis_native *native)
{
    const struct video *v = self;
    const AVRational aspect = aspect_of(v), tick = v->stream->time_base;
    const AVRational rate = av_guess_frame_rate(v->input.format, v->stream, NULL);
    int odd;

    *native = (struct vis_native){.frame = v->frame,
                                  .orientation = orientation_of(v, &odd),
                                  .aspect_num = aspect.num,
                                  .aspect_den = aspect.den,
                                  .tick_num = tick.num,
                                  .tick_den = tick.den,
                                  .rate_num = rate.num,
                                  .rate_den = rate.den};
    native->has_matrix = matrix_of(v, native->matrix);
}

/* What is known of the video once its first frame is decoded. */
static void describe(struct video *v)
{
    struct vis_frames_info *info = &v->info;
    int orientation = orientation_of(v, &info->turn_ignored);
    int width, height;

    info->kind = "video";
    info->codec = avcodec_get_name(v->stream->codecpar->codec_id);
    info->frame_rate = v->frame_rate;
    info->duration_s = stated_duration(v);
    vis_orient_describe(orientation, &info->turned, &info->mirrored);
    info->interlaced = vis_ffscale_size(v->frame, aspect_of(v), &width, &height);
    info->pixel_aspect = vis_ffscale_aspect(aspect_of(v));
    info->width = orientation & VIS_ORIENT_TRANSPOSE ? height : width;
    info->height = orientation & VIS_ORIENT_TRANSPOSE ? width : height;
}

static const struct vis_frames_ops video_ops = {get_info, next_frame, get_native, close_video};

/* ---- Opening ----------------------------------------------------------------------------- */

static viseme_status open_stream(struct video *v, viseme_error *err)
{
    AVRational rate;
    viseme_status status = vis_ffinput_open(&v->input, v->path, err);

    if (status == VISEME_OK)
        status = choose_stream(v, err);
    if (status == VISEME_OK)
        status = open_decoder(v, err);
    if (status != VISEME_OK)
        return status;
    rate = av_guess_frame_rate(v->input.format, v->stream, NULL);
    v->frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    v->start = v->input.format->start_time != AV_NOPTS_VALUE
                   ? (double)v->input.format->start_time / AV_TIME_BASE
                   : NAN;
    return VISEME_OK;
}

/* Enters the stream at a point before opts.from_s. 0: there is none that can be trusted, and the
 * stream must be opened anew. */
static int seek(struct video *v)
{
    double unit = av_q2d(v->stream->time_base);
    double target = v->opts.from_s - SEEK_BEFORE;

    if (av_seek_frame(v->input.format, v->stream->index, (int64_t)((v->start + target) / unit),
                      AVSEEK_FLAG_BACKWARD) < 0)
        return 0;
    avcodec_flush_buffers(v->decoder);
    return decode(v, NULL) == VISEME_OK && v->waiting && v->frame->pts != AV_NOPTS_VALUE &&
           (double)v->frame->pts * unit - v->start <= target + SEEK_BEFORE / 2;
}

/* Whether times in the file say where in it to look, and it is worth looking. */
static int can_seek(const struct video *v)
{
    return v->opts.from_s > 2 * SEEK_BEFORE && !isnan(v->start) &&
           !(v->input.format->iformat->flags & (AVFMT_TS_DISCONT | AVFMT_NOTIMESTAMPS));
}

static viseme_status open_at(struct video *v, viseme_error *err)
{
    viseme_status status = open_stream(v, err);

    if (status == VISEME_OK && can_seek(v) && !seek(v)) {
        close_stream(v);
        status = open_stream(v, err);
    }
    if (status != VISEME_OK)
        return status;
    if (v->waiting) /* seek() has decoded one */
        judge(v, 1);
    status = advance(v, err);
    if (status == VISEME_OK && !v->waiting)
        status = vis_fail(err, VISEME_ERR_INPUT,
                          "%s: its last frame is at %.3f s, before the start that was asked for "
                          "(%.3f s)",
                          v->path, v->last, v->opts.from_s);
    return status;
}

viseme_status vis_frames_open_video(struct vis_frames *frames, const char *path,
                                    const struct vis_frames_options *opts, viseme_error *err)
{
    struct video *v = calloc(1, sizeof *v);
    viseme_status status;

    if (!v)
        return vis_fail_nomem(err, sizeof *v);
    v->input.fd = -1;
    v->opts = *opts;
    v->path = strdup(path);
    if (!v->path)
        status = vis_fail_nomem(err, strlen(path) + 1);
    else
        status = open_at(v, err);
    if (status != VISEME_OK) {
        close_video(v);
        return status;
    }
    describe(v);
    frames->ops = &video_ops;
    frames->self = v;
    return VISEME_OK;
}
