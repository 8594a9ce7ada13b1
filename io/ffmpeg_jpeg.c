/* One JPEG picture as a stream of one frame. */
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "base/error.h"
#include "io/ffmpeg_input.h"
#include "io/ffmpeg_scale.h"
#include "io/file.h"
#include "io/frames_source.h"
#include "io/orient.h"

#define MAX_BYTES ((size_t)256 << 20)

struct jpeg {
    AVFrame *frame;
    struct vis_ffscale scale;
    uint8_t *upright; /* the picture, when it is turned */
    viseme_image image;
    int orientation, given;
    double fps;
};

static void close_jpeg(void *self)
{
    struct jpeg *j = self;
    av_frame_free(&j->frame);
    vis_ffscale_free(&j->scale);
    free(j->upright);
    free(j);
}

static void get_info(const void *self, struct vis_frames_info *info)
{
    const struct jpeg *j = self;
    *info = (struct vis_frames_info){.kind = "pictures",
                                     .codec = "jpeg",
                                     .width = j->image.width,
                                     .height = j->image.height,
                                     .frame_rate = j->fps,
                                     .duration_s = 1 / j->fps,
                                     .pixel_aspect = 1};
    vis_orient_describe(j->orientation, &info->turned, &info->mirrored);
}

static viseme_status next_picture(void *self, viseme_image *image, double *seconds,
                                  viseme_error *err)
{
    struct jpeg *j = self;
    (void)err;
    *seconds = 0;
    if (!j->given)
        *image = j->image;
    j->given = 1;
    return VISEME_OK;
}

/* A turned picture is given on upright: whoever writes it has no place for its orientation. */
static void get_native(const void *self, struct vis_native *native)
{
    const struct jpeg *j = self;
    const AVRational rate = av_d2q(j->fps, 1000000);
    *native = (struct vis_native){.frame = j->orientation ? NULL : j->frame,
                                  .aspect_num = 1,
                                  .aspect_den = 1,
                                  .tick_num = rate.den,
                                  .tick_den = rate.num,
                                  .rate_num = rate.num,
                                  .rate_den = rate.den};
}

static const struct vis_frames_ops jpeg_ops = {get_info, next_picture, get_native, close_jpeg};

/* What makes a picture upright, by the number that EXIF (2.3, 4.6.4 A) gives its orientation. */
static int orientation_of(const AVFrame *frame)
{
    static const int by_number[9] = {
        0,
        0,
        VIS_ORIENT_FLIP_X,
        VIS_ORIENT_FLIP_X | VIS_ORIENT_FLIP_Y,
        VIS_ORIENT_FLIP_Y,
        VIS_ORIENT_TRANSPOSE,
        VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_X,
        VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_X | VIS_ORIENT_FLIP_Y,
        VIS_ORIENT_TRANSPOSE | VIS_ORIENT_FLIP_Y,
    };
    const AVDictionaryEntry *entry = av_dict_get(frame->metadata, "Orientation", NULL, 0);
    const long number = entry ? strtol(entry->value, NULL, 10) : 0;
    return number >= 1 && number <= 8 ? by_number[number] : 0;
}

static viseme_status decode(struct jpeg *j, const void *bytes, size_t size, const char *path,
                            viseme_error *err)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    viseme_status status = VISEME_OK;

    j->frame = av_frame_alloc();
    if (!decoder || !packet || !j->frame || av_new_packet(packet, (int)size) < 0) {
        status = vis_fail_nomem(err, size);
        goto done;
    }
    memcpy(packet->data, bytes, size);
    decoder->max_pixels = VIS_FRAMES_MAX_PIXELS;
    decoder->thread_count = 1;
    vis_fflog_reset();
    if (avcodec_open2(decoder, codec, NULL) < 0 || avcodec_send_packet(decoder, packet) < 0 ||
        avcodec_send_packet(decoder, NULL) < 0 || avcodec_receive_frame(decoder, j->frame) < 0)
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: this JPEG picture cannot be decoded (%s)",
                          path, vis_fflog_error()[0] ? vis_fflog_error() : "damaged or incomplete");
done:
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return status;
}

static viseme_status convert(struct jpeg *j, const char *path, viseme_error *err)
{
    viseme_status status =
        vis_ffscale_convert(&j->scale, j->frame, (AVRational){1, 1}, &j->image, path, err);
    j->orientation = orientation_of(j->frame);
    if (status != VISEME_OK || !j->orientation)
        return status;
    const size_t bytes = 3 * (size_t)j->image.width * (size_t)j->image.height;
    j->upright = malloc(bytes);
    if (!j->upright)
        return vis_fail_nomem(err, bytes);
    vis_orient_apply(&j->image, j->orientation, j->upright);
    return VISEME_OK;
}

viseme_status vis_frames_open_jpeg(struct vis_frames *frames, const char *path,
                                   const struct vis_frames_options *opts, viseme_error *err)
{
    struct jpeg *j = calloc(1, sizeof *j);
    void *bytes = NULL;
    size_t size;
    viseme_status status;

    if (!j)
        return vis_fail_nomem(err, sizeof *j);
    j->fps = opts->fps;
    status = vis_file_read(&bytes, &size, path, MAX_BYTES, err);
    if (status == VISEME_OK && opts->from_s >= 1 / opts->fps)
        status =
            vis_fail(err, VISEME_ERR_INPUT, "%s: is one picture; there is nothing at %.3f s of it",
                     path, opts->from_s);
    if (status == VISEME_OK)
        status = decode(j, bytes, size, path, err);
    if (status == VISEME_OK)
        status = convert(j, path, err);
    free(bytes);
    if (status != VISEME_OK) {
        close_jpeg(j);
        return status;
    }
    frames->ops = &jpeg_ops;
    frames->self = j;
    return VISEME_OK;
}
