#include "io/ffmpeg_input.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>

#include "base/error.h"
#include "io/file.h"
#include "io/frames_source.h"

/* The kinds of file that are read, by the names of FFmpeg's demuxers: containers and elementary
 * streams that people's videos come in, each of which is one file whole in itself. What is left
 * out names other files or addresses (hls, dash, concat, image2, sdp, rtsp, imf, vobsub, the
 * devices), turns any text or picture into a video (tty, the _pipe demuxers, rawvideo), or is
 * rare enough that reading it is not worth its history of defects. */
static const char allowed_kinds[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,asf,ogg,mxf,gxf,nut,"
    "ivf,obu,av1,h261,h263,h264,hevc,m4v,vc1,cavsvideo,dirac,dv,gif,rm,wtv,"
    "yuv4mpegpipe";
/* Sound alone. */
static const char sound_kinds[] = "wav,mp3,flac,aac,ac3,eac3,aiff,au,amr,w64,caf,ape,wv,dts,tta";
/* Lists of other files. */
static const char playlist_kinds[] = "hls,dash,concat,webm_dash_manifest,imf,sdp";

#define BUFFER_BYTES 65536
#define PROBE_BYTES  (5 << 20)

/* ---- FFmpeg's log ------------------------------------------------------------------------ */

static _Thread_local char log_line[160];
static pthread_once_t log_once = PTHREAD_ONCE_INIT;

static void keep_error(void *context, int level, const char *format, va_list args)
{
    (void)context;
    if (level > AV_LOG_ERROR || log_line[0] != '\0')
        return;
    vsnprintf(log_line, sizeof log_line, format, args);
    log_line[strcspn(log_line, "\n")] = '\0';
}

static void take_log(void)
{
    av_log_set_callback(keep_error);
}

void vis_fflog_reset(void)
{
    pthread_once(&log_once, take_log);
    log_line[0] = '\0';
}

const char *vis_fflog_error(void)
{
    return log_line;
}

/* ---- Reading the one file ---------------------------------------------------------------- */

static int read_file(void *opaque, uint8_t *buffer, int size)
{
    struct vis_ffinput *in = opaque;
    ssize_t n;
    do
        n = pread(in->fd, buffer, (size_t)size, (off_t)in->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (!in->error)
            in->error = errno;
        return AVERROR(EIO);
    }
    if (n == 0)
        return AVERROR_EOF;
    in->at += (uint64_t)n;
    return (int)n;
}

static int64_t seek_file(void *opaque, int64_t offset, int whence)
{
    struct vis_ffinput *in = opaque;
    int64_t base = 0;

    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return (int64_t)in->size;
    if (whence == SEEK_CUR)
        base = (int64_t)in->at;
    else if (whence == SEEK_END)
        base = (int64_t)in->size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < -base || offset > INT64_MAX - base)
        return AVERROR(EINVAL);
    in->at = (uint64_t)(base + offset);
    return base + offset;
}

/* A demuxer that asks for a second file does not get it. */
static int refuse_open(AVFormatContext *format, AVIOContext **pb, const char *url, int flags,
                       AVDictionary **options)
{
    (void)format;
    (void)url;
    (void)flags;
    (void)options;
    *pb = NULL;
    return AVERROR(EPERM);
}

/* ---- Finding out what it is -------------------------------------------------------------- */

static int starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* What people give by mistake, from the first bytes of the file; NULL: nothing known. */
static const char *guess_mistake(const struct vis_ffinput *in)
{
    char head[256] = "";
    const char *text = head;
    ssize_t n = pread(in->fd, head, sizeof head - 1, 0);

    if (n <= 0)
        return NULL;
    if (starts_with(text, "\xEF\xBB\xBF"))
        text += 3;
    while (isspace((unsigned char)*text))
        text++;
    if (starts_with(text, "<!doctype html") || starts_with(text, "<html") ||
        starts_with(text, "<head") || starts_with(text, "<body") || starts_with(text, "<!--"))
        return "is a web page, not a media file; the download went wrong, fetch the file itself "
               "again";
    if (starts_with(text, "#EXTM3U") || starts_with(text, "ffconcat") || starts_with(text, "<MPD"))
        return "is a list of files; give the media file itself";
    return NULL;
}

static int is_kind(const AVInputFormat *kind, const char *list)
{
    return av_match_list(kind->name, list, ',') > 0;
}

/* The demuxer for the content of the file. The name plays no part. sound: files without pictures
 * will do. */
static viseme_status find_kind(struct vis_ffinput *in, const AVInputFormat **kind, int sound,
                               viseme_error *err)
{
    const char *mistake;
    int score;

    *kind = NULL;
    score = av_probe_input_buffer2(in->pb, kind, "", NULL, 0, PROBE_BYTES);
    if (in->error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed (%s)", in->path,
                        strerror(in->error));
    if (score == AVERROR(ENOMEM))
        return vis_fail_nomem(err, PROBE_BYTES);
    if (score >= 0 && *kind &&
        (is_kind(*kind, allowed_kinds) || (sound && is_kind(*kind, sound_kinds))))
        return VISEME_OK;
    mistake = guess_mistake(in);
    if (mistake)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: %s", in->path, mistake);
    if (score < 0 || !*kind || score <= AVPROBE_SCORE_RETRY)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is not a %s of a known kind, or it is damaged",
                        in->path, sound ? "video or sound" : "video");
    if (is_kind(*kind, sound_kinds))
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: holds sound (%s) but no pictures; give the video file", in->path,
                        (*kind)->name);
    if (is_kind(*kind, playlist_kinds))
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: is a list of files (%s); give the media file itself", in->path,
                        (*kind)->name);
    if (strstr((*kind)->name, "_pipe")) /* as FFmpeg calls its readers of single pictures */
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is a picture, not a %s", in->path,
                        sound ? "video or sound" : "video; pictures are read as PNG only");
    return vis_fail(err, VISEME_ERR_INPUT,
                    "%s: is a file of the kind '%s', which viseme does not read; convert it to "
                    "MP4 or Matroska",
                    in->path, (*kind)->name);
}

/* Lets FFmpeg look into the streams. Its own decoders work here too, so the limit on pixels is
 * theirs as well. */
static int examine_streams(AVFormatContext *format)
{
    AVDictionary *options[VIS_FRAMES_MAX_STREAMS] = {NULL};
    unsigned count = format->nb_streams;
    int result = 0;

    for (unsigned i = 0; i < count && result >= 0; i++) {
        result = av_dict_set_int(&options[i], "max_pixels", VIS_FRAMES_MAX_PIXELS, 0);
        if (result >= 0)
            result = av_dict_set(&options[i], "threads", "1", 0);
    }
    if (result >= 0)
        result = avformat_find_stream_info(format, count ? options : NULL);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    return result;
}

static viseme_status check_limits(const struct vis_ffinput *in, viseme_error *err)
{
    const AVFormatContext *format = in->format;

    if (format->nb_streams > VIS_FRAMES_MAX_STREAMS)
        return vis_fail(err, VISEME_ERR_LIMIT, "%s: holds more than %d streams", in->path,
                        VIS_FRAMES_MAX_STREAMS);
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVCodecParameters *par = format->streams[i]->codecpar;
        if (par->width > VIS_FRAMES_MAX_SIDE || par->height > VIS_FRAMES_MAX_SIDE ||
            (int64_t)par->width * par->height > (int64_t)VIS_FRAMES_MAX_PIXELS)
            return vis_fail(err, VISEME_ERR_LIMIT,
                            "%s: its frames are %d x %d pixels, above the limit of %u pixels and "
                            "%d a side",
                            in->path, par->width, par->height, VIS_FRAMES_MAX_PIXELS,
                            VIS_FRAMES_MAX_SIDE);
    }
    /* Where the clock may jump, the distance between its ends says nothing. */
    if (!(format->iformat->flags & AVFMT_TS_DISCONT) && format->duration != AV_NOPTS_VALUE &&
        (double)format->duration / AV_TIME_BASE > VIS_FRAMES_MAX_SECONDS)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: states a duration of %.1f hours, above the limit of %g; cut it into "
                        "pieces",
                        in->path, (double)format->duration / AV_TIME_BASE / 3600,
                        VIS_FRAMES_MAX_SECONDS / 3600);
    return VISEME_OK;
}

static viseme_status fail_container(const struct vis_ffinput *in, const char *kind, int result,
                                    viseme_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (result == AVERROR(ENOMEM))
        return vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory while opening it", in->path);
    if (in->error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed (%s)", in->path,
                        strerror(in->error));
    av_strerror(result, text, sizeof text);
    return vis_fail(err, VISEME_ERR_INPUT, "%s: damaged or incomplete %s file (%s)", in->path, kind,
                    vis_fflog_error()[0] ? vis_fflog_error() : text);
}

static viseme_status open_media(struct vis_ffinput *in, const char *path, int sound,
                                viseme_error *err)
{
    const AVInputFormat *kind;
    uint8_t *buffer;
    int result;
    viseme_status status;

    *in = (struct vis_ffinput){.fd = -1, .path = path};
    vis_fflog_reset();
    status = vis_file_open(&in->fd, &in->size, path, err);
    if (status != VISEME_OK)
        return status;
    buffer = av_malloc(BUFFER_BYTES);
    in->pb =
        buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 0, in, read_file, NULL, seek_file) : NULL;
    if (!in->pb) {
        av_free(buffer);
        status = vis_fail_nomem(err, BUFFER_BYTES);
        goto fail;
    }
    status = find_kind(in, &kind, sound, err);
    if (status != VISEME_OK)
        goto fail;
    in->format = avformat_alloc_context();
    if (!in->format) {
        status = vis_fail_nomem(err, sizeof *in->format);
        goto fail;
    }
    in->format->pb = in->pb;
    in->format->io_open = refuse_open;
    in->format->probesize = PROBE_BYTES;
    in->format->max_streams = VIS_FRAMES_MAX_STREAMS + 1; /* one more, to be told from as many */
    in->format->protocol_whitelist = av_strdup("file");
    in->format->format_whitelist =
        av_strdup(is_kind(kind, allowed_kinds) ? allowed_kinds : sound_kinds);
    result = avformat_open_input(&in->format, "", kind, NULL); /* frees the context if it fails */
    if (result < 0) {
        status = fail_container(in, kind->long_name, result, err);
        goto fail;
    }
    status = check_limits(in, err);
    if (status != VISEME_OK)
        goto fail;
    result = examine_streams(in->format);
    if (result < 0) {
        status = fail_container(in, kind->long_name, result, err);
        goto fail;
    }
    status = check_limits(in, err);
    if (status != VISEME_OK)
        goto fail;
    return VISEME_OK;
fail:
    vis_ffinput_close(in);
    return status;
}

viseme_status vis_ffinput_open(struct vis_ffinput *in, const char *path, viseme_error *err)
{
    return open_media(in, path, 0, err);
}

viseme_status vis_ffinput_open_sound(struct vis_ffinput *in, const char *path, viseme_error *err)
{
    return open_media(in, path, 1, err);
}

AVStream *vis_ffinput_best(const struct vis_ffinput *in, enum AVMediaType type)
{
    AVStream *found = NULL;
    int64_t best = -1;

    for (unsigned i = 0; i < in->format->nb_streams; i++) {
        AVStream *stream = in->format->streams[i];
        const AVCodecParameters *par = stream->codecpar;
        int64_t score = type == AVMEDIA_TYPE_AUDIO ? par->ch_layout.nb_channels
                                                   : (int64_t)par->width * par->height;
        if (par->codec_type != type || stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
            continue;
        if (stream->disposition & AV_DISPOSITION_DEFAULT)
            score += INT64_C(1) << 40;
        if (score > best) {
            best = score;
            found = stream;
        }
    }
    return found;
}

void vis_ffinput_only(const struct vis_ffinput *in, AVStream *stream)
{
    for (unsigned i = 0; i < in->format->nb_streams; i++)
        in->format->streams[i]->discard = AVDISCARD_ALL;
    if (stream)
        stream->discard = AVDISCARD_DEFAULT;
}

void vis_ffinput_close(struct vis_ffinput *in)
{
    avformat_close_input(&in->format);
    if (in->pb)
        av_freep(&in->pb->buffer);
    avio_context_free(&in->pb);
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}
