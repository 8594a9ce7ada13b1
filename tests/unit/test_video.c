/* Frames of video files, compared with what the ffmpeg program makes of them where it is
 * installed; the rest needs nothing but files written here. */
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
#include "tests/support/ffmpeg_program.h"
#include "tests/support/frames_check.h"
#include "tests/support/scratch.h"

#if !VIS_FFMPEG
static void refuses_videos_in_this_build(void **state)
{
    (void)state;
    expect_refusal(write_y4m("a.y4m", 4, 4, "25:1", 2), VISEME_ERR_INPUT, "PNG frames only");
}
#else

/* Luma 16 + 20 i of limited range as BT.601 grey. */
static int grey(int i)
{
    return (int)lround(20 * i * 255 / 219.0);
}

static void reads_a_video(void **state)
{
    struct vis_frames_info info;
    struct vis_frames *frames = open_frames(write_y4m("a.y4m", 33, 17, "30000:1001", 10), 5);
    (void)state;
    vis_frames_get_info(frames, &info);
    assert_string_equal(info.kind, "video");
    assert_string_equal(info.codec, "rawvideo");
    assert_int_equal(info.width, 33);
    assert_int_equal(info.height, 17);
    assert_true(fabs(info.frame_rate - 30000 / 1001.0) < 1e-6);
    assert_true(fabs(info.duration_s - 10 * 1001 / 30000.0) < 1e-3);
    for (int i = 0; i < 10; i++)
        expect_frame(frames, 33, 17, grey(i), i * 1001 / 30000.0);
    expect_end(frames);
}

static void takes_a_path_for_a_path(void **state)
{
    static const char *const names[] = {"concat:a",      "-x",      "pipe:0",      "file:b",
                                        "a b.c",         "%03d",    "\xC3\xA9'\"", "video.png",
                                        "lavfi:testsrc", "http:/x", "x?*[y]"};
    char old[4096];
    (void)state;
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(scratch_folder()), 0);
    assert_int_equal(mkdir("http:", 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_y4m(names[i], 16, 16, "25:1", 2);
        struct vis_frames *frames =
            open_frames(strcmp(names[i], "http:/x") == 0 ? "http://x" : names[i], 0);
        expect_frame(frames, 16, 16, grey(0), 0);
        expect_frame(frames, 16, 16, grey(1), 0.04);
        expect_end(frames);
    }
    expect_refusal("http://example.invalid/x.mp4", VISEME_ERR_INPUT, "no such file");
    expect_refusal("concat:a|a", VISEME_ERR_INPUT, "no such file");
    assert_int_equal(chdir(old), 0);
}

static void leaves_a_cut_frame_out(void **state)
{
    const char *path = write_y4m("cut.y4m", 16, 16, "25:1", 3);
    struct vis_frames *frames;
    struct stat st;
    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 100), 0);
    frames = open_frames(path, 0);
    expect_frame(frames, 16, 16, grey(0), 0);
    expect_frame(frames, 16, 16, grey(1), 0.04);
    expect_end(frames);
}

static void refuses_what_is_no_video(void **state)
{
    static const char html[] = "\xEF\xBB\xBF \n<!DOCTYPE html><html><body>404</body></html>";
    static const char m3u8[] = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.ts\n";
    static const char mpd[] = "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
                              "profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"></MPD>";
    static const char sdp[] = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                              "m=video 9 RTP/AVP 96\n";
    static const char text[] = "just some words\n";
    static const char ppm[] = "P6\n2 2\n255\nrgbrgbrgbrgb";
    static const unsigned char wav[] =
        "RIFF\x2C\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1F\0\0\x80\x3E\0"
        "\0\2\0\x10\0data\x8\0\0\0\0\0\1\0\2\0\3\0";
    static const unsigned char mp4[] = "\0\0\0\x18"
                                       "ftypisom\0\0\2\0isomiso2\0\0\0\x08mdat";
    unsigned char noise[20000];
    uint32_t seed = 1;
    char concat[4200];
    (void)state;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    expect_refusal(scratch_write("page.mp4", html, sizeof html - 1), VISEME_ERR_INPUT, "web page");
    expect_refusal(scratch_write("list.m3u8", m3u8, sizeof m3u8 - 1), VISEME_ERR_INPUT,
                   "list of files");
    expect_refusal(scratch_write("list.mpd", mpd, sizeof mpd - 1), VISEME_ERR_INPUT,
                   "list of files");
    expect_refusal(scratch_write("list.sdp", sdp, sizeof sdp - 1), VISEME_ERR_INPUT,
                   "list of files");
    snprintf(concat, sizeof concat, "ffconcat version 1.0\nfile '%s'\n",
             write_y4m("part.y4m", 16, 16, "25:1", 2));
    expect_refusal(scratch_write("list.mp4", concat, strlen(concat)), VISEME_ERR_INPUT,
                   "list of files");
    expect_refusal(scratch_write("words.mp4", text, sizeof text - 1), VISEME_ERR_INPUT,
                   "not a video");
    expect_refusal(scratch_write("noise.mp4", noise, sizeof noise), VISEME_ERR_INPUT,
                   "not a video");
    expect_refusal(scratch_write("photo.mp4", ppm, sizeof ppm - 1), VISEME_ERR_INPUT, "picture");
    expect_refusal(scratch_write("sound.mp4", wav, sizeof wav - 1), VISEME_ERR_INPUT,
                   "no pictures");
    expect_refusal(scratch_write("head.mp4", mp4, sizeof mp4 - 1), VISEME_ERR_INPUT,
                   "moov atom not found");
}

static void keeps_to_the_limits(void **state)
{
    static const char wide[] = "YUV4MPEG2 W16386 H16 F25:1 Ip A1:1 C420jpeg\nFRAME\n";
    static const char many[] = "YUV4MPEG2 W16384 H4104 F25:1 Ip A1:1 C420jpeg\nFRAME\n";
    static const char none[] = "YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420jpeg\n";
    (void)state;
    expect_refusal(scratch_write("wide.y4m", wide, sizeof wide - 1), VISEME_ERR_LIMIT,
                   "16386 x 16");
    expect_refusal(scratch_write("many.y4m", many, sizeof many - 1), VISEME_ERR_LIMIT,
                   "16384 x 4104");
    expect_refusal(scratch_write("none.y4m", none, sizeof none - 1), VISEME_ERR_INPUT,
                   "can be decoded");
    /* 3 frames at one in 3 hours */
    struct vis_frames *frames;
    viseme_error err;
    viseme_status status =
        vis_frames_open(&frames, write_y4m("slow.y4m", 16, 16, "1:10800", 3), NULL, &err);
    if (status == VISEME_OK) {
        viseme_image image;
        double t;
        while ((status = vis_frames_next(frames, &image, &t, &err)) == VISEME_OK && image.data)
            ;
        vis_frames_close(frames);
    }
    assert_int_equal(status, VISEME_ERR_LIMIT);
    assert_non_null(strstr(err.message, "hours"));
}

/* ---- Against the ffmpeg program ---------------------------------------------------------- */

#define EVEN "-f lavfi -i testsrc2=d=0.4:s=192x108:r=25 "
#define ODD  "-f lavfi -i testsrc=d=0.4:s=161x91:r=25 "

static void agrees_with_ffmpeg(void **state)
{
    static const struct {
        const char *name, *arguments;
        int frames;
    } cases[] = {
        {"h264.mp4", EVEN "-c:v libx264 -pix_fmt yuv420p", 10},
        {"h264-709.mp4", EVEN "-c:v libx264 -pix_fmt yuv420p -colorspace bt709", 10},
        {"h264-full.mkv", EVEN "-c:v libx264 -pix_fmt yuv420p -colorspace bt709 -color_range pc",
         10},
        {"h264-10.mkv", EVEN "-c:v libx264 -pix_fmt yuv422p10le", 10},
        {"h264.h264", EVEN "-c:v libx264 -pix_fmt yuv420p", 10},
        {"progressive.ts", EVEN "-c:v mpeg2video", 10},
        {"mpeg1.mpg", EVEN "-c:v mpeg1video", 10},
        {"jpeg.avi", ODD "-c:v mjpeg -pix_fmt yuvj420p", 10},
        {"odd.mkv", ODD "-c:v ffv1 -pix_fmt yuv420p", 10},
        {"odd444.mkv", ODD "-c:v ffv1 -pix_fmt yuv444p12le", 10},
        {"alpha.mkv", ODD "-c:v ffv1 -pix_fmt yuva420p", 10},
        {"rgba.mov", ODD "-c:v qtrle -pix_fmt argb", 10},
        {"grey16.mkv", ODD "-c:v ffv1 -pix_fmt gray16le", 10},
        {"planar.mkv", ODD "-c:v ffv1 -pix_fmt gbrp10le", 10},
        {"palette.gif", ODD, 10},
        {"vp8.webm", EVEN "-c:v libvpx", 10},
    };
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(compare_with_ffmpeg(make_video(cases[i].name, cases[i].arguments), NULL),
                         cases[i].frames);
}

static void agrees_with_ffmpeg_on_grid(void **state)
{
    static const char *const clips[] = {"s1_bbaf2n", "s1_bgbb1s", "s1_bgin3a"};
    (void)state;
    if (!have_ffmpeg() || access("../shared/clips/grid", R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        char path[256];
        snprintf(path, sizeof path, "../shared/clips/grid/%s.mpg", clips[i]);
        assert_int_equal(compare_with_ffmpeg(path, NULL), 75);
    }
}

/* Times of all frames; returns how many. */
static int read_times(const char *path, double *times, int capacity)
{
    struct vis_frames *frames = open_frames(path, 0);
    viseme_image image;
    viseme_error err = {0};
    int count = 0;
    double t;
    while (vis_frames_next(frames, &image, &t, &err) == VISEME_OK && image.data) {
        assert_true(count < capacity);
        times[count++] = t;
    }
    assert_int_equal(err.status, VISEME_OK);
    vis_frames_close(frames);
    return count;
}

static void tells_the_right_times(void **state)
{
    double t[64];
    (void)state;
    if (!have_ffmpeg())
        skip();
    /* reordered frames */
    assert_int_equal(read_times(make_video("b.mp4", EVEN "-c:v libx264 -bf 3"), t, 64), 10);
    for (int i = 0; i < 10; i++)
        assert_true(fabs(t[i] - i * 0.04) < 1e-6);
    /* frames that are not evenly spaced */
    make_video("v.mkv", EVEN "-vf 'select=not(mod(n\\,3))' -vsync vfr -c:v mpeg4");
    assert_int_equal(read_times(scratch_path("v.mkv"), t, 64), 4);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(t[i] - i * 0.12) < 1e-6);
    /* no times at all */
    assert_int_equal(read_times(make_video("n.h264", EVEN "-c:v libx264 -bf 0"), t, 64), 10);
    for (int i = 0; i < 10; i++)
        assert_true(fabs(t[i] - i * 0.04) < 1e-6);
    /* a stream that starts after the sound keeps its distance */
    make_video("late.mkv", "-f lavfi -i sine=d=1 -itsoffset 0.4 " EVEN
                           "-map 0 -map 1 -c:v mpeg4 -c:a pcm_s16le");
    assert_int_equal(read_times(scratch_path("late.mkv"), t, 64), 10);
    assert_true(fabs(t[0] - 0.4) < 1e-6);
    /* a clock that starts anywhere */
    make_video("offset.ts", EVEN "-c:v mpeg2video -output_ts_offset 5000");
    assert_int_equal(read_times(scratch_path("offset.ts"), t, 64), 10);
    assert_true(fabs(t[0]) < 1e-6 && fabs(t[9] - 0.36) < 1e-6);
}

/* Puts file b behind file a. */
static const char *join(const char *name, const char *a, const char *b)
{
    size_t m, n;
    char *x = scratch_read(a, &m), *y = scratch_read(b, &n);
    x = realloc(x, m + n);
    memcpy(x + m, y, n);
    const char *path = scratch_write(name, x, m + n);
    free(x);
    free(y);
    return path;
}

static void survives_changes_in_the_middle(void **state)
{
    double t[64];
    struct vis_frames *frames;
    viseme_image image;
    int sizes = 0, last = 0;
    (void)state;
    if (!have_ffmpeg())
        skip();
    /* the clock jumps back 5000 s between two recordings of different sizes */
    const char *path =
        join("joined.ts", make_video("j1.ts", EVEN "-c:v mpeg2video -output_ts_offset 5000"),
             make_video("j2.ts", "-f lavfi -i testsrc2=d=0.4:s=64x48:r=25 -c:v mpeg2video"));
    int count = read_times(path, t, 64);
    assert_in_range(count, 19, 20);
    for (int i = 1; i < count; i++)
        assert_true(t[i] - t[i - 1] > 0.03 && t[i] - t[i - 1] < 0.1);
    frames = open_frames(path, 0);
    while (vis_frames_next(frames, &image, t, NULL) == VISEME_OK && image.data) {
        assert_true(image.width == 192 || image.width == 64);
        sizes += image.width != last;
        last = image.width;
    }
    vis_frames_close(frames);
    assert_int_equal(sizes, 2);
}

static void skips_damaged_frames(void **state)
{
    double t[64];
    size_t size;
    (void)state;
    if (!have_ffmpeg())
        skip();
    char *bytes = scratch_read(make_video("d.avi", EVEN "-c:v ffv1 -slices 4 -slicecrc 1"), &size);
    memset(bytes + size / 2, 0x55, size / 20); /* in one frame of ten, all of which stand alone */
    int count = read_times(scratch_write("damaged.avi", bytes, size), t, 64);
    assert_int_equal(count, 9);
    assert_true(fabs(t[count - 1] - 0.36) < 1e-6);
    free(bytes);
    /* nothing to be saved: the index is whole, the pictures are not */
    bytes = scratch_read(make_video("x.mp4", EVEN "-c:v libx264 -movflags +faststart"), &size);
    for (size_t i = 0; i + 4 < size; i++)
        if (memcmp(bytes + i, "mdat", 4) == 0)
            memset(bytes + i + 4, 0, size - i - 4);
    expect_refusal(scratch_write("zeros.mp4", bytes, size), VISEME_ERR_INPUT, "can be decoded");
    free(bytes);
}

static void chooses_the_video_stream(void **state)
{
    char many[8192] = "-f lavfi -i testsrc2=d=0.04:s=16x16 -c:v rawvideo";
    struct vis_frames_info info;
    struct vis_frames *frames;
    (void)state;
    if (!have_ffmpeg())
        skip();
    make_video("cover.png", "-f lavfi -i testsrc2=d=0.04:s=400x400 -frames:v 1");
    char covered[8192];
    snprintf(covered, sizeof covered,
             "-f lavfi -i sine=d=0.2 -i '%s' -map 0 -map 1 -c:a aac -c:v mjpeg "
             "-disposition:v:0 attached_pic",
             scratch_path("cover.png"));
    expect_refusal(make_video("music.m4a", covered), VISEME_ERR_INPUT, "cover picture");
    expect_refusal(make_video("sound.m4a", "-f lavfi -i sine=d=0.2 -c:a aac"), VISEME_ERR_INPUT,
                   "sound but no video");
    make_video("two.mkv", EVEN "-f lavfi -i testsrc2=d=0.4:s=64x48:r=25 -map 0 -map 1 -c:v mpeg4 "
                               "-disposition:v:0 0 -disposition:v:1 default");
    frames = open_frames(scratch_path("two.mkv"), 0);
    vis_frames_get_info(frames, &info);
    assert_int_equal(info.width, 64);
    assert_string_equal(info.codec, "mpeg4");
    vis_frames_close(frames);
    for (int i = 0; i < 65; i++)
        strcat(many, " -map 0");
    expect_refusal(make_video("many.nut", many), VISEME_ERR_LIMIT, "64 streams");
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if VIS_FFMPEG
        cmocka_unit_test(reads_a_video),
        cmocka_unit_test(takes_a_path_for_a_path),
        cmocka_unit_test(leaves_a_cut_frame_out),
        cmocka_unit_test(refuses_what_is_no_video),
        cmocka_unit_test(keeps_to_the_limits),
        cmocka_unit_test(agrees_with_ffmpeg),
        cmocka_unit_test(agrees_with_ffmpeg_on_grid),
        cmocka_unit_test(tells_the_right_times),
        cmocka_unit_test(survives_changes_in_the_middle),
        cmocka_unit_test(skips_damaged_frames),
        cmocka_unit_test(chooses_the_video_stream),
#else
        cmocka_unit_test(refuses_videos_in_this_build),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
