#include <math.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/mathematics.h>

#include "base/error.h"
#include "io/ffmpeg_input.h"
#include "io/ffmpeg_output.h"
#include "io/ffmpeg_retime.h"
#include "io/frames_source.h"
#include "io/remux_copy.h"

enum { LEFT = -1, MAX_BAD_READS = 64 };

/* One stream of the input. */
struct lane {
    int out;       /* index in the output, LEFT: not copied */
    int sound;     /* 1: its times change */
    int64_t delay; /* in ticks of the output's stream */
    int64_t first; /* no packet of a shifted stream begins before this, in the same ticks */
    struct vis_retime *retime; /* of sound that is encoded again, else NULL */
};

struct remux {
    struct vis_ffinput in;
    struct vis_ffoutput out;
    AVPacket *packet;
    unsigned lane_count;
    struct lane lanes[VIS_FRAMES_MAX_STREAMS];
    struct vis_remux_done *done;
    struct vis_remux_line line;
};

/* ---- Streams -------------------------------------------------------------------------------- */

/* Whether the container takes the stream. Data streams are mostly a camera's own; those that hold a
 * time code are made again by the muxer. */
static int is_taken(const struct remux *r, const AVStream *from)
{
    const AVCodecParameters *par = from->codecpar;
    if (par->codec_type == AVMEDIA_TYPE_ATTACHMENT)
        return strcmp(r->out.format->oformat->name, "matroska") == 0;
    if (par->codec_id == AV_CODEC_ID_NONE || par->codec_type == AVMEDIA_TYPE_UNKNOWN ||
        par->codec_type == AVMEDIA_TYPE_DATA)
        return 0;
    return avformat_query_codec(r->out.format->oformat, par->codec_id, FF_COMPLIANCE_NORMAL) != 0;
}

static int copy_side_data(AVStream *to, const AVStream *from)
{
    for (int i = 0; i < from->nb_side_data; i++) {
        const AVPacketSideData *side = &from->side_data[i];
        uint8_t *bytes = av_stream_new_side_data(to, side->type, side->size);
        if (!bytes)
            return AVERROR(ENOMEM);
        memcpy(bytes, side->data, side->size);
    }
    return 0;
}

/* What is known of the stream beside its packets. */
static int copy_facts(AVStream *to, const AVStream *from)
{
    to->avg_frame_rate = from->avg_frame_rate;
    to->r_frame_rate = from->r_frame_rate;
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    to->disposition = from->disposition;
    return av_dict_copy(&to->metadata, from->metadata, 0);
}

static int copy_parameters(const AVFormatContext *format, AVStream *to, const AVStream *from)
{
    int result = avcodec_parameters_copy(to->codecpar, from->codecpar);
    if (result >= 0)
        result = copy_side_data(to, from);
    /* A tag of another family of containers means nothing here. */
    if (!format->oformat->codec_tag ||
        av_codec_get_id(format->oformat->codec_tag, from->codecpar->codec_tag) !=
            from->codecpar->codec_id)
        to->codecpar->codec_tag = 0;
    to->time_base = from->time_base;
    return result;
}

/* Chapters stay where they are: they mark pictures. */
static int copy_chapters(AVFormatContext *to, const AVFormatContext *from)
{
    if (from->nb_chapters == 0)
        return 0;
    to->chapters = av_calloc(from->nb_chapters, sizeof(AVChapter *));
    if (!to->chapters)
        return AVERROR(ENOMEM);
    for (unsigned i = 0; i < from->nb_chapters; i++) {
        AVChapter *chapter = av_mallocz(sizeof *chapter);
        if (!chapter)
            return AVERROR(ENOMEM);
        to->chapters[to->nb_chapters++] = chapter;
        chapter->id = from->chapters[i]->id;
        chapter->time_base = from->chapters[i]->time_base;
        chapter->start = from->chapters[i]->start;
        chapter->end = from->chapters[i]->end;
        if (av_dict_copy(&chapter->metadata, from->chapters[i]->metadata, 0) < 0)
            return AVERROR(ENOMEM);
    }
    return 0;
}

/* The beginning of the file in ticks of a stream: nothing that is shifted may come before it, or
 * before where the stream itself began. */
static int64_t beginning(const AVFormatContext *format, const AVStream *stream)
{
    const int64_t file = format->start_time != AV_NOPTS_VALUE
                             ? av_rescale_q(format->start_time, AV_TIME_BASE_Q, stream->time_base)
                             : 0;
    return stream->start_time != AV_NOPTS_VALUE && stream->start_time < file ? stream->start_time
                                                                             : file;
}

static viseme_status add_stream(struct remux *r, struct lane *lane, const AVStream *from,
                                viseme_error *err)
{
    const AVFormatContext *in = r->in.format;
    AVStream *to = avformat_new_stream(r->out.format, NULL);
    int result = to ? copy_facts(to, from) : AVERROR(ENOMEM);
    if (result < 0)
        return vis_ffoutput_fail(&r->out, result, err);
    lane->out = to->index;
    r->done->sounds += lane->sound;
    if (lane->sound && r->line.stretch != 1) {
        const struct vis_retime_line line = {.origin_s = in->start_time != AV_NOPTS_VALUE
                                                             ? (double)in->start_time / AV_TIME_BASE
                                                             : 0,
                                             .delay_s = r->line.delay_s,
                                             .stretch = r->line.stretch};
        return vis_retime_open(&lane->retime, from, r->out.format, to, &line, r->in.path, err);
    }
    result = copy_parameters(r->out.format, to, from);
    return result < 0 ? vis_ffoutput_fail(&r->out, result, err) : VISEME_OK;
}

static viseme_status map_streams(struct remux *r, viseme_error *err)
{
    AVFormatContext *from = r->in.format;
    viseme_status status = VISEME_OK;
    r->lane_count = from->nb_streams;
    for (unsigned i = 0; i < r->lane_count && status == VISEME_OK; i++) {
        const AVStream *stream = from->streams[i];
        const enum AVMediaType type = stream->codecpar->codec_type;
        struct lane *lane = &r->lanes[i];
        *lane = (struct lane){.out = LEFT, .sound = type == AVMEDIA_TYPE_AUDIO};
        if (!is_taken(r, stream)) {
            r->done->streams_left++;
            if (type == AVMEDIA_TYPE_AUDIO ||
                (type == AVMEDIA_TYPE_VIDEO &&
                 !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC)))
                return vis_fail(err, VISEME_ERR_ARGUMENT,
                                "%s: its container (%s) cannot hold %s without encoding it again; "
                                "take .mkv",
                                r->out.path, r->out.format->oformat->name,
                                avcodec_get_name(stream->codecpar->codec_id));
            continue;
        }
        status = add_stream(r, lane, stream, err);
    }
    if (status != VISEME_OK)
        return status;
    int result = av_dict_copy(&r->out.format->metadata, from->metadata, 0);
    if (result >= 0)
        result = copy_chapters(r->out.format, from);
    if (result < 0)
        return vis_ffoutput_fail(&r->out, result, err);
    if (r->done->sounds == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: has no sound to shift", r->in.path);
    return VISEME_OK;
}

/* ---- Packets -------------------------------------------------------------------------------- */

/* Moves a packet to where it goes. Returns 0 when it is left out. */
static int place(struct remux *r, const struct lane *lane, AVPacket *packet)
{
    const AVStream *from = r->in.format->streams[packet->stream_index];
    const AVRational tick = r->out.format->streams[lane->out]->time_base;
    av_packet_rescale_ts(packet, from->time_base, tick);
    if (lane->sound) {
        if (packet->pts != AV_NOPTS_VALUE)
            packet->pts += lane->delay;
        if (packet->dts != AV_NOPTS_VALUE)
            packet->dts += lane->delay;
        const int64_t at = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (at != AV_NOPTS_VALUE && at < lane->first) {
            r->done->packets_cut++;
            r->done->cut_s += (double)packet->duration * av_q2d(tick);
            return 0;
        }
    }
    packet->stream_index = lane->out;
    packet->pos = -1;
    return 1;
}

/* Takes a packet of the input over; it is empty then. */
static viseme_status take_packet(struct remux *r, viseme_error *err)
{
    const unsigned index = (unsigned)r->packet->stream_index;
    /* Streams that appear in the middle of a file are not copied. */
    const struct lane *lane = index < r->lane_count ? &r->lanes[index] : NULL;
    viseme_status status = VISEME_OK;
    if (lane && lane->retime) {
        status = vis_retime_push(lane->retime, r->packet, err);
    } else if (lane && lane->out != LEFT && place(r, lane, r->packet)) {
        const int result = av_interleaved_write_frame(r->out.format, r->packet);
        return result < 0 ? vis_ffoutput_fail(&r->out, result, err) : VISEME_OK;
    }
    av_packet_unref(r->packet);
    return status;
}

static viseme_status finish_sounds(struct remux *r, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    for (unsigned i = 0; i < r->lane_count && status == VISEME_OK; i++)
        if (r->lanes[i].retime) {
            status = vis_retime_push(r->lanes[i].retime, NULL, err);
            r->done->cut_s += vis_retime_cut(r->lanes[i].retime);
        }
    return status;
}

static viseme_status copy_packets(struct remux *r, viseme_error *err)
{
    int bad = 0;
    for (;;) {
        int result = av_read_frame(r->in.format, r->packet);
        if (r->in.error)
            return vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed (%s)", r->in.path,
                            strerror(r->in.error));
        if (result == AVERROR_EOF)
            return VISEME_OK;
        if (result == AVERROR(ENOMEM))
            return vis_ffoutput_fail(&r->out, result, err);
        if (result < 0) {
            if (++bad == MAX_BAD_READS)
                return VISEME_OK; /* the end of what can be read */
            continue;
        }
        bad = 0;
        const viseme_status status = take_packet(r, err);
        if (status != VISEME_OK)
            return status;
    }
}

/* Muxers choose the clocks of their streams, so shifts are known in ticks only after this. */
static viseme_status write_header(struct remux *r, viseme_error *err)
{
    const AVFormatContext *from = r->in.format;
    AVDictionary *options = NULL;
    int rate = 0, result;
    for (unsigned i = 0; i < r->lane_count; i++)
        if (r->lanes[i].sound && r->lanes[i].out != LEFT)
            rate = from->streams[i]->codecpar->sample_rate;
    /* MP4: keys that it does not know are written all the same, and edit lists, which hold the
     * shift, count samples instead of milliseconds. */
    result = av_dict_set(&options, "movflags", "+use_metadata_tags", 0);
    if (result >= 0 && rate > 0)
        result = av_dict_set_int(&options, "movie_timescale", rate, 0);
    if (result >= 0)
        result = avformat_write_header(r->out.format, &options);
    av_dict_free(&options);
    if (result < 0)
        return vis_ffoutput_fail(&r->out, result, err);
    for (unsigned i = 0; i < r->lane_count; i++) {
        struct lane *lane = &r->lanes[i];
        if (lane->out == LEFT || !lane->sound)
            continue;
        const AVRational tick = r->out.format->streams[lane->out]->time_base;
        lane->delay = llround(r->line.delay_s / av_q2d(tick));
        lane->first =
            av_rescale_q(beginning(from, from->streams[i]), from->streams[i]->time_base, tick);
    }
    return VISEME_OK;
}

viseme_status vis_remux_copy(const char *in, const char *out, const struct vis_remux_line *line,
                             struct vis_remux_done *done, viseme_error *err)
{
    struct remux r = {.done = done, .line = *line};
    viseme_status status = vis_ffinput_open(&r.in, in, err);
    if (status != VISEME_OK)
        return status;
    r.in.format->flags |= AVFMT_FLAG_GENPTS;
    r.packet = av_packet_alloc();
    status = r.packet ? vis_ffoutput_open(&r.out, out, r.in.format->iformat->name, err)
                      : vis_fail_nomem(err, sizeof *r.packet);
    if (status != VISEME_OK)
        goto fail;
    if (strcmp(r.out.format->oformat->name, "avi") == 0) {
        status = vis_fail(err, VISEME_ERR_ARGUMENT,
                          "%s: AVI files state no times for their sound, so it cannot be shifted "
                          "in one; take .mkv or .mp4",
                          out);
        goto fail;
    }
    status = map_streams(&r, err);
    if (status == VISEME_OK)
        status = write_header(&r, err);
    if (status == VISEME_OK)
        status = copy_packets(&r, err);
    if (status == VISEME_OK)
        status = finish_sounds(&r, err);
    if (status == VISEME_OK)
        status = vis_ffoutput_commit(&r.out, err);
fail:
    for (unsigned i = 0; i < r.lane_count; i++)
        vis_retime_free(r.lanes[i].retime);
    vis_ffoutput_close(&r.out);
    av_packet_free(&r.packet);
    vis_ffinput_close(&r.in);
    return status;
}
