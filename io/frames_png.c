#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "io/frames_source.h"
#include "io/png.h"

struct pictures {
    char **paths;
    size_t count, capacity;
    size_t next; /* the picture to read */
    struct vis_frames_options opts;
    struct vis_picture picture; /* what was given out last, or waits to be */
    int waiting;                /* picture `next - 1` is read and not given out yet */
    int width, height;          /* of the first picture */
};

int vis_natural_compare(const char *a, const char *b)
{
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
    while (*p && *q) {
        if (*p >= '0' && *p <= '9' && *q >= '0' && *q <= '9') {
            size_t m = 0, n = 0;
            while (*p == '0')
                p++;
            while (*q == '0')
                q++;
            while (p[m] >= '0' && p[m] <= '9')
                m++;
            while (q[n] >= '0' && q[n] <= '9')
                n++;
            if (m != n)
                return m < n ? -1 : 1;
            int order = memcmp(p, q, m);
            if (order)
                return order;
            p += m;
            q += n;
        } else {
            if (*p != *q)
                return *p < *q ? -1 : 1;
            p++;
            q++;
        }
    }
    return *p ? 1 : *q ? -1 : strcmp(a, b);
}

static int compare_paths(const void *a, const void *b)
{
    return vis_natural_compare(*(char *const *)a, *(char *const *)b);
}

static void close_pictures(void *self)
{
    struct pictures *p = self;
    for (size_t i = 0; i < p->count; i++)
        free(p->paths[i]);
    free(p->paths);
    vis_picture_free(&p->picture);
    free(p);
}

static void get_info(const void *self, struct vis_frames_info *info)
{
    const struct pictures *p = self;
    *info = (struct vis_frames_info){.kind = "pictures",
                                     .codec = "png",
                                     .width = p->width,
                                     .height = p->height,
                                     .frame_rate = p->opts.fps,
                                     .duration_s = (double)p->count / p->opts.fps,
                                     .pixel_aspect = 1};
}

static viseme_status read_next(struct pictures *p, viseme_error *err)
{
    viseme_status status;
    vis_picture_free(&p->picture);
    status = vis_png_read(&p->picture, p->paths[p->next], VIS_FRAMES_MAX_PIXELS, err);
    if (status == VISEME_OK)
        p->next++;
    return status;
}

static viseme_status next_picture(void *self, viseme_image *image, double *seconds,
                                  viseme_error *err)
{
    struct pictures *p = self;
    viseme_status status;

    if (!p->waiting) {
        if (p->next == p->count)
            return VISEME_OK;
        status = read_next(p, err);
        if (status != VISEME_OK)
            return status;
    }
    p->waiting = 0;
    *image = (viseme_image){.data = p->picture.bgr,
                            .width = p->picture.width,
                            .height = p->picture.height,
                            .stride = (ptrdiff_t)p->picture.width * 3,
                            .format = VISEME_BGR24};
    *seconds = (double)(p->next - 1) / p->opts.fps;
    return VISEME_OK;
}

static const struct vis_frames_ops pictures_ops = {get_info, next_picture, NULL, close_pictures};

/* ---- Lists of names ---------------------------------------------------------------------- */

static struct pictures *new_pictures(const struct vis_frames_options *opts, viseme_error *err)
{
    struct pictures *p = calloc(1, sizeof *p);
    if (p)
        p->opts = *opts;
    else
        vis_fail_nomem(err, sizeof *p);
    return p;
}

/* A visible name that ends in .png, in small or capital letters. */
static int is_png_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    return n > 4 && name[0] != '.' && strcasecmp(name + n - 4, ".png") == 0;
}

/* Adds folder/name, or name alone when folder is empty. */
static viseme_status add_path(struct pictures *p, const char *folder, const char *name,
                              viseme_error *err)
{
    size_t n = strlen(folder), bytes = n + 1 + strlen(name) + 1;
    char *path;

    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 64;
        char **paths = realloc(p->paths, capacity * sizeof *paths);
        if (!paths)
            return vis_fail_nomem(err, capacity * sizeof *paths);
        p->paths = paths;
        p->capacity = capacity;
    }
    path = malloc(bytes);
    if (!path)
        return vis_fail_nomem(err, bytes);
    snprintf(path, bytes, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
    p->paths[p->count++] = path;
    return VISEME_OK;
}

/* Sorts, checks and reads the first picture. Takes `p` over, whatever it returns. `name` is what
 * the user called all this. */
static viseme_status start(struct vis_frames *frames, struct pictures *p, const char *name,
                           viseme_error *err)
{
    viseme_status status;

    if (p->count == 0) {
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: there are no .png files", name);
        goto fail;
    }
    if ((double)p->count / p->opts.fps > VIS_FRAMES_MAX_SECONDS) {
        status = vis_fail(err, VISEME_ERR_LIMIT,
                          "%s: %zu pictures at %g a second are longer than the limit of %g hours",
                          name, p->count, p->opts.fps, VIS_FRAMES_MAX_SECONDS / 3600);
        goto fail;
    }
    qsort(p->paths, p->count, sizeof *p->paths, compare_paths);
    while (p->next < p->count &&
           (double)p->next / p->opts.fps + VIS_FRAMES_SAME_TIME < p->opts.from_s)
        p->next++;
    if (p->next == p->count) {
        status = vis_fail(err, VISEME_ERR_INPUT,
                          "%s: ends at %.3f s, before the start that was asked for (%.3f s)", name,
                          (double)p->count / p->opts.fps, p->opts.from_s);
        goto fail;
    }
    status = read_next(p, err);
    if (status != VISEME_OK)
        goto fail;
    p->waiting = 1;
    p->width = p->picture.width;
    p->height = p->picture.height;
    frames->ops = &pictures_ops;
    frames->self = p;
    return VISEME_OK;
fail:
    close_pictures(p);
    return status;
}

viseme_status vis_frames_open_picture(struct vis_frames *frames, const char *path,
                                      const struct vis_frames_options *opts, viseme_error *err)
{
    struct pictures *p = new_pictures(opts, err);
    viseme_status status;

    if (!p)
        return VISEME_ERR_NOMEM;
    status = add_path(p, "", path, err);
    if (status == VISEME_OK)
        return start(frames, p, path, err);
    close_pictures(p);
    return status;
}

viseme_status vis_frames_open_folder(struct vis_frames *frames, const char *path,
                                     const struct vis_frames_options *opts, viseme_error *err)
{
    struct pictures *p = new_pictures(opts, err);
    struct dirent *entry;
    viseme_status status = VISEME_OK;
    DIR *dir;

    if (!p)
        return VISEME_ERR_NOMEM;
    dir = opendir(path);
    if (!dir) {
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: the folder cannot be read (%s)", path,
                          strerror(errno));
        goto fail;
    }
    while (status == VISEME_OK && (errno = 0, entry = readdir(dir)))
        if (is_png_name(entry->d_name))
            status = add_path(p, path, entry->d_name, err);
    if (status == VISEME_OK && errno != 0)
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: the folder cannot be read (%s)", path,
                          strerror(errno));
    closedir(dir);
    if (status == VISEME_OK)
        return start(frames, p, path, err);
fail:
    close_pictures(p);
    return status;
}

viseme_status vis_frames_open_glob(struct vis_frames *frames, const char *pattern,
                                   const struct vis_frames_options *opts, viseme_error *err)
{
    struct pictures *p = new_pictures(opts, err);
    glob_t found = {0};
    viseme_status status = VISEME_OK;
    int result;

    if (!p)
        return VISEME_ERR_NOMEM;
    result = glob(pattern, GLOB_NOSORT, NULL, &found);
    if (result == GLOB_NOSPACE)
        status =
            vis_fail(err, VISEME_ERR_NOMEM, "%s: out of memory while looking for files", pattern);
    else if (result != 0)
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: there is no file of such a name", pattern);
    for (size_t i = 0; status == VISEME_OK && i < found.gl_pathc; i++)
        if (is_png_name(found.gl_pathv[i]))
            status = add_path(p, "", found.gl_pathv[i], err);
    globfree(&found);
    if (status == VISEME_OK)
        return start(frames, p, pattern, err);
    close_pictures(p);
    return status;
}
