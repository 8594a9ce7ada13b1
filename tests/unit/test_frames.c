/* Frames of folders and globs of PNG pictures, and what is no input at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/frames.h"
#include "io/frames_source.h"
#include "io/png.h"
#include "tests/support/frames_check.h"
#include "tests/support/scratch.h"

static const char *new_folder(const char *name)
{
    const char *path = scratch_path(name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

/* A picture of one colour under folder/name. */
static const char *add_picture(const char *folder, const char *name, int width, int height,
                               int value)
{
    size_t bytes = (size_t)(width * height * 3);
    unsigned char *pixels = malloc(bytes);
    char path[4096];
    memset(pixels, value, bytes);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(
        vis_png_write(
            path,
            &(viseme_image){.data = pixels, .width = width, .height = height, .stride = width * 3},
            NULL),
        VISEME_OK);
    free(pixels);
    return scratch_path(path + strlen(scratch_folder()) + 1);
}

static void sorts_as_people_number(void **state)
{
    static const char *const sorted[] = {"",
                                         "0",
                                         "1",
                                         "01",
                                         "2",
                                         "10",
                                         "a",
                                         "a1b2",
                                         "a1b10",
                                         "a2b1",
                                         "a10",
                                         "frame2.png",
                                         "frame10.png",
                                         "frame99999999999999999999998.png",
                                         "frame99999999999999999999999.png",
                                         "frames"};
    (void)state;
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++)
        for (size_t j = 0; j < sizeof sorted / sizeof *sorted; j++) {
            int order = vis_natural_compare(sorted[i], sorted[j]);
            int want = i < j ? -1 : i > j;
            /* "1" and "01" are the same number: the order of bytes decides */
            if ((i == 2 && j == 3) || (i == 3 && j == 2))
                want = -want;
            if ((order > 0) - (order < 0) != want)
                fail_msg("'%s' against '%s': %d", sorted[i], sorted[j], order);
        }
}

static void reads_a_folder(void **state)
{
    const char *folder = new_folder("folder");
    struct vis_frames_info info;
    (void)state;
    for (int i = 12; i >= 1; i--) {
        char name[32];
        snprintf(name, sizeof name, i == 5 ? "f%d.PNG" : "f%d.png", i);
        add_picture(folder, name, 4 + i, 3, i);
    }
    add_picture(folder, ".hidden.png", 1, 1, 99);
    scratch_write("folder/notes.txt", "x", 1);
    scratch_write("folder/png", "x", 1);
    struct vis_frames *frames = open_frames(folder, 10);
    vis_frames_get_info(frames, &info);
    assert_string_equal(info.kind, "pictures");
    assert_string_equal(info.codec, "png");
    assert_int_equal(info.width, 5);
    assert_int_equal(info.height, 3);
    assert_true(info.frame_rate == 10 && fabs(info.duration_s - 1.2) < 1e-9);
    for (int i = 1; i <= 12; i++)
        expect_frame(frames, 4 + i, 3, i, (i - 1) / 10.0);
    expect_end(frames);
}

static void reads_a_glob(void **state)
{
    const char *folder = new_folder("glob");
    char pattern[4096];
    struct vis_frames *frames;
    (void)state;
    add_picture(folder, "a2.png", 2, 2, 2);
    add_picture(folder, "a10.png", 2, 2, 10);
    add_picture(folder, "b1.png", 2, 2, 1);
    scratch_write("glob/a3.txt", "x", 1);
    snprintf(pattern, sizeof pattern, "%s/a*", folder);
    frames = open_frames(pattern, 0);
    expect_frame(frames, 2, 2, 2, 0);
    expect_frame(frames, 2, 2, 10, 0.04);
    expect_end(frames);
    snprintf(pattern, sizeof pattern, "%s/[b]?.png", folder);
    frames = open_frames(pattern, 0);
    expect_frame(frames, 2, 2, 1, 0);
    expect_end(frames);
    snprintf(pattern, sizeof pattern, "%s/c*.png", folder);
    expect_refusal(pattern, VISEME_ERR_INPUT, "no file of such a name");
    snprintf(pattern, sizeof pattern, "%s/*.txt", folder);
    expect_refusal(pattern, VISEME_ERR_INPUT, "no .png files");
    snprintf(pattern, sizeof pattern, "%s/{a2,b1}.png", folder); /* no braces, no tilde */
    expect_refusal(pattern, VISEME_ERR_INPUT, "no such file");
    expect_refusal("~/*.nothing", VISEME_ERR_INPUT, "no file of such a name");
    /* A file that exists is that file, whatever its name looks like. */
    frames = open_frames(add_picture(folder, "*[x]?.png", 3, 1, 7), 0);
    expect_frame(frames, 3, 1, 7, 0);
    expect_end(frames);
}

static void names_the_picture_it_cannot_read(void **state)
{
    const char *folder = new_folder("broken");
    struct vis_frames *frames;
    viseme_image image;
    viseme_error err;
    double t;
    (void)state;
    add_picture(folder, "1.png", 2, 2, 1);
    scratch_write("broken/2.png", "not a picture", 13);
    add_picture(folder, "3.png", 2, 2, 3);
    frames = open_frames(folder, 0);
    expect_frame(frames, 2, 2, 1, 0);
    assert_int_equal(vis_frames_next(frames, &image, &t, &err), VISEME_ERR_INPUT);
    assert_null(image.data);
    assert_non_null(strstr(err.message, "broken/2.png: is not a PNG"));
    vis_frames_close(frames);
    assert_int_equal(unlink(scratch_path("broken/1.png")), 0);
    expect_refusal(folder, VISEME_ERR_INPUT, "broken/2.png");
    assert_int_equal(unlink(scratch_path("broken/2.png")), 0);
    assert_int_equal(mkfifo(scratch_path("broken/2.png"), 0600), 0);
    expect_refusal(folder, VISEME_ERR_INPUT, "not a regular file");
}

static void refuses_what_is_no_input(void **state)
{
    struct vis_frames *frames;
    viseme_error err;
    const double bad[] = {-1, NAN, INFINITY, 1001};
    (void)state;
    expect_refusal("", VISEME_ERR_INPUT, "empty");
    expect_refusal(scratch_path("none.mp4"), VISEME_ERR_INPUT, "no such file");
    expect_refusal(scratch_path("none/none.mp4"), VISEME_ERR_INPUT, "no such file");
    expect_refusal(new_folder("nothing"), VISEME_ERR_INPUT, "no .png files");
    expect_refusal(scratch_write("empty.mp4", "", 0), VISEME_ERR_INPUT, "is empty");
    expect_refusal("/dev/null", VISEME_ERR_INPUT, "not a regular file");
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    expect_refusal(scratch_path("fifo"), VISEME_ERR_INPUT, "not a regular file");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vis_frames_open(&frames, scratch_folder(),
                                         &(struct vis_frames_options){.fps = bad[i]}, &err),
                         VISEME_ERR_ARGUMENT);
    const char *folder = new_folder("long");
    add_picture(folder, "1.png", 1, 1, 1);
    add_picture(folder, "2.png", 1, 1, 1);
    assert_int_equal(
        vis_frames_open(&frames, folder, &(struct vis_frames_options){.fps = 0.0000925}, &err),
        VISEME_ERR_LIMIT);
    assert_non_null(strstr(err.message, "6 hours"));
    vis_frames_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_as_people_number),
        cmocka_unit_test(reads_a_folder),
        cmocka_unit_test(reads_a_glob),
        cmocka_unit_test(names_the_picture_it_cannot_read),
        cmocka_unit_test(refuses_what_is_no_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
