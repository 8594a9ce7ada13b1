/* Any bytes as a cascade: refused with a sentence, or good enough to search a small picture. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "signal/haar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { WIDTH = 40, HEIGHT = 30 };
    const struct vis_haar_options options = {.scale_factor = 1.3, .min_neighbors = 2};
    uint8_t gray[WIDTH * HEIGHT];
    struct vis_cascade *cascade = NULL;
    struct vis_haar *haar = NULL;
    viseme_error err = {0};
    size_t count = 0;
    viseme_status status = vis_cascade_parse(&cascade, (const char *)data, size, &err);

    if (status != VISEME_OK) {
        if (cascade || err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    for (unsigned i = 0; i < sizeof gray; i++)
        gray[i] = (uint8_t)(i * i / 7 + i * 31);
    if (vis_haar_create(&haar, cascade, &err) != VISEME_OK)
        return 0;
    if (vis_haar_detect(haar, gray, WIDTH, HEIGHT, WIDTH, NULL, &options, &err) == VISEME_OK) {
        const struct vis_haar_box *boxes = vis_haar_boxes(haar, &count);
        for (size_t i = 0; i < count; i++)
            if (boxes[i].box.x < 0 || boxes[i].box.y < 0 ||
                boxes[i].box.x + boxes[i].box.width > WIDTH ||
                boxes[i].box.y + boxes[i].box.height > HEIGHT)
                abort();
    }
    vis_haar_free(haar);
    return 0;
}
