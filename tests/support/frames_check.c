#include "tests/support/frames_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scratch.h"

struct vis_frames *open_frames(const char *path, double fps)
{
    struct vis_frames *frames;
    viseme_error err = {0};
    if (vis_frames_open(&frames, path, &(struct vis_frames_options){.fps = fps}, &err))
        fail_msg("%s", err.message);
    return frames;
}

void expect_frame(struct vis_frames *frames, int width, int height, int value, double seconds)
{
    viseme_image image;
    viseme_error err = {0};
    double t;
    if (vis_frames_next(frames, &image, &t, &err))
        fail_msg("%s", err.message);
    assert_non_null(image.data);
    assert_int_equal(image.format, VISEME_BGR24);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_true(fabs(t - seconds) < 1e-6);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width * 3; x++)
            assert_int_equal(image.data[y * image.stride + x], value);
}

void expect_end(struct vis_frames *frames)
{
    viseme_image image;
    double t;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vis_frames_next(frames, &image, &t, NULL), VISEME_OK);
        assert_null(image.data);
    }
    vis_frames_close(frames);
}

void expect_refusal(const char *path, viseme_status want, const char *says)
{
    struct vis_frames *frames;
    viseme_error err = {0};
    viseme_status status = vis_frames_open(&frames, path, NULL, &err);
    if (status != want || !strstr(err.message, says))
        fail_msg("%s: wanted %d '%s', got %d '%s'", path, (int)want, says, (int)status,
                 err.message);
    assert_null(frames);
}

const char *write_y4m(const char *name, int width, int height, const char *rate, int count)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    int chroma = 2 * ((width + 1) / 2) * ((height + 1) / 2);
    assert_non_null(f);
    fprintf(f, "YUV4MPEG2 W%d H%d F%s Ip A1:1 C420jpeg\n", width, height, rate);
    for (int i = 0; i < count; i++) {
        fprintf(f, "FRAME\n");
        for (int k = 0; k < width * height; k++)
            putc(16 + 20 * i, f);
        for (int k = 0; k < chroma; k++)
            putc(128, f);
    }
    fclose(f);
    return path;
}
