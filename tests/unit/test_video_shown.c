/* Videos as a player shows them: turned, with square pixels, without combs; and parts of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/frames.h"
#include "tests/support/ffmpeg_program.h"
#include "tests/support/frames_check.h"
#include "tests/support/scratch.h"

#if VIS_FFMPEG
#define TEST_PICTURE "-f lavfi -i testsrc2=d=0.2:s=48x32:r=25 "

static void put_u32(char *to, int32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)((uint32_t)value >> (24 - 8 * i));
}

/* A MOV of lossless RGB whose track header holds this matrix. */
static const char *make_turned(const char *name, int a, int b, int c, int d)
{
    size_t size;
    char *bytes =
        scratch_read(make_video("plain.mov", TEST_PICTURE "-c:v png -pix_fmt rgb24"), &size);
    char *header = NULL;
    for (size_t i = 0; i + 92 < size && !header; i++)
        if (memcmp(bytes + i, "tkhd", 4) == 0)
            header = bytes + i;
    assert_non_null(header);
    put_u32(header + 44, a); /* after version, flags and ten words */
    put_u32(header + 48, b);
    put_u32(header + 56, c);
    put_u32(header + 60, d);
    const char *path = scratch_write(name, bytes, size);
    free(bytes);
    return path;
}

static void turns_as_ffmpeg_does(void **state)
{
    static const struct {
        int a, b, c, d, degrees, mirrored;
    } cases[] = {{1, 0, 0, 1, 0, 0},     {-1, 0, 0, 1, 0, 1},   {1, 0, 0, -1, 180, 1},
                 {-1, 0, 0, -1, 180, 0}, {0, 1, 1, 0, 90, 1},   {0, 1, -1, 0, 90, 0},
                 {0, -1, 1, 0, 270, 0},  {0, -1, -1, 0, 270, 1}};
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vis_frames_info info;
        const char *path = make_turned("turned.mov", cases[i].a * 65536, cases[i].b * 65536,
                                       cases[i].c * 65536, cases[i].d * 65536);
        assert_int_equal(compare_with_ffmpeg(path, NULL), 5);
        struct vis_frames *frames = open_frames(path, 0);
        vis_frames_get_info(frames, &info);
        vis_frames_close(frames);
        assert_int_equal(info.turned, cases[i].degrees);
        assert_int_equal(info.mirrored, cases[i].mirrored);
        assert_int_equal(info.turn_ignored, 0);
        assert_int_equal(info.width, cases[i].a ? 48 : 32);
        assert_int_equal(info.height, cases[i].a ? 32 : 48);
    }
}

static void leaves_other_angles_and_what_it_is_told_to(void **state)
{
    struct vis_frames_info info;
    struct vis_frames *frames;
    viseme_image image;
    double t;
    (void)state;
    if (!have_ffmpeg())
        skip();
    frames = open_frames(make_turned("odd.mov", 46341, 46341, -46341, 46341), 0);
    vis_frames_get_info(frames, &info);
    assert_int_equal(info.turn_ignored, 1);
    assert_int_equal(info.turned, 0);
    vis_frames_close(frames);

    const char *path = make_turned("quarter.mov", 0, 65536, -65536, 0);
    assert_int_equal(
        vis_frames_open(&frames, path, &(struct vis_frames_options){.as_stored = 1}, NULL),
        VISEME_OK);
    vis_frames_get_info(frames, &info);
    assert_int_equal(info.turned, 0);
    assert_int_equal(info.turn_ignored, 0);
    assert_int_equal(vis_frames_next(frames, &image, &t, NULL), VISEME_OK);
    assert_int_equal(image.width, 48);
    assert_int_equal(image.height, 32);
    vis_frames_close(frames);
}

static void makes_pixels_square(void **state)
{
    static const struct {
        const char *options, *filter;
        double aspect;
        int width, height;
    } cases[] = {
        {"-vf setsar=16/15", "scale=51:32:flags=bicubic", 16 / 15.0, 51, 32},
        {"-vf setsar=64/45", "scale=68:32:flags=bicubic", 64 / 45.0, 68, 32},
        {"-vf setsar=8/9", "scale=48:36:flags=bicubic", 8 / 9.0, 48, 36},
        {"-vf setsar=1/5", NULL, 1, 48, 32}, /* not to be believed */
        {"-vf setsar=1/1", NULL, 1, 48, 32},
    };
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[256];
        struct vis_frames_info info;
        snprintf(arguments, sizeof arguments, TEST_PICTURE "%s -c:v libx264 -pix_fmt yuv420p",
                 cases[i].options);
        const char *path = make_video("aspect.mkv", arguments);
        assert_int_equal(compare_with_ffmpeg(path, cases[i].filter), 5);
        struct vis_frames *frames = open_frames(path, 0);
        vis_frames_get_info(frames, &info);
        vis_frames_close(frames);
        assert_true(fabs(info.pixel_aspect - cases[i].aspect) < 1e-6);
        assert_int_equal(info.width, cases[i].width);
        assert_int_equal(info.height, cases[i].height);
    }
}

/* Of interlaced frames the even rows are what is shown. */
static void takes_one_field(void **state)
{
    static const struct {
        const char *name, *options;
        int height;
    } cases[] = {
        {"top.ts", "-c:v mpeg2video -flags +ildct+ilme -vf setfield=tff -pix_fmt yuv420p", 32},
        {"bottom.mkv", "-c:v ffv1 -vf setfield=bff -field_order bb -pix_fmt yuv422p10le", 32},
        {"odd.mkv",
         "-c:v ffv1 -vf crop=48:31:exact=1,setfield=tff -field_order tt -pix_fmt yuv420p", 31},
    };
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[256], filter[128];
        struct vis_frames_info info;
        snprintf(arguments, sizeof arguments, TEST_PICTURE "%s", cases[i].options);
        snprintf(filter, sizeof filter, "field=type=top,scale=48:%d:flags=bicubic",
                 cases[i].height);
        const char *path = make_video(cases[i].name, arguments);
        assert_int_equal(compare_with_ffmpeg(path, filter), 5);
        struct vis_frames *frames = open_frames(path, 0);
        vis_frames_get_info(frames, &info);
        vis_frames_close(frames);
        assert_int_equal(info.interlaced, 1);
        assert_int_equal(info.height, cases[i].height);
    }
}

/* ---- Parts ------------------------------------------------------------------------------- */

enum { MAX_SHOWN = 800 };

struct shown {
    double seconds[MAX_SHOWN];
    uint64_t pixels[MAX_SHOWN]; /* FNV-1a of them */
    int count;
};

static viseme_status look(struct shown *s, const char *path, double from, double to,
                          viseme_error *err)
{
    struct vis_frames *frames;
    viseme_image image;
    const struct vis_frames_options opts = {.from_s = from, .to_s = to};
    viseme_status status = vis_frames_open(&frames, path, &opts, err);
    s->count = 0;
    if (status != VISEME_OK)
        return status;
    while ((status = vis_frames_next(frames, &image, &s->seconds[s->count], err)) == VISEME_OK &&
           image.data) {
        uint64_t sum = UINT64_C(14695981039346656037);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < 3 * image.width; x++)
                sum = (sum ^ image.data[y * image.stride + x]) * UINT64_C(1099511628211);
        s->pixels[s->count++] = sum;
        assert_true(s->count < MAX_SHOWN);
    }
    /* The end stays the end. */
    assert_int_equal(vis_frames_next(frames, &image, &s->seconds[s->count], err), VISEME_OK);
    assert_null(image.data);
    vis_frames_close(frames);
    return status;
}

static void parts_are_parts_of_the_whole(void **state)
{
    static const struct {
        const char *name, *options;
    } cases[] = {
        {"part.mp4", "-c:v libx264 -bf 3 -g 60 -b_strategy 0"},
        {"open.mp4", "-c:v libx264 -bf 3 -g 60 -x264-params open-gop=1:b-adapt=0:bframes=3"},
        {"part.mkv", "-c:v libx264 -bf 2 -g 100"},
        {"mpeg2.mkv", "-c:v mpeg2video -bf 2 -g 30"},
        {"part.webm", "-c:v libvpx -g 100 -deadline realtime -cpu-used 8"},
        {"part.avi", "-c:v mpeg4 -bf 2 -g 50"},
        {"part.mov", "-c:v mjpeg -pix_fmt yuvj420p"},
        {"part.flv", "-c:v flv1 -g 50"},
        {"part.ts", "-c:v mpeg2video -bf 2 -g 50 -output_ts_offset 40"},
        {"part.mpg", "-c:v mpeg2video -bf 2 -g 50"},
        {"part.h264", "-c:v libx264 -g 50"},
        {"part.y4m", ""},
    };
    static const double from[] = {0, 0.04, 1, 4.5, 7.93, 8, 8.03, 15, 23.96};
    static struct shown whole, part;
    viseme_error err;
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments,
                 "-f lavfi -i testsrc2=d=24:s=32x32:r=25 -pix_fmt yuv420p %s", cases[i].options);
        const char *path = make_video(cases[i].name, arguments);
        if (look(&whole, path, 0, 0, &err) != VISEME_OK)
            fail_msg("%s", err.message);
        assert_true(whole.count >= 595);
        for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
            double to = k % 2 ? from[k] + 2 : 0;
            int at = 0, count = 0;
            while (whole.seconds[at] < from[k] - 1e-6)
                at++;
            while (at + count < whole.count && (to == 0 || whole.seconds[at + count] < to - 1e-6))
                count++;
            if (look(&part, path, from[k], to, &err) != VISEME_OK)
                fail_msg("%s", err.message);
            if (part.count != count)
                fail_msg("%s from %g s: %d frames, not %d", path, from[k], part.count, count);
            for (int n = 0; n < count; n++)
                if (part.seconds[n] != whole.seconds[at + n] ||
                    part.pixels[n] != whole.pixels[at + n])
                    fail_msg("%s from %g s: frame %d at %.6f s is not that of the whole", path,
                             from[k], n, part.seconds[n]);
        }
        assert_int_equal(look(&part, path, 30, 0, &err), VISEME_ERR_INPUT);
        assert_non_null(strstr(err.message, "before the start"));
    }
}
#endif

static void refuses_parts_of_no_length(void **state)
{
    static const double bad[][2] = {{-1, 0}, {NAN, 0}, {INFINITY, 0}, {2, 2},
                                    {2, 1},  {0, -1},  {0, NAN}};
    struct vis_frames *frames;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct vis_frames_options opts = {.from_s = bad[i][0], .to_s = bad[i][1]};
        assert_int_equal(vis_frames_open(&frames, "/", &opts, NULL), VISEME_ERR_ARGUMENT);
        assert_null(frames);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if VIS_FFMPEG
        cmocka_unit_test(turns_as_ffmpeg_does),
        cmocka_unit_test(leaves_other_angles_and_what_it_is_told_to),
        cmocka_unit_test(makes_pixels_square),
        cmocka_unit_test(takes_one_field),
        cmocka_unit_test(parts_are_parts_of_the_whole),
#endif
        cmocka_unit_test(refuses_parts_of_no_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
