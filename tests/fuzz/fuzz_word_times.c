/* Any bytes as times of words: refused with a sentence, or spans that end behind their start. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/word_times.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (int grid = 0; grid < 2; grid++) {
        struct vis_word_times times;
        viseme_error err = {0};
        viseme_status status =
            vis_word_times_parse(&times, text, size, grid ? VIS_GRID_TICKS : 1, "text", &err);
        if (status != VISEME_OK && (err.status != status || err.message[0] == '\0'))
            abort();
        if (status == VISEME_OK && times.count == 0)
            abort();
        for (size_t i = 0; i < times.count; i++)
            if (!(times.spans[i].start_s >= 0 && times.spans[i].end_s > times.spans[i].start_s))
                abort();
        vis_word_times_free(&times);
    }
    struct vis_word_times times = {0};
    vis_word_times_add(&times, text, NULL);
    vis_word_times_free(&times);
    free(text);
    return 0;
}
