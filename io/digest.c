#include "io/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/error.h"
#include "io/file.h"
#if VIS_FFMPEG
#include "io/ffmpeg_sha256.h"
#endif

#define BUFFER_BYTES ((size_t)1 << 18)

struct sum {
    uint64_t bytes;
    uLong crc;
    struct AVSHA *sha;
};

static viseme_status start(struct sum *sum, viseme_error *err)
{
    *sum = (struct sum){.crc = crc32(0, NULL, 0)};
#if VIS_FFMPEG
    sum->sha = vis_ffsha256_open();
    if (!sum->sha)
        return vis_fail_nomem(err, 256);
#else
    (void)err;
#endif
    return VISEME_OK;
}

static void add(struct sum *sum, const void *bytes, size_t size)
{
    sum->bytes += size;
    sum->crc = crc32_z(sum->crc, bytes, size);
#if VIS_FFMPEG
    vis_ffsha256_add(sum->sha, bytes, size);
#endif
}

static void finish(struct sum *sum, struct vis_digest *out)
{
    *out = (struct vis_digest){.bytes = sum->bytes, .crc32 = (uint32_t)sum->crc};
#if VIS_FFMPEG
    if (sum->sha)
        vis_ffsha256_finish(sum->sha, out->sha256);
    vis_ffsha256_close(sum->sha);
#endif
}

viseme_status vis_digest_bytes(struct vis_digest *out, const void *bytes, size_t size,
                               viseme_error *err)
{
    struct sum sum;
    viseme_status status = start(&sum, err);
    if (status == VISEME_OK)
        add(&sum, bytes, size);
    finish(&sum, out);
    return status;
}

viseme_status vis_digest_file(struct vis_digest *out, const char *path, viseme_error *err)
{
    struct sum sum = {0};
    unsigned char *buffer = NULL;
    uint64_t size;
    int fd;
    viseme_status status = vis_file_open(&fd, &size, path, err);

    *out = (struct vis_digest){0};
    if (status != VISEME_OK)
        return status;
    status = start(&sum, err);
    if (status != VISEME_OK)
        goto done;
    buffer = malloc(BUFFER_BYTES);
    if (!buffer) {
        status = vis_fail_nomem(err, BUFFER_BYTES);
        goto done;
    }
    for (;;) {
        ssize_t n = read(fd, buffer, BUFFER_BYTES);
        if (n == 0)
            break;
        if (n > 0) {
            add(&sum, buffer, (size_t)n);
        } else if (errno != EINTR) {
            status =
                vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed (%s)", path, strerror(errno));
            break;
        }
    }
done:
    finish(&sum, out);
    free(buffer);
    close(fd);
    return status;
}
