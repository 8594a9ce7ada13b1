/* Any bytes as a video file: frames of a sane size at times that do not go back, or a sentence.
 * The last byte says from where on it is read. */
#include <stddef.h>
#include <stdint.h>

#include "io/frames.h"
#include "tests/fuzz/media.h"

enum { MAX_FRAMES = 12, MAX_PIXELS = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static viseme_status read_frames(struct vis_frames *frames, const struct vis_frames_options *opts,
                                 viseme_error *err)
{
    viseme_image image;
    viseme_status status = VISEME_OK;
    double t, last = opts->from_s - 1e-6;
    for (int i = 0; i < MAX_FRAMES; i++) {
        status = vis_frames_next(frames, &image, &t, err);
        if (status != VISEME_OK || !image.data)
            break;
        must(image.width >= 1 && image.width <= 16384 && image.height >= 1 &&
             image.height <= 16384 && image.stride >= 3 * image.width);
        must(t >= last && t <= VIS_FRAMES_MAX_SECONDS && (opts->to_s == 0 || t < opts->to_s));
        last = t;
        unsigned sum = 0;
        for (int y = 0; y < image.height; y++) /* every row can be touched */
            sum += image.data[y * image.stride] + image.data[(y + 1) * image.stride - 1];
        volatile unsigned kept = sum;
        (void)kept;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_frames *frames;
    struct vis_frames_info info;
    struct media media;
    viseme_error err = {0};

    if (!media_open(&media, data, size))
        return 0;
    const struct vis_frames_options opts = {.from_s = media.from_s, .to_s = media.to_s};
    viseme_status status = vis_frames_open(&frames, media.path, &opts, &err);
    if (status == VISEME_OK) {
        vis_frames_get_info(frames, &info);
        must(info.width >= 1 && info.height >= 1 && info.duration_s >= 0 && info.codec);
        if ((int64_t)info.width * info.height <= MAX_PIXELS)
            status = read_frames(frames, &opts, &err);
        vis_frames_close(frames);
    }
    media_close(&media, status, &err);
    return 0;
}
