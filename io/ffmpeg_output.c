#include "io/ffmpeg_output.h"

#include <errno.h>
#include <string.h>

#include <libavutil/avstring.h>

#include "base/error.h"
#include "io/ffmpeg_input.h"

#define BUFFER_BYTES 65536

#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t written_byte;
#else
typedef uint8_t written_byte;
#endif

static int write_file(void *opaque, written_byte *bytes, int size)
{
    struct vis_ffoutput *out = opaque;
    if (fwrite(bytes, 1, (size_t)size, out->stream) == (size_t)size)
        return size;
    if (!out->error)
        out->error = errno ? errno : EIO;
    return AVERROR(EIO);
}

static int64_t seek_file(void *opaque, int64_t offset, int whence)
{
    struct vis_ffoutput *out = opaque;
    whence &= ~AVSEEK_FORCE;
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return AVERROR(EINVAL);
    if (fseeko(out->stream, (off_t)offset, whence) != 0)
        return AVERROR(errno);
    return ftello(out->stream);
}

/* The first muxer in a list of names such as "mov,mp4,m4a"; of that family MP4 is meant. */
static const AVOutputFormat *muxer_of(const char *names)
{
    char name[64];
    if (av_match_list("mp4", names, ',') > 0)
        return av_guess_format("mp4", NULL, NULL);
    while (*names) {
        const size_t n = strcspn(names, ",");
        const AVOutputFormat *kind;
        av_strlcpy(name, names, n < sizeof name ? n + 1 : sizeof name);
        kind = av_guess_format(name, NULL, NULL);
        if (kind)
            return kind;
        names += n + (names[n] == ',');
    }
    return NULL;
}

viseme_status vis_ffoutput_open(struct vis_ffoutput *out, const char *path, const char *fallback,
                                viseme_error *err)
{
    uint8_t *buffer = NULL;
    viseme_status status;

    *out = (struct vis_ffoutput){.path = path};
    vis_fflog_reset();
    if (strcmp(path, "-") == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a video is written to a file, not to standard output");
    const AVOutputFormat *kind = av_guess_format(NULL, path, NULL);
    if (!kind || kind->video_codec == AV_CODEC_ID_NONE || (kind->flags & AVFMT_NOFILE))
        kind = muxer_of(fallback);
    if (!kind)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: the ending names no container that can be written; take .mp4 or .mkv",
                        path);
    status = vis_output_open(&out->file, path, &out->stream, err);
    if (status != VISEME_OK)
        return status;
    if (avformat_alloc_output_context2(&out->format, kind, NULL, NULL) < 0) {
        status = vis_fail_nomem(err, sizeof *out->format);
        goto fail;
    }
    buffer = av_malloc(BUFFER_BYTES);
    out->format->pb =
        buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 1, out, NULL, write_file, seek_file)
               : NULL;
    if (!out->format->pb) {
        av_free(buffer);
        status = vis_fail_nomem(err, BUFFER_BYTES);
        goto fail;
    }
    out->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    return VISEME_OK;
fail:
    vis_ffoutput_close(out);
    return status;
}

viseme_status vis_ffoutput_fail(const struct vis_ffoutput *out, int result, viseme_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (out->error)
        return vis_fail(err, VISEME_ERR_OUTPUT, "%s: writing failed (%s)", out->path,
                        strerror(out->error));
    if (result == AVERROR(ENOMEM))
        return vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory while writing it", out->path);
    av_strerror(result, text, sizeof text);
    return vis_fail(err, VISEME_ERR_OUTPUT, "%s: cannot be written as %s (%s)", out->path,
                    out->format->oformat->name, vis_fflog_error()[0] ? vis_fflog_error() : text);
}

viseme_status vis_ffoutput_commit(struct vis_ffoutput *out, viseme_error *err)
{
    viseme_status status;
    const int result = av_write_trailer(out->format);
    avio_flush(out->format->pb);
    if (result < 0 || out->error || out->format->pb->error < 0)
        return vis_ffoutput_fail(out, result < 0 ? result : out->format->pb->error, err);
    status = vis_output_commit(out->file, err);
    out->file = NULL;
    return status;
}

void vis_ffoutput_close(struct vis_ffoutput *out)
{
    if (out->format && out->format->pb) {
        av_freep(&out->format->pb->buffer);
        avio_context_free(&out->format->pb);
    }
    avformat_free_context(out->format);
    out->format = NULL;
    vis_output_abort(out->file);
    out->file = NULL;
}
