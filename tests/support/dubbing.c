#include "tests/support/dubbing.h"

#include <math.h>
#include <zlib.h>

enum { RATE = 16000, BLOCK = RATE / 25 }; /* samples of a frame */

static viseme_status push_tone(viseme_dubber *dubber, int block, viseme_error *err)
{
    float samples[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        samples[i] = 0.3f * sinf((float)(block * BLOCK + i) * (0.1f + 0.01f * (float)block));
    return viseme_dubber_push_speech(dubber, samples, BLOCK, err);
}

static viseme_status take_all(struct dubbing *d, viseme_dubber *dubber, viseme_error *err)
{
    viseme_dubbed done;
    viseme_status status;
    int ready;
    while ((status = viseme_dubber_next(dubber, &done, &ready, err)) == VISEME_OK && ready)
        if (done.changed) {
            const uInt pixels = (uInt)done.patch.width * (uInt)done.patch.height;
            d->changed++;
            d->crc = crc32(d->crc, done.patch.bgr, 3 * pixels);
            d->crc = crc32(d->crc, done.patch.mask, pixels);
        }
    return status;
}

viseme_status dubbing_run(struct dubbing *d, viseme_error *err)
{
    const int all = d->looped ? 2 * d->count : d->count;
    viseme_dubber *dubber;
    viseme_dubber_stats stats = {0};
    viseme_status status = viseme_dubber_open(&dubber, d->generator, &d->options, err);
    d->changed = 0;
    d->crc = 0;
    for (int i = 0; i < all && status == VISEME_OK; i++) {
        const viseme_dub_frame frame = {.image = d->frames[i % d->count].image,
                                        .time_s = 0.04 * i,
                                        .source = d->looped ? i % d->count : -1};
        status = push_tone(dubber, i, err);
        if (status == VISEME_OK)
            status = viseme_dubber_push(dubber, &frame, err);
        if (status == VISEME_OK)
            status = take_all(d, dubber, err);
    }
    if (status == VISEME_OK)
        status = viseme_dubber_end_speech(dubber, err);
    if (status == VISEME_OK)
        status = viseme_dubber_finish(dubber, err);
    if (status == VISEME_OK)
        status = take_all(d, dubber, err);
    if (status == VISEME_OK)
        viseme_dubber_get_stats(dubber, &stats);
    d->judged = (int)stats.judged;
    viseme_dubber_close(dubber);
    return status;
}
