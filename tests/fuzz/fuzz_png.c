/* Any bytes as a file of the PNG reader: read whole or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "io/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Makes the checksum of every chunk right, or hardly any input would get behind the first. */
static void repair(uint8_t *data, size_t size)
{
    for (size_t at = 8; size >= at && size - at >= 12;) {
        uint32_t length = get_u32(data + at), crc;
        if (length > size - at - 12)
            return;
        crc = (uint32_t)crc32(0, data + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            data[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

static void check(const uint8_t *data, size_t size)
{
    struct vis_picture picture;
    viseme_error err = {0};
    viseme_status status = vis_png_parse(&picture, data, size, "fuzz", 1 << 20, &err);

    if (status != VISEME_OK) {
        if (err.status != status || err.message[0] == '\0')
            abort();
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)picture.width * (size_t)picture.height * 3; i++)
        sum += picture.bgr[i]; /* every pixel can be touched */
    volatile unsigned kept = sum;
    (void)kept;
    vis_picture_free(&picture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        return 0;
    check(data, size);
    if (size)
        memcpy(copy, data, size);
    repair(copy, size);
    check(copy, size);
    free(copy);
    return 0;
}
