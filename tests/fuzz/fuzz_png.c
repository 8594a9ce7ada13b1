/* Any bytes as a file of the PNG reader: read whole or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "io/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_picture picture;
    viseme_error err = {0};
    viseme_status status = vis_png_parse(&picture, data, size, "fuzz", 1 << 20, &err);

    if (status != VISEME_OK) {
        if (err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)picture.width * (size_t)picture.height * 3; i++)
        sum += picture.bgr[i]; /* every pixel can be touched */
    volatile unsigned kept = sum;
    (void)kept;
    vis_picture_free(&picture);
    return 0;
}
