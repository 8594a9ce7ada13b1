/* Any bytes as a folder of pictures. They are cut into files, each as: length of the name, name,
 * two bytes of length (low first), content; the first three bytes are frames a second, start and
 * end. */
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/frames.h"

enum { MAX_FILES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

/* Writes the next file of the input; how many bytes it took, 0 at the end. */
static size_t write_file(int folder, const uint8_t *data, size_t size)
{
    char name[256];
    size_t n = size ? data[0] : 0, length;
    if (size < 3 + n)
        return 0;
    memcpy(name, data + 1, n);
    name[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (name[i] == '/' || name[i] == '\0')
            name[i] = '_';
    length = data[1 + n] | (size_t)data[2 + n] << 8;
    if (length > size - 3 - n)
        length = size - 3 - n;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) { /* "", "." and ".." are no files */
        must(write(fd, data + 3 + n, length) == (ssize_t)length);
        close(fd);
    }
    return 3 + n + length;
}

static void remove_all(int folder, const char *path)
{
    DIR *dir = fdopendir(folder);
    const struct dirent *entry;
    must(dir != NULL);
    rewinddir(dir);
    while ((entry = readdir(dir)))
        unlinkat(folder, entry->d_name, 0);
    closedir(dir);
    must(rmdir(path) == 0);
}

static void read_folder(const char *path, const struct vis_frames_options *opts)
{
    struct vis_frames *frames;
    viseme_error err = {0};
    viseme_status status = vis_frames_open(&frames, path, opts, &err);
    if (status == VISEME_OK) {
        viseme_image image;
        double t, last = opts->from_s - 1e-6;
        while ((status = vis_frames_next(frames, &image, &t, &err)) == VISEME_OK && image.data) {
            must(t > last && (opts->to_s == 0 || t < opts->to_s));
            last = t;
            unsigned sum = 0;
            for (int i = 0; i < 3 * image.width * image.height; i++)
                sum += image.data[i]; /* every pixel can be touched */
            volatile unsigned kept = sum;
            (void)kept;
        }
        vis_frames_close(frames);
    }
    must(status == VISEME_OK || (err.status == status && err.message[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/viseme-fuzz-XXXXXX";
    struct vis_frames_options opts;
    int folder;

    if (size < 3 || size > 1 << 16)
        return 0;
    opts = (struct vis_frames_options){.fps = data[0] * 0.5, .from_s = data[1] * 0.05};
    opts.to_s = data[2] ? opts.from_s + data[2] * 0.05 : 0;
    must(mkdtemp(path) != NULL);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(folder >= 0);
    size_t at = 3, taken;
    for (int i = 0; i < MAX_FILES && (taken = write_file(folder, data + at, size - at)); i++)
        at += taken;
    read_folder(path, &opts);
    remove_all(folder, path);
    return 0;
}
