/* Any bytes as a file of the WAV reader: read whole or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "io/wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_sound sound;
    viseme_error err = {0};
    viseme_status status = vis_wav_parse(&sound, data, size, "fuzz", &err);

    if (status != VISEME_OK) {
        if (err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    double sum = 0;
    for (int64_t i = 0; i < sound.frames * sound.channels; i++)
        sum += (double)sound.samples[i]; /* every sample can be touched */
    volatile double kept = sum;
    (void)kept;
    vis_sound_free(&sound);
    return 0;
}
