/* Any bytes as a media file with sound: finite samples, no more than were asked for, or a sentence.
 * The last byte says which part is read. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/audio.h"

enum { MAX_BYTES = 1 << 18, MAX_BLOCKS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static viseme_status read_samples(struct vis_audio *audio, const struct vis_audio_options *opts,
                                  double start_s, viseme_error *err)
{
    double most = opts->to_s > 0 ? (opts->to_s - start_s) * VIS_AUDIO_RATE + 1 : INFINITY;
    size_t all = 0;
    for (int i = 0; i < MAX_BLOCKS; i++) {
        const float *samples;
        size_t count;
        viseme_status status = vis_audio_next(audio, &samples, &count, err);
        if (status != VISEME_OK || count == 0)
            return status;
        all += count;
        must((double)all <= most);
        for (size_t k = 0; k < count; k++)
            must(isfinite(samples[k]));
    }
    return VISEME_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_audio *audio;
    struct vis_audio_info info;
    struct vis_audio_options opts = {0};
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
    fd = memfd_create("audio", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    viseme_status status = vis_audio_open(&audio, path, &opts, &err);
    if (status == VISEME_OK) {
        vis_audio_get_info(audio, &info);
        must(info.rate >= 1 && info.channels >= 1 && info.duration_s >= 0 && info.start_s >= 0 &&
             info.codec);
        status = read_samples(audio, &opts, info.start_s, &err);
        vis_audio_close(audio);
    }
    close(fd);
    must(status == VISEME_OK || (err.status == status && err.message[0] != '\0'));
    return 0;
}
