#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum kind {
    TO_STDOUT, /* "-", or a name of the file that standard output already is */
    DIRECT,    /* a device or a pipe: there is nothing to rename */
    RENAMED    /* an ordinary file */
};

struct vis_output {
    enum kind kind;
    FILE *stream;
    char *path;  /* as the caller wrote it, for messages */
    char *final; /* RENAMED: where it goes, symbolic links followed */
    char *temp;  /* RENAMED: the temporary name, while there is such a file */
    int slot;    /* of temp in the registry */
};

/* The temporary names that exist now: the one thing that changes outside of any object here,
 * since a signal handler gets no argument. A slot is empty, holds a name, or is busy while a
 * handler, perhaps on another thread, looks at its name; an output waits for that before it frees
 * the name. */
#define SLOTS 64
static _Atomic(const char *) registry[SLOTS];
static const char busy[] = "";
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2, "the registry is used in a signal handler");

static int enter(const char *name)
{
    for (int i = 0; i < SLOTS; i++) {
        const char *empty = NULL;
        if (atomic_compare_exchange_strong(&registry[i], &empty, name))
            return i;
    }
    return -1;
}

static void leave(int slot, const char *name)
{
    for (const char *held = name; !atomic_compare_exchange_weak(&registry[slot], &held, NULL);
         held = name)
        sched_yield();
}

void vis_output_abort_all_from_signal(void)
{
    int saved = errno;
    for (int i = 0; i < SLOTS; i++) {
        const char *name = atomic_load(&registry[i]);
        if (name && name != busy && atomic_compare_exchange_strong(&registry[i], &name, busy)) {
            unlink(name);
            atomic_store(&registry[i], name);
        }
    }
    errno = saved;
}

/* The temporary name is not to be unlinked any more: by us, or by a signal handler. */
static void forget_temp(struct vis_output *out)
{
    if (out->temp) {
        leave(out->slot, out->temp);
        free(out->temp);
        out->temp = NULL;
    }
}

static void destroy(struct vis_output *out)
{
    if (out->stream && out->stream != stdout)
        fclose(out->stream);
    if (out->temp)
        unlink(out->temp);
    forget_temp(out);
    free(out->final);
    free(out->path);
    free(out);
}

static viseme_status fail_path(const char *path, const char *what, viseme_error *err)
{
    return vis_fail(err, VISEME_ERR_OUTPUT, "%s: %s", path, what);
}

static viseme_status fail_open(const char *path, int error, viseme_error *err)
{
    if (error == ENOENT || error == ENOTDIR)
        return fail_path(path, "cannot be written, its folder does not exist", err);
    return vis_fail(err, VISEME_ERR_OUTPUT, "%s: cannot be written (%s)", path, strerror(error));
}

/* Decides how to write to out->path, and resolves symbolic links, so that a link to a file stays
 * a link. *mode is that of a file which is to be replaced, 0 for a new one. */
static viseme_status examine(struct vis_output *out, mode_t *mode, viseme_error *err)
{
    const char *path = out->path;
    struct stat st, std;

    *mode = 0;
    if (strcmp(path, "-") == 0) {
        out->kind = TO_STDOUT;
        return VISEME_OK;
    }
    out->kind = RENAMED;
    if (stat(path, &st) != 0) {
        size_t n = strlen(path);
        if (errno != ENOENT)
            return fail_open(path, errno, err);
        if (n == 0)
            return vis_fail(err, VISEME_ERR_OUTPUT, "the name of the output file is empty");
        if (path[n - 1] == '/')
            return fail_path(path, "cannot be written, it names a folder", err);
        if (lstat(path, &st) == 0)
            return fail_path(path, "is a symbolic link to a file that does not exist", err);
        out->final = strdup(path);
        return out->final ? VISEME_OK : vis_fail_nomem(err, n + 1);
    }
    if (S_ISDIR(st.st_mode))
        return fail_path(path, "cannot be written, it is a folder", err);
    if (!S_ISREG(st.st_mode)) {
        out->kind = DIRECT;
        return VISEME_OK;
    }
    if (fstat(STDOUT_FILENO, &std) == 0 && std.st_dev == st.st_dev && std.st_ino == st.st_ino) {
        out->kind = TO_STDOUT; /* /dev/stdout sent to a file */
        return VISEME_OK;
    }
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
        return fail_open(path, errno, err);
    *mode = st.st_mode & 0777;
    out->final = realpath(path, NULL);
    return out->final ? VISEME_OK : fail_open(path, errno, err);
}

/* Creates a file of a new name next to out->final. Two runs cannot meet: the name is random and
 * O_EXCL refuses one that exists. It enters the registry before it exists, so that no signal can
 * come between. */
static viseme_status create_temp(struct vis_output *out, mode_t mode, int *fd, viseme_error *err)
{
    static const char name[] = ".viseme-0123456789abcdef.part";
    const char *slash = strrchr(out->final, '/');
    size_t folder = slash ? (size_t)(slash - out->final) + 1 : 0;
    size_t bytes = folder + sizeof name;
    int tries = 0;

    do {
        uint64_t number;
        char *temp = malloc(bytes);
        if (!temp)
            return vis_fail_nomem(err, bytes);
        if (getrandom(&number, sizeof number, 0) != sizeof number) {
            free(temp);
            return fail_open(out->path, errno, err);
        }
        memcpy(temp, out->final, folder);
        snprintf(temp + folder, sizeof name, ".viseme-%016llx.part", (unsigned long long)number);
        out->slot = enter(temp);
        if (out->slot < 0) {
            free(temp);
            return vis_fail(err, VISEME_ERR_OUTPUT,
                            "%s: cannot be written, %d outputs are open already", out->path, SLOTS);
        }
        out->temp = temp;
        *fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd < 0) { /* not ours: it must not be unlinked */
            int error = errno;
            forget_temp(out);
            if (error != EEXIST || ++tries == 100)
                return fail_open(out->path, error, err);
        }
    } while (*fd < 0);
    if (mode != 0 && fchmod(*fd, mode) != 0) {
        viseme_status status = fail_open(out->path, errno, err);
        close(*fd);
        *fd = -1;
        return status;
    }
    return VISEME_OK;
}

viseme_status vis_output_open(struct vis_output **out, const char *path, FILE **stream,
                              viseme_error *err)
{
    struct vis_output *o = calloc(1, sizeof *o);
    mode_t mode;
    int fd = -1;
    viseme_status status;

    *out = NULL;
    *stream = NULL;
    if (!o)
        return vis_fail_nomem(err, sizeof *o);
    o->path = strdup(path);
    if (!o->path) {
        status = vis_fail_nomem(err, strlen(path) + 1);
        goto fail;
    }
    status = examine(o, &mode, err);
    if (status != VISEME_OK)
        goto fail;
    if (o->kind == TO_STDOUT) {
        o->stream = stdout;
    } else {
        if (o->kind == RENAMED) {
            status = create_temp(o, mode, &fd, err);
            if (status != VISEME_OK)
                goto fail;
        } else {
            fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
            if (fd < 0) {
                status = fail_open(path, errno, err);
                goto fail;
            }
        }
        o->stream = fdopen(fd, "wb");
        if (!o->stream) {
            status = fail_open(path, errno, err);
            close(fd);
            goto fail;
        }
    }
    *out = o;
    *stream = o->stream;
    return VISEME_OK;
fail:
    destroy(o);
    return status;
}

static viseme_status fail_write(const struct vis_output *out, int error, viseme_error *err)
{
    const char *path = out->kind == TO_STDOUT ? "standard output" : out->path;
    return vis_fail(err, VISEME_ERR_OUTPUT, "%s: writing failed (%s)", path,
                    error ? strerror(error) : "is the disk full?");
}

viseme_status vis_output_commit(struct vis_output *out, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    int error = 0;
    int before = ferror(out->stream); /* the reason of an earlier failure is not known any more */

    if (fflush(out->stream) != 0)
        error = errno;
    if (before || error || ferror(out->stream)) {
        status = fail_write(out, error, err);
        goto fail;
    }
    if (out->kind != TO_STDOUT) {
        FILE *stream = out->stream;
        out->stream = NULL;
        if (fclose(stream) != 0) {
            status = fail_write(out, errno, err);
            goto fail;
        }
    }
    if (out->kind == RENAMED) {
        if (rename(out->temp, out->final) != 0) {
            status = vis_fail(err, VISEME_ERR_OUTPUT, "%s: cannot be put into place (%s)",
                              out->path, strerror(errno));
            goto fail;
        }
        forget_temp(out);
    }
fail:
    destroy(out);
    return status;
}

void vis_output_abort(struct vis_output *out)
{
    if (out)
        destroy(out);
}
