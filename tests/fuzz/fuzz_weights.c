/* The weights reader: any bytes either parse into tensors inside the data section or are refused
 * with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    viseme_weights *w;
    viseme_error err = {VISEME_OK, ""};
    if (vis_weights_parse(&w, data, size, "fuzz", &err) != VISEME_OK) {
        if (w || err.status == VISEME_OK || !err.message[0])
            abort();
        return 0;
    }
    size_t room;
    const unsigned char *first = vis_weights_data(w, &room);
    for (size_t i = 0; i < viseme_weights_count(w); i++) {
        const struct vis_weights_tensor *t = vis_weights_at(w, i);
        if (vis_weights_find(w, t->info.name) != t || t->data < first ||
            t->data + t->info.bytes > first + room)
            abort();
    }
    viseme_weights_check check;
    (void)viseme_weights_verify(w, &check, &err);
    viseme_weights_close(w);
    return 0;
}
