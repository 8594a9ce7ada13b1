#include "cli/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/png.h"

enum { SUFFIX = 40 }; /* room for "/" and a picture's name */

struct vis_folder {
    char *path;  /* as the caller wrote it, for messages */
    char *final; /* where it goes, symbolic links followed */
    char *temp;
    _Atomic int64_t begun; /* pictures that may exist */
    int slot;
};

/* The folders open now: a signal handler gets no argument, so they have to be found from here. */
#define SLOTS 4
static _Atomic(struct vis_folder *) open_folders[SLOTS];

/* temp + "/" + at least six digits + ".png"; snprintf() is not async-signal-safe. `to` holds
 * strlen(temp) + SUFFIX bytes. */
static void picture_name(char *to, const char *temp, int64_t index)
{
    char digits[24];
    int n = 0;
    for (int64_t rest = index; rest > 0 || n < 6; rest /= 10)
        digits[n++] = (char)('0' + rest % 10);
    size_t at = strlen(temp);
    memcpy(to, temp, at);
    to[at++] = '/';
    while (n > 0)
        to[at++] = digits[--n];
    memcpy(to + at, ".png", 5);
}

static void remove_files(const struct vis_folder *folder)
{
    char name[PATH_MAX + SUFFIX];
    if (strlen(folder->temp) >= PATH_MAX)
        return;
    for (int64_t i = 0; i < folder->begun; i++) {
        picture_name(name, folder->temp, i);
        unlink(name);
    }
    rmdir(folder->temp);
}

void vis_folder_abort_all_from_signal(void)
{
    for (int i = 0; i < SLOTS; i++) {
        struct vis_folder *folder = atomic_exchange(&open_folders[i], NULL);
        if (folder)
            remove_files(folder);
    }
}

static void destroy(struct vis_folder *folder)
{
    if (folder->slot >= 0)
        atomic_store(&open_folders[folder->slot], NULL);
    free(folder->temp);
    free(folder->final);
    free(folder->path);
    free(folder);
}

/* 1 when there is something in the folder, or something else of its name. */
static int is_in_use(const char *path)
{
    DIR *dir = opendir(path);
    int used = 0;
    if (!dir)
        return errno != ENOENT;
    for (const struct dirent *e; !used && (e = readdir(dir));)
        used = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return used;
}

/* `path` without slashes at its end and, when it exists, without symbolic links. */
static char *final_name(const char *path)
{
    char *name = realpath(path, NULL);
    if (name || !(name = strdup(path)))
        return name;
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    return name;
}

static viseme_status make_temp(struct vis_folder *folder, viseme_error *err)
{
    for (int i = 0; i < 100; i++) {
        free(folder->temp);
        folder->temp = NULL;
        if (asprintf(&folder->temp, "%s.part-%ld-%d", folder->final, (long)getpid(), i) < 0) {
            folder->temp = NULL;
            return vis_fail_nomem(err, strlen(folder->final) + SUFFIX);
        }
        if (mkdir(folder->temp, 0777) == 0)
            return VISEME_OK;
        if (errno != EEXIST)
            break;
    }
    return vis_fail(err, VISEME_ERR_OUTPUT, "%s: the folder cannot be made: %s", folder->path,
                    strerror(errno));
}

viseme_status vis_folder_open(struct vis_folder **out, const char *path, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    struct vis_folder *folder = calloc(1, sizeof *folder);
    *out = NULL;
    if (!folder)
        return vis_fail_nomem(err, sizeof *folder);
    folder->slot = -1;
    folder->path = strdup(path);
    folder->final = final_name(path);
    if (!folder->path || !folder->final) {
        status = vis_fail_nomem(err, strlen(path) + 1);
        goto fail;
    }
    if (is_in_use(folder->final)) {
        status = vis_fail(err, VISEME_ERR_OUTPUT,
                          "%s: exists and is not an empty folder; name another", path);
        goto fail;
    }
    status = make_temp(folder, err);
    if (status != VISEME_OK)
        goto fail;
    for (int i = 0; i < SLOTS && folder->slot < 0; i++) {
        struct vis_folder *none = NULL;
        if (atomic_compare_exchange_strong(&open_folders[i], &none, folder))
            folder->slot = i;
    }
    *out = folder;
    return VISEME_OK;
fail:
    destroy(folder);
    return status;
}

viseme_status vis_folder_add(struct vis_folder *folder, const viseme_image *image,
                             viseme_error *err)
{
    size_t bytes = strlen(folder->temp) + SUFFIX;
    char *name = malloc(bytes);
    if (!name)
        return vis_fail_nomem(err, bytes);
    picture_name(name, folder->temp, folder->begun);
    folder->begun++;
    viseme_status status = vis_png_write(name, image, err);
    free(name);
    return status;
}

viseme_status vis_folder_commit(struct vis_folder *folder, viseme_error *err)
{
    if (rename(folder->temp, folder->final) == 0) {
        destroy(folder);
        return VISEME_OK;
    }
    viseme_status status = vis_fail(err, VISEME_ERR_OUTPUT, "%s: cannot be put in place: %s",
                                    folder->path, strerror(errno));
    vis_folder_abort(folder);
    return status;
}

void vis_folder_abort(struct vis_folder *folder)
{
    if (!folder)
        return;
    remove_files(folder);
    destroy(folder);
}
