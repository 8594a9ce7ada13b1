/* Any bytes as a file of the NPY reader: read whole or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_npy array;
    viseme_error err = {0};
    viseme_status status = vis_npy_parse(&array, data, size, "fuzz", &err);

    if (status != VISEME_OK) {
        if (err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    double sum = 0;
    size_t count = 1;
    for (int i = 0; i < array.rank; i++)
        count *= (size_t)array.shape[i];
    for (size_t i = 0; i < count; i++)
        sum += (double)array.data[i]; /* every element can be touched */
    volatile double kept = sum;
    (void)kept;
    vis_npy_free(&array);
    return 0;
}
