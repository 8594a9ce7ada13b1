#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static viseme_status fail_open(const char *path, int error, viseme_error *err)
{
    if (error == ENOENT || error == ENOTDIR)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: there is no such file", path);
    if (error == EACCES || error == EPERM)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: no permission to read it", path);
    if (error == ENXIO) /* what open() says of sockets */
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is not a regular file", path);
    return vis_fail(err, VISEME_ERR_INPUT, "%s: cannot be opened (%s)", path, strerror(error));
}

viseme_status vis_file_open(int *fd, uint64_t *size, const char *path, viseme_error *err)
{
    struct stat st;
    viseme_status status = VISEME_OK;

    *size = 0;
    /* Non-blocking, or opening a pipe would wait for its writer. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*fd < 0)
        return fail_open(path, errno, err);
    if (fstat(*fd, &st) != 0)
        status = fail_open(path, errno, err);
    else if (S_ISDIR(st.st_mode))
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: is a folder, not a file", path);
    else if (!S_ISREG(st.st_mode))
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: is not a regular file", path);
    if (status != VISEME_OK) {
        close(*fd);
        *fd = -1;
        return status;
    }
    *size = (uint64_t)st.st_size;
    return VISEME_OK;
}

viseme_status vis_file_read(void **data, size_t *size, const char *path, size_t max_bytes,
                            viseme_error *err)
{
    int fd;
    uint64_t length;
    size_t got = 0;
    unsigned char *bytes = NULL;
    viseme_status status;

    *data = NULL;
    *size = 0;
    status = vis_file_open(&fd, &length, path, err);
    if (status != VISEME_OK)
        return status;
    if (length > max_bytes) {
        status = vis_fail(err, VISEME_ERR_LIMIT,
                          "%s: is %llu bytes long, above the limit of %zu for such a file", path,
                          (unsigned long long)length, max_bytes);
        goto fail;
    }
    bytes = malloc((size_t)length + 1);
    if (!bytes) {
        status = vis_fail_nomem(err, (size_t)length + 1);
        goto fail;
    }
    while (got < length) {
        ssize_t n = read(fd, bytes + got, (size_t)length - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            status = vis_fail(err, VISEME_ERR_INPUT, "%s: reading failed at byte %zu (%s)", path,
                              got, strerror(errno));
            goto fail;
        }
        if (n == 0)
            break; /* it became shorter meanwhile */
        got += (size_t)n;
    }
    bytes[got] = '\0';
    *data = bytes;
    *size = got;
    bytes = NULL;
fail:
    free(bytes);
    close(fd);
    return status;
}
