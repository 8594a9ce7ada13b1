/* What fuzz targets of media files share: any bytes as a file, of which a part is read. */
#ifndef TESTS_FUZZ_MEDIA_H
#define TESTS_FUZZ_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "viseme.h"

struct media {
    int fd;
    char path[64];       /* of a file in memory, without an extension that tells what it is */
    double from_s, to_s; /* the part; to_s 0: to the end */
};

/* Aborts when it is untrue. */
void must(int truth);

/* All bytes but the last one become the file; the last one says which part is read. 0: there are
 * too few bytes, or too many to be read in time. */
int media_open(struct media *media, const uint8_t *data, size_t size);
/* Removes the file. What was made of it must be VISEME_OK, or have a sentence. */
void media_close(const struct media *media, viseme_status status, const viseme_error *err);

#endif
