#include "io/wav.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/file.h"
#include "io/output.h"

#define MAX_SAMPLES  (INT64_C(1) << 31) /* of all channels together */
#define MAX_RATE     768000
#define MAX_CHANNELS 64
#define UNKNOWN_SIZE UINT32_C(0xFFFFFFFF) /* what programs that write into a pipe leave */

enum { FORMAT_PCM = 1, FORMAT_FLOAT = 3, FORMAT_EXTENSIBLE = 0xFFFE };

static uint32_t get_u16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_u32(const unsigned char *p)
{
    return get_u16(p) | get_u16(p + 2) << 16;
}

/* ---- Reading ----------------------------------------------------------------------------- */

struct wav {
    const char *name;
    uint32_t format, channels, rate, bits;
    size_t frame_bytes;
    const unsigned char *data;
    size_t data_bytes;
};

static viseme_status parse_format(struct wav *w, const unsigned char *p, size_t size,
                                  viseme_error *err)
{
    /* What follows the format's number in the identifier of WAVE_FORMAT_EXTENSIBLE. */
    static const unsigned char guid_tail[14] = {0, 0, 0,    0, 0x10, 0,    0x80,
                                                0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    int known;

    if (size < 16)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: damaged WAV: its 'fmt ' chunk is too short",
                        w->name);
    w->format = get_u16(p);
    w->channels = get_u16(p + 2);
    w->rate = get_u32(p + 4);
    w->bits = get_u16(p + 14);
    if (w->format == FORMAT_EXTENSIBLE) {
        if (size < 40 || memcmp(p + 26, guid_tail, sizeof guid_tail) != 0)
            return vis_fail(err, VISEME_ERR_INPUT,
                            "%s: its extensible WAV format is damaged or unknown", w->name);
        w->format = get_u16(p + 24);
    }
    known = w->format == FORMAT_PCM
                ? w->bits == 8 || w->bits == 16 || w->bits == 24 || w->bits == 32
                : w->format == FORMAT_FLOAT && (w->bits == 32 || w->bits == 64);
    if (!known)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: is a WAV of format %u with %u bits; 8, 16, 24 or 32-bit PCM and 32 "
                        "or 64-bit float can be read",
                        w->name, w->format, w->bits);
    if (w->channels < 1 || w->rate < 1)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: damaged WAV: %u channels at %u Hz", w->name,
                        w->channels, w->rate);
    if (w->channels > MAX_CHANNELS || w->rate > MAX_RATE)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: has %u channels at %u Hz, above the limit of %d channels and %d Hz",
                        w->name, w->channels, w->rate, MAX_CHANNELS, MAX_RATE);
    w->frame_bytes = (size_t)w->channels * (w->bits / 8);
    if (get_u16(p + 12) != w->frame_bytes)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: damaged WAV: %u bytes a frame do not fit %u channels of %u bits",
                        w->name, get_u16(p + 12), w->channels, w->bits);
    return VISEME_OK;
}

static viseme_status parse_data(struct wav *w, const unsigned char *p, uint32_t stated, size_t left,
                                viseme_error *err)
{
    if (w->frame_bytes == 0)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: damaged WAV: its samples come before their format", w->name);
    w->data = p;
    w->data_bytes = stated;
    if (stated == UNKNOWN_SIZE)
        w->data_bytes = left - left % w->frame_bytes;
    else if (stated > left)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: is cut short: it states %u bytes of samples and holds %zu", w->name,
                        stated, left);
    if (w->data_bytes % w->frame_bytes != 0)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: damaged WAV: its samples end in the middle of a frame", w->name);
    if (w->data_bytes / (w->bits / 8) > (uint64_t)MAX_SAMPLES)
        return vis_fail(err, VISEME_ERR_LIMIT, "%s: has more than 2^31 samples", w->name);
    return VISEME_OK;
}

/* Walks through the chunks up to the samples; whatever else there is, is passed over. */
static viseme_status find_chunks(struct wav *w, const unsigned char *bytes, size_t size,
                                 viseme_error *err)
{
    size_t at = 12;

    if (size < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is not a WAV file", w->name);
    while (size - at >= 8) {
        const unsigned char *chunk = bytes + at;
        uint32_t length = get_u32(chunk + 4);
        size_t left = size - at - 8;
        if (memcmp(chunk, "data", 4) == 0)
            return parse_data(w, chunk + 8, length, left, err);
        if (length > left)
            return vis_fail(err, VISEME_ERR_INPUT, "%s: is cut short in the chunk at byte %zu",
                            w->name, at);
        if (memcmp(chunk, "fmt ", 4) == 0) {
            viseme_status status = parse_format(w, chunk + 8, length, err);
            if (status != VISEME_OK)
                return status;
        }
        if (length == left)
            break;
        at += 8 + (size_t)length + (length & 1);
        if (at > size)
            break;
    }
    return vis_fail(err, VISEME_ERR_INPUT, "%s: damaged WAV: it has no samples", w->name);
}

static float load_sample(const struct wav *w, const unsigned char *p)
{
    switch (w->bits) {
    case 8:
        return (float)(p[0] - 128) / 128.0f;
    case 16:
        return (float)(int16_t)get_u16(p) / 32768.0f;
    case 24:
        return (float)(int32_t)((get_u16(p) | (uint32_t)p[2] << 16) << 8) / 2147483648.0f;
    case 32: {
        uint32_t word = get_u32(p);
        float value;
        if (w->format == FORMAT_PCM)
            return (float)(int32_t)word / 2147483648.0f;
        memcpy(&value, &word, sizeof value);
        return value;
    }
    default: {
        uint64_t word = get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
        double value;
        memcpy(&value, &word, sizeof value);
        return (float)value;
    }
    }
}

viseme_status vis_wav_parse(struct vis_sound *out, const void *bytes, size_t size, const char *name,
                            viseme_error *err)
{
    struct wav w = {.name = name};
    size_t count, sample;
    viseme_status status;

    memset(out, 0, sizeof *out);
    status = find_chunks(&w, bytes, size, err);
    if (status != VISEME_OK)
        return status;
    sample = w.bits / 8;
    count = w.data_bytes / sample;
    out->samples = malloc(count ? count * sizeof(float) : 1);
    if (!out->samples)
        return vis_fail_nomem(err, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        out->samples[i] = load_sample(&w, w.data + i * sample);
        if (!isfinite(out->samples[i])) {
            vis_sound_free(out);
            return vis_fail(err, VISEME_ERR_INPUT,
                            "%s: damaged WAV: sample %zu is not a finite number", name, i);
        }
    }
    out->rate = (int)w.rate;
    out->channels = (int)w.channels;
    out->frames = (int64_t)(count / w.channels);
    return VISEME_OK;
}

viseme_status vis_wav_read(struct vis_sound *out, const char *path, viseme_error *err)
{
    void *bytes;
    size_t size;
    viseme_status status;

    memset(out, 0, sizeof *out);
    /* The format's own lengths end at 4 GiB; a little more for what may follow. */
    status = vis_file_read(&bytes, &size, path, (size_t)UINT32_MAX + 65536, err);
    if (status != VISEME_OK)
        return status;
    status = vis_wav_parse(out, bytes, size, path, err);
    free(bytes);
    return status;
}

void vis_sound_free(struct vis_sound *sound)
{
    if (sound) {
        free(sound->samples);
        memset(sound, 0, sizeof *sound);
    }
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void put_u16(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v & 255);
    p[1] = (unsigned char)(v >> 8 & 255);
}

static void put_u32(unsigned char *p, uint32_t v)
{
    put_u16(p, v);
    put_u16(p + 2, v >> 16);
}

static void format_header(unsigned char head[44], const struct vis_sound *sound, uint32_t bytes)
{
    uint32_t channels = (uint32_t)sound->channels, rate = (uint32_t)sound->rate;
    memcpy(head, "RIFF", 4);
    put_u32(head + 4, 36 + bytes);
    memcpy(head + 8, "WAVEfmt ", 8);
    put_u32(head + 16, 16);
    put_u16(head + 20, FORMAT_PCM);
    put_u16(head + 22, channels);
    put_u32(head + 24, rate);
    put_u32(head + 28, rate * channels * 2);
    put_u16(head + 32, channels * 2);
    put_u16(head + 34, 16);
    memcpy(head + 36, "data", 4);
    put_u32(head + 40, bytes);
}

static uint32_t to_s16(float x)
{
    if (!(x > -1.0f)) /* NaN becomes silence */
        return isnan(x) ? 0 : 0x8000;
    long v = lrintf(x * 32768.0f < 32767.0f ? x * 32768.0f : 32767.0f);
    return (uint32_t)v & 0xFFFF;
}

viseme_status vis_wav_write(const char *path, const struct vis_sound *sound, viseme_error *err)
{
    unsigned char buffer[8192];
    struct vis_output *out;
    FILE *stream;
    size_t count, used = 44;
    viseme_status status;

    if (sound->rate < 1 || sound->rate > MAX_RATE || sound->channels < 1 ||
        sound->channels > MAX_CHANNELS || sound->frames < 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: sound of 1 to %d channels at 1 to %d Hz can be written", path,
                        MAX_CHANNELS, MAX_RATE);
    if (sound->frames > (int64_t)(UINT32_MAX - 36) / 2 / sound->channels)
        return vis_fail(err, VISEME_ERR_LIMIT, "%s: the sound is too long for a WAV file", path);
    count = (size_t)sound->frames * (size_t)sound->channels;
    status = vis_output_open(&out, path, &stream, err);
    if (status != VISEME_OK)
        return status;
    /* A write that fails is remembered by the stream and reported by the commit. */
    format_header(buffer, sound, (uint32_t)(count * 2));
    for (size_t i = 0; i < count; i++) {
        if (used == sizeof buffer) {
            fwrite(buffer, 1, used, stream);
            used = 0;
        }
        put_u16(buffer + used, to_s16(sound->samples[i]));
        used += 2;
    }
    fwrite(buffer, 1, used, stream);
    return vis_output_commit(out, err);
}
