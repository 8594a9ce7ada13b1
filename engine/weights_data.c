/* The numbers of a weights file: conversion to float32, and the full check of `models verify`. */
#include "engine/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, mantissa = h & 1023u;
    if (exponent == 31)
        return from_bits(sign | 0x7F800000u | mantissa << 13);
    if (exponent == 0) /* zero or subnormal: mantissa * 2^-24 */
        return from_bits(sign) + (sign ? -1.0f : 1.0f) * (float)mantissa * 0x1p-24f;
    return from_bits(sign | (exponent + 112u) << 23 | mantissa << 13);
}

/* Little-endian loads from any address; they compile to plain loads on little-endian machines. */
static uint32_t load32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t load16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void convert(float *dst, const unsigned char *src, enum vis_dtype dtype, size_t count)
{
    switch (dtype) {
    case VIS_F32:
        for (size_t i = 0; i < count; i++)
            dst[i] = from_bits(load32(src + 4 * i));
        break;
    case VIS_F16:
        for (size_t i = 0; i < count; i++)
            dst[i] = from_f16(load16(src + 2 * i));
        break;
    case VIS_BF16:
        for (size_t i = 0; i < count; i++)
            dst[i] = from_bits((uint32_t)load16(src + 2 * i) << 16);
        break;
    }
}

static size_t element_bytes(enum vis_dtype dtype)
{
    return dtype == VIS_F32 ? 4 : 2;
}

void vis_weights_to_f32(float *dst, const struct vis_weights_tensor *t)
{
    vis_weights_part_to_f32(dst, t, 0, t->count);
}

void vis_weights_part_to_f32(float *dst, const struct vis_weights_tensor *t, size_t first,
                             size_t count)
{
    convert(dst, t->data + first * element_bytes(t->dtype), t->dtype, count);
}

static void count_not_finite(const struct vis_weights_tensor *t, viseme_weights_check *check)
{
    enum { CHUNK = 1024 };
    float values[CHUNK];
    for (size_t i = 0; i < t->count; i += CHUNK) {
        size_t n = t->count - i < CHUNK ? t->count - i : CHUNK;
        vis_weights_part_to_f32(values, t, i, n);
        for (size_t j = 0; j < n; j++) {
            check->nan_count += isnan(values[j]) != 0;
            check->inf_count += isinf(values[j]) != 0;
        }
    }
}

viseme_status viseme_weights_verify(const viseme_weights *w, viseme_weights_check *check,
                                    viseme_error *err)
{
    const char *name = vis_weights_name(w);
    const char *stated = viseme_weights_metadata(w, "viseme.crc32");
    size_t bytes;
    const unsigned char *data = vis_weights_data(w, &bytes);
    *check = (viseme_weights_check){0};
    check->crc32 = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
    for (size_t i = 0; i < viseme_weights_count(w); i++)
        count_not_finite(vis_weights_at(w, i), check);
    if (stated) {
        char *end;
        unsigned long value = strtoul(stated, &end, 16);
        check->has_checksum = 1;
        if (strlen(stated) != 8 || *end != '\0')
            return vis_fail(err, VISEME_ERR_MODEL,
                            "%s: viseme.crc32 \"%s\" is not 8 hexadecimal "
                            "digits",
                            name, stated);
        check->checksum_matches = value == check->crc32;
        if (!check->checksum_matches)
            return vis_fail(err, VISEME_ERR_MODEL,
                            "%s: the data has CRC-32 %08x, the file says "
                            "%s: it is damaged; copy or convert it again",
                            name, check->crc32, stated);
    }
    if (check->nan_count || check->inf_count)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: %llu elements are not a number and %llu are "
                        "infinite; the network was not trained to an end",
                        name, (unsigned long long)check->nan_count,
                        (unsigned long long)check->inf_count);
    return VISEME_OK;
}
