/* Sound of media files: on the clock of the pictures, whatever container, codec, rate and number of
 * channels; parts; what has no sound. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/audio.h"
#include "io/wav.h"
#include "tests/support/ffmpeg_program.h"
#include "tests/support/scratch.h"

struct heard {
    float *samples;
    size_t count;
    struct vis_audio_info info;
};

static struct heard hear(const char *path, const struct vis_audio_options *opts)
{
    struct heard h = {0};
    struct vis_audio *a;
    const float *samples;
    size_t count;
    viseme_error err;
    if (vis_audio_open(&a, path, opts, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    vis_audio_get_info(a, &h.info);
    for (;;) {
        if (vis_audio_next(a, &samples, &count, &err) != VISEME_OK)
            fail_msg("%s", err.message);
        if (count == 0)
            break;
        h.samples = realloc(h.samples, (h.count + count) * sizeof *h.samples);
        assert_non_null(h.samples);
        memcpy(h.samples + h.count, samples, count * sizeof *samples);
        h.count += count;
    }
    vis_audio_close(a);
    return h;
}

static void expect_refusal(const char *path, const struct vis_audio_options *opts,
                           viseme_status want, const char *says)
{
    struct vis_audio *a;
    viseme_error err = {0};
    assert_int_equal(vis_audio_open(&a, path, opts, &err), want);
    assert_int_equal(err.status, want);
    assert_null(a);
    if (!strstr(err.message, says))
        fail_msg("'%s' does not say '%s'", err.message, says);
}

/* A WAV of 16 kHz with these frames of one channel. */
static const char *write_wav(const char *name, const float *samples, int64_t frames)
{
    const char *path = scratch_path(name);
    struct vis_sound sound = {16000, 1, frames, (float *)(uintptr_t)samples};
    assert_int_equal(vis_wav_write(path, &sound, NULL), VISEME_OK);
    return path;
}

static void wav_is_heard_to_the_bit(void **state)
{
    float samples[5000];
    (void)state;
    for (int i = 0; i < 5000; i++)
        samples[i] = (float)((i * 7919) % 65536 - 32768) / 32768;
    const char *path = write_wav("exact.wav", samples, 5000);
    struct heard h = hear(path, NULL);
    assert_int_equal(h.count, 5000);
    assert_memory_equal(h.samples, samples, sizeof samples);
    assert_int_equal(h.info.rate, 16000);
    assert_int_equal(h.info.channels, 1);
    assert_true(h.info.start_s == 0);
    assert_float_equal(h.info.duration_s, 5000 / 16000.0, 1e-9);
    free(h.samples);

    h = hear(path, &(struct vis_audio_options){.from_s = 0.1, .to_s = 0.2});
    assert_int_equal(h.count, 1600);
    assert_memory_equal(h.samples, samples + 1600, 1600 * sizeof *samples);
    assert_true(h.info.start_s == 0.1);
    free(h.samples);
}

static void what_cannot_be_heard_is_refused(void **state)
{
    static const float silence[10];
    (void)state;
    expect_refusal(write_wav("nothing.wav", silence, 0), NULL, VISEME_ERR_NO_AUDIO,
                   "nothing.wav: its sound is 0 seconds long");
    const char *path = write_wav("short.wav", silence, 10);
    expect_refusal(path, &(struct vis_audio_options){.from_s = 1}, VISEME_ERR_NO_AUDIO,
                   "no sound in the part that was asked for, from 1.000 s on");
    expect_refusal(path, &(struct vis_audio_options){.rate = 7}, VISEME_ERR_ARGUMENT, "7");
    expect_refusal(path, &(struct vis_audio_options){.from_s = -1}, VISEME_ERR_ARGUMENT, "part");
    expect_refusal(path, &(struct vis_audio_options){.from_s = 2, .to_s = 1}, VISEME_ERR_ARGUMENT,
                   "no length");
    expect_refusal(path, &(struct vis_audio_options){.to_s = NAN}, VISEME_ERR_ARGUMENT, "part");
    expect_refusal(scratch_path("missing"), NULL, VISEME_ERR_INPUT, "missing");
    expect_refusal(scratch_folder(), NULL, VISEME_ERR_INPUT, "");
    expect_refusal(scratch_write("text", "abc def ghi\n", 12), NULL, VISEME_ERR_INPUT, "text: is");
    vis_audio_close(NULL);
}

#if VIS_FFMPEG
#define PICTURES "-f lavfi -i testsrc2=d=3.2:s=48x32:r=25 "
/* 2 ms at the beginning of every second. */
#define CLICKS                                                                                     \
    "-f lavfi -i \"aevalsrc='0.8*lt(mod(t,1),0.002)|0.8*lt(mod(t,1),0.002)':s=44100:d=3.2\" "

/* Clicks are heard at first, first + 1 ... up to `last` seconds, within 1.5 ms. */
static void expect_clicks(const char *path, double first, double last)
{
    struct heard h = hear(path, NULL);
    double want = first;
    size_t i = 0;
    while (i < h.count) {
        if (fabsf(h.samples[i]) < 0.3f) {
            i++;
            continue;
        }
        if (fabs((double)i / 16000 - want) > 0.0015)
            fail_msg("%s: a click at %.4f s, want %.4f", path, (double)i / 16000, want);
        want += 1;
        i += 8000;
    }
    if (want < last + 0.5 || want > last + 1.5)
        fail_msg("%s: no click at %.3f s", path, want);
    free(h.samples);
}

static void containers_and_codecs(void **state)
{
    static const struct {
        const char *name, *options;
    } cases[] = {
        {"a.mp4", "-c:v mpeg4 -c:a aac"},    {"a.mkv", "-c:v mpeg4 -c:a flac"},
        {"a.mpg", "-c:v mpeg2video"},        {"a.ts", "-c:v mpeg2video -c:a mp2"},
        {"a.avi", "-c:v mpeg4 -c:a pcm_u8"}, {"a.mov", "-c:v mpeg4 -c:a pcm_s24le -ar 48000"},
        {"a.ogg", "-c:a libvorbis -vn"},     {"a.mp3", "-c:a libmp3lame -vn"},
    };
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[512];
        snprintf(arguments, sizeof arguments, PICTURES CLICKS "%s", cases[i].options);
        expect_clicks(make_video(cases[i].name, arguments), 0, 3);
    }
}

/* Sound that begins later or earlier than the pictures, and pauses. */
static void time_is_the_pictures(void **state)
{
    (void)state;
    if (!have_ffmpeg())
        skip();
    expect_clicks(make_video("late.mp4", PICTURES "-itsoffset 0.5 " CLICKS "-c:v mpeg4 -c:a aac"),
                  0.5, 3.5);
    expect_clicks(
        make_video("late.mkv", PICTURES "-itsoffset 0.5 " CLICKS "-c:v mpeg4 -c:a pcm_s16le"), 0.5,
        3.5);
    const char *early = make_video("early.mp4", "-itsoffset 0.4 " PICTURES CLICKS
                                                "-vsync passthrough -c:v mpeg4 -c:a aac");
    expect_clicks(early, 0.6, 2.6);
    /* Whoever says so hears it from the beginning of the file. */
    struct heard h = hear(early, &(struct vis_audio_options){.from_s = 1e-9});
    struct heard rest = hear(early, NULL);
    assert_true(rest.info.start_s == 0.4);
    assert_int_equal(h.count - rest.count, 6400);
    free(h.samples);
    free(rest.samples);

    h = hear(make_video("pause.mkv", PICTURES CLICKS "-af \"asetpts='PTS+gte(T,1.5)*0.3/TB'\" "
                                                     "-c:v mpeg4 -c:a pcm_s16le"),
             NULL);
    assert_true(fabsf(h.samples[16000 + 8]) > 0.3f);
    assert_true(fabsf(h.samples[32000 + 8]) < 0.1f);
    assert_true(fabsf(h.samples[32000 + 4800 + 8]) > 0.3f);
    free(h.samples);
}

static void rates_and_channels(void **state)
{
    static const struct {
        const char *format;
        int channels, rate;
    } cases[] = {{"pcm_u8", 1, 8000},     {"pcm_s16le", 2, 44100}, {"pcm_s24le", 3, 48000},
                 {"pcm_s32le", 6, 11025}, {"pcm_f32le", 8, 22050}, {"pcm_f64le", 10, 96000},
                 {"pcm_s16le", 40, 16000}};
    (void)state;
    if (!have_ffmpeg())
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[2048];
        int n = snprintf(arguments, sizeof arguments, "-f lavfi -i \"aevalsrc='");
        for (int c = 0; c < cases[i].channels; c++)
            n += snprintf(arguments + n, sizeof arguments - (size_t)n, "%s0.5*sin(2*PI*440*t)",
                          c ? "|" : "");
        snprintf(arguments + n, sizeof arguments - (size_t)n, "':s=%d:d=0.5\" -c:a %s",
                 cases[i].rate, cases[i].format);
        struct heard h = hear(make_video("tone.wav", arguments), NULL);
        assert_int_equal(h.info.channels, cases[i].channels);
        assert_int_equal(h.info.rate, cases[i].rate);
        assert_in_range(h.count, 8000, 8001);
        for (int k = 200; k < 7800; k++) {
            double want = 0.5 * sin(2 * 3.14159265358979 * 440 * k / 16000.0);
            if (fabs((double)h.samples[k] - want) > 0.01)
                fail_msg("%s, %d channels, %d Hz: sample %d is %.4f, want %.4f", cases[i].format,
                         cases[i].channels, cases[i].rate, k, (double)h.samples[k], want);
        }
        free(h.samples);
    }
}

/* A part is a piece of the whole, entered in the middle or not; its first millisecond may differ,
 * as no sound comes before it. */
static void parts_are_of_the_whole(void **state)
{
    static const double from[] = {0.5, 3.001, 7.77};
    (void)state;
    if (!have_ffmpeg())
        skip();
    const char *path = make_video(
        "long.mp4", "-f lavfi -i testsrc2=d=9:s=48x32:r=25 -f lavfi -i "
                    "\"aevalsrc='0.5*sin(2*PI*(100+50*t)*t)':s=44100:d=9\" -c:v mpeg4 -c:a aac");
    struct heard whole = hear(path, NULL);
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct heard part =
            hear(path, &(struct vis_audio_options){.from_s = from[i], .to_s = from[i] + 0.7});
        size_t first = (size_t)lrint(from[i] * 16000);
        assert_int_equal(part.count, 11200);
        for (size_t k = 20; k < part.count; k++) /* half a sample of 44100 Hz is what may be lost */
            if (fabsf(part.samples[k] - whole.samples[first + k]) > 0.03f)
                fail_msg("from %.3f s: sample %zu is %.4f, want %.4f", from[i], k,
                         (double)part.samples[k], (double)whole.samples[first + k]);
        free(part.samples);
    }
    free(whole.samples);
}

static void damage(void **state)
{
    size_t size;
    (void)state;
    if (!have_ffmpeg())
        skip();
    expect_refusal(make_video("mute.mp4", PICTURES "-c:v mpeg4"), NULL, VISEME_ERR_NO_AUDIO,
                   "mute.mp4: has no sound");
    const char *path = make_video("whole.mp3", CLICKS "-c:a libmp3lame -write_xing 0");
    char *bytes = scratch_read(path, &size);
    /* A hole in the middle: clicks behind it stay where they were. */
    memset(bytes + size / 2, 0, size / 6);
    struct heard h = hear(scratch_write("hole.mp3", bytes, size), NULL);
    assert_true(h.count > 40000);
    free(h.samples);
    memset(bytes + 2000, 0xA5, size - 2000);
    struct vis_audio *a;
    viseme_error err;
    viseme_status status = vis_audio_open(&a, scratch_write("bad.mp3", bytes, size), NULL, &err);
    assert_true(status == VISEME_OK || status == VISEME_ERR_NO_AUDIO || status == VISEME_ERR_INPUT);
    if (status == VISEME_OK)
        vis_audio_close(a);
    free(bytes);
}
#else
static void other_rates_need_ffmpeg(void **state)
{
    const char *path = scratch_path("rate.wav");
    float samples[8] = {0.5f, 0.25f, -0.5f, 0.5f, 1, 0.5f, 0, 0};
    struct vis_sound sound = {8000, 2, 4, samples};
    (void)state;
    assert_int_equal(vis_wav_write(path, &sound, NULL), VISEME_OK);
    expect_refusal(path, NULL, VISEME_ERR_INPUT, "is a WAV of 8000 Hz");
    struct heard h = hear(path, &(struct vis_audio_options){.rate = 8000});
    assert_int_equal(h.count, 4);
    assert_float_equal(h.samples[0], 0.375, 1e-6);
    assert_float_equal(h.samples[1], 0, 1e-6);
    free(h.samples);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wav_is_heard_to_the_bit),
        cmocka_unit_test(what_cannot_be_heard_is_refused),
#if VIS_FFMPEG
        cmocka_unit_test(containers_and_codecs),
        cmocka_unit_test(time_is_the_pictures),
        cmocka_unit_test(rates_and_channels),
        cmocka_unit_test(parts_are_of_the_whole),
        cmocka_unit_test(damage),
#else
        cmocka_unit_test(other_rates_need_ffmpeg),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
