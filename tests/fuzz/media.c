#include "tests/fuzz/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 18 };

void must(int truth)
{
    if (!truth)
        abort();
}

int media_open(struct media *media, const uint8_t *data, size_t size)
{
    if (size < 2 || size > MAX_BYTES)
        return 0;
    const uint8_t part = data[--size];
    *media = (struct media){.fd = memfd_create("media", MFD_CLOEXEC)};
    if (part & 1) {
        media->from_s = (part >> 2) * 0.2;
        media->to_s = part & 2 ? media->from_s + 1 : 0;
    }
    must(media->fd >= 0 && write(media->fd, data, size) == (ssize_t)size);
    snprintf(media->path, sizeof media->path, "/proc/self/fd/%d", media->fd);
    return 1;
}

void media_close(const struct media *media, viseme_status status, const viseme_error *err)
{
    close(media->fd);
    must(status == VISEME_OK || (err->status == status && err->message[0] != '\0'));
}
