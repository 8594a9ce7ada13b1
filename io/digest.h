/* Fingerprints of files, for reports that say what was read. */
#ifndef VIS_IO_DIGEST_H
#define VIS_IO_DIGEST_H

#include "viseme.h"

struct vis_digest {
    uint64_t bytes;
    uint32_t crc32;  /* of ISO 3309, as zlib and gzip compute it */
    char sha256[65]; /* hexadecimal; "" in a build without FFmpeg, whose libavutil computes it */
};

/* Reads a regular file to its end. Returns VISEME_OK, VISEME_ERR_INPUT or VISEME_ERR_NOMEM. */
viseme_status vis_digest_file(struct vis_digest *out, const char *path, viseme_error *err);
/* The same of bytes in memory. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_digest_bytes(struct vis_digest *out, const void *bytes, size_t size,
                               viseme_error *err);

#endif
