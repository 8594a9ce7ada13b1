/* Any bytes as a media file with sound: finite samples, no more than were asked for, or a sentence.
 * The last byte says which part is read. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "io/audio.h"
#include "tests/fuzz/media.h"

enum { MAX_BLOCKS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    struct media media;
    viseme_error err = {0};

    if (!media_open(&media, data, size))
        return 0;
    const struct vis_audio_options opts = {.from_s = media.from_s, .to_s = media.to_s};
    viseme_status status = vis_audio_open(&audio, media.path, &opts, &err);
    if (status == VISEME_OK) {
        vis_audio_get_info(audio, &info);
        must(info.rate >= 1 && info.channels >= 1 && info.duration_s >= 0 && info.start_s >= 0 &&
             info.codec);
        status = read_samples(audio, &opts, info.start_s, &err);
        vis_audio_close(audio);
    }
    media_close(&media, status, &err);
    return 0;
}
