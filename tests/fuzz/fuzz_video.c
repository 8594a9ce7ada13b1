/* Any bytes as a video file: frames of a sane size at times that do not go back, or a sentence.
 * The last byte says from where on it is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/frames.h"

enum { MAX_BYTES = 1 << 18, MAX_FRAMES = 12, MAX_PIXELS = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

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
    struct vis_frames_options opts = {0};
    viseme_error err = {0};
    char path[64];
    int fd;

    if (size < 2 || size > MAX_BYTES)
        return 0;
    size--;
    if (data[size] & 1) {
        opts.from_s = (data[size] >> 2) * 0.2;
        opts.to_s = data[size] & 2 ? opts.from_s + 1 : 0;
    }
    fd = memfd_create("video", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    viseme_status status = vis_frames_open(&frames, path, &opts, &err);
    if (status == VISEME_OK) {
        vis_frames_get_info(frames, &info);
        must(info.width >= 1 && info.height >= 1 && info.duration_s >= 0 && info.codec);
        if ((int64_t)info.width * info.height <= MAX_PIXELS)
            status = read_frames(frames, &opts, &err);
        vis_frames_close(frames);
    }
    close(fd);
    must(status == VISEME_OK || (err.status == status && err.message[0] != '\0'));
    return 0;
}
