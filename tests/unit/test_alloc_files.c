/* Every allocation fails once while files are read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "io/digest.h"
#include "io/frames.h"
#include "io/npy.h"
#include "io/output.h"
#include "io/plot.h"
#include "io/png.h"
#include "tests/support/failing_memory.h"
#include "tests/support/scratch.h"

/* Their memory lasts as long as the program. */
static const char *pictures_path, *video_path, *npy_path, *png_path, *plot_path;

static viseme_status read_pictures(viseme_error *err)
{
    struct vis_frames *frames;
    viseme_image image;
    double seconds;
    viseme_status status = vis_frames_open(&frames, pictures_path, NULL, err);
    if (status != VISEME_OK)
        return status;
    do
        status = vis_frames_next(frames, &image, &seconds, err);
    while (status == VISEME_OK && image.data);
    vis_frames_close(frames);
    return status;
}

#if VIS_FFMPEG
static viseme_status read_a_video(viseme_error *err)
{
    struct vis_frames *frames;
    viseme_image image;
    double seconds;
    viseme_status status = vis_frames_open(&frames, video_path, NULL, err);
    if (status != VISEME_OK)
        return status;
    status = vis_frames_next(frames, &image, &seconds, err);
    vis_frames_close(frames);
    return status;
}
#endif

static viseme_status handle_files(viseme_error *err)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static uint8_t pixels[8 * 4 * 3];
    const viseme_image image = {pixels, 8, 4, 24, VISEME_BGR24};
    struct vis_npy array = {0};
    struct vis_picture picture = {0};
    struct vis_digest digest;
    viseme_status status = vis_npy_write(npy_path, 2, (int64_t[]){2, 3}, values, err);
    if (status == VISEME_OK)
        status = vis_npy_read(&array, npy_path, err);
    if (status == VISEME_OK)
        status = vis_png_write(png_path, &image, err);
    if (status == VISEME_OK)
        status = vis_png_read(&picture, png_path, 1000, err);
    if (status == VISEME_OK)
        status = vis_digest_file(&digest, png_path, err);
    vis_npy_free(&array);
    vis_picture_free(&picture);
    return status;
}

static viseme_status draw_a_plot(viseme_error *err)
{
    static uint8_t pixels[16 * 16 * 3];
    static const float logits[4];
    static const char *const vocab[] = {"", "A"};
    const viseme_image image = {pixels, 16, 16, 48, VISEME_BGR24};
    struct vis_strip strip = {.height = 8};
    viseme_status status = vis_strip_add(&strip, &image, 0, 0, err);
#if VIS_CAIRO
    const struct vis_plot plot = {.title = "t",
                                  .frames = &strip,
                                  .crops = &strip,
                                  .rate = 25,
                                  .logits = logits,
                                  .rows = 2,
                                  .classes = 2,
                                  .vocab = vocab};
    struct vis_output *output = NULL;
    FILE *to;
    if (status == VISEME_OK)
        status = vis_output_open(&output, plot_path, &to, err);
    if (status == VISEME_OK)
        status = vis_plot_write(to, &plot, "p.png", err);
    if (status == VISEME_OK)
        status = vis_output_commit(output, err);
    else
        vis_output_abort(output);
#else
    (void)logits;
    (void)vocab;
#endif
    vis_strip_free(&strip);
    return status;
}

static int make_files(void **state)
{
    (void)state;
    static uint8_t pixels[8 * 4 * 3];
    const viseme_image image = {pixels, 8, 4, 24, VISEME_BGR24};
    char name[32];
    assert_int_equal(mkdir(scratch_path("pictures"), 0700), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "pictures/%d.png", i);
        assert_int_equal(vis_png_write(scratch_path(name), &image, NULL), VISEME_OK);
    }
    static const char y4m[] = "YUV4MPEG2 W4 H4 F25:1 Ip A2:1 C420jpeg\nFRAME\n"
                              "................::::::::FRAME\n................::::::::";
    video_path = scratch_write("a.y4m", y4m, sizeof y4m - 1);
    pictures_path = scratch_path("pictures");
    npy_path = scratch_path("a.npy");
    png_path = scratch_path("a.png");
    plot_path = scratch_path("p.png");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(read_pictures, 5),
#if VIS_FFMPEG
        SCENE(read_a_video, 3),
#endif
        SCENE(handle_files, 8),
        SCENE(draw_a_plot, 2),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
