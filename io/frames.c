#include "io/frames.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/file.h"
#include "io/frames_source.h"

#define DEFAULT_FPS 25.0
#define MAX_FPS     1000.0

static const unsigned char png_signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
static const unsigned char jpeg_signature[3] = {0xFF, 0xD8, 0xFF};

#if !VIS_FFMPEG
viseme_status vis_frames_open_video(struct vis_frames *frames, const char *path,
                                    const struct vis_frames_options *opts, viseme_error *err)
{
    (void)frames;
    (void)opts;
    return vis_fail(err, VISEME_ERR_INPUT,
                    "%s: this build of viseme reads PNG frames only, no video files; give a "
                    "folder of .png files, or build with FFmpeg",
                    path);
}

viseme_status vis_frames_open_jpeg(struct vis_frames *frames, const char *path,
                                   const struct vis_frames_options *opts, viseme_error *err)
{
    (void)frames;
    (void)opts;
    return vis_fail(err, VISEME_ERR_INPUT,
                    "%s: this build of viseme reads no JPEG pictures; convert it to PNG, or build "
                    "with FFmpeg",
                    path);
}
#endif

/* What a file is follows from its first bytes, never from its name. */
static viseme_status open_file(struct vis_frames *frames, const char *path,
                               const struct vis_frames_options *opts, viseme_error *err)
{
    unsigned char head[sizeof png_signature] = {0};
    uint64_t size;
    int fd, is_png, is_jpeg;
    viseme_status status = vis_file_open(&fd, &size, path, err);

    if (status != VISEME_OK)
        return status;
    is_png = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
             memcmp(head, png_signature, sizeof head) == 0;
    is_jpeg = memcmp(head, jpeg_signature, sizeof jpeg_signature) == 0;
    close(fd);
    if (size == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is empty", path);
    return is_png    ? vis_frames_open_picture(frames, path, opts, err)
           : is_jpeg ? vis_frames_open_jpeg(frames, path, opts, err)
                     : vis_frames_open_video(frames, path, opts, err);
}

viseme_status vis_frames_open(struct vis_frames **out, const char *path,
                              const struct vis_frames_options *opts, viseme_error *err)
{
    struct vis_frames *frames = NULL;
    struct vis_frames_options o = opts ? *opts : (struct vis_frames_options){0};
    struct stat st;
    viseme_status status;

    *out = NULL;
    if (o.fps == 0)
        o.fps = DEFAULT_FPS;
    if (!(o.fps > 0 && o.fps <= MAX_FPS))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "fps must be above 0 and at most %g", MAX_FPS);
    if (!(o.from_s >= 0 && isfinite(o.from_s)) || !(o.to_s == 0 || o.to_s > o.from_s))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "the part from %.3f s to %.3f s has no beginning or no length", o.from_s,
                        o.to_s);
    if (*path == '\0')
        return vis_fail(err, VISEME_ERR_INPUT, "the name of the input is empty");
    frames = calloc(1, sizeof *frames);
    if (!frames)
        return vis_fail_nomem(err, sizeof *frames);
    frames->to = o.to_s > 0 ? o.to_s : INFINITY;
    if (stat(path, &st) == 0)
        status = S_ISDIR(st.st_mode) ? vis_frames_open_folder(frames, path, &o, err)
                                     : open_file(frames, path, &o, err);
    else if (errno == ENOENT && strpbrk(path, "*?["))
        status = vis_frames_open_glob(frames, path, &o, err);
    else
        status = open_file(frames, path, &o, err); /* which says what is wrong */
    if (status != VISEME_OK) {
        free(frames);
        return status;
    }
    *out = frames;
    return VISEME_OK;
}

void vis_frames_close(struct vis_frames *frames)
{
    if (frames) {
        frames->ops->close(frames->self);
        free(frames);
    }
}

void vis_frames_get_info(const struct vis_frames *frames, struct vis_frames_info *info)
{
    frames->ops->get_info(frames->self, info);
}

viseme_status vis_frames_next(struct vis_frames *frames, viseme_image *image, double *seconds,
                              viseme_error *err)
{
    viseme_status status = VISEME_OK;

    memset(image, 0, sizeof *image);
    *seconds = 0;
    if (!frames->ended)
        status = frames->ops->next(frames->self, image, seconds, err);
    if (status == VISEME_OK && image->data && *seconds + VIS_FRAMES_SAME_TIME >= frames->to) {
        memset(image, 0, sizeof *image);
        frames->ended = 1;
    }
    return status;
}
