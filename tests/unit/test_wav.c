/* PCM WAV: every sample format that is read, every refusal, and what is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/wav.h"
#include "tests/support/scratch.h"

struct bytes {
    unsigned char data[512];
    size_t size;
};

static void add(struct bytes *b, const void *data, size_t n)
{
    assert_true(b->size + n <= sizeof b->data);
    memcpy(b->data + b->size, data, n);
    b->size += n;
}

static void add_u(struct bytes *b, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        add(b, &(unsigned char){(unsigned char)(v & 255)}, 1);
}

struct fmt {
    uint32_t format, channels, rate, bits;
};

static void start(struct bytes *b)
{
    b->size = 0;
    add(b, "RIFF", 4);
    add_u(b, 1000, 4); /* not relied on: many writers leave it wrong */
    add(b, "WAVE", 4);
}

static void add_fmt(struct bytes *b, struct fmt f)
{
    add(b, "fmt ", 4);
    add_u(b, 16, 4);
    add_u(b, f.format, 2);
    add_u(b, f.channels, 2);
    add_u(b, f.rate, 4);
    add_u(b, f.rate * f.channels * (f.bits / 8), 4);
    add_u(b, f.channels * (f.bits / 8), 2);
    add_u(b, f.bits, 2);
}

static void add_data(struct bytes *b, const void *data, size_t n)
{
    add(b, "data", 4);
    add_u(b, (uint32_t)n, 4);
    add(b, data, n);
}

static viseme_status parse_exact(struct vis_sound *out, const struct bytes *b, viseme_error *err)
{
    void *copy = malloc(b->size ? b->size : 1);
    memcpy(copy, b->data, b->size);
    viseme_status status = vis_wav_parse(out, copy, b->size, "a.wav", err);
    free(copy);
    return status;
}

static void expect(const struct bytes *b, int rate, int channels, int64_t frames,
                   const float *samples)
{
    struct vis_sound s;
    viseme_error err = {0};
    assert_int_equal(parse_exact(&s, b, &err), VISEME_OK);
    assert_int_equal(s.rate, rate);
    assert_int_equal(s.channels, channels);
    assert_int_equal(s.frames, frames);
    for (int64_t i = 0; i < frames * channels; i++)
        assert_true(s.samples[i] == samples[i]);
    vis_sound_free(&s);
    assert_null(s.samples);
}

static void expect_refusal(const struct bytes *b, viseme_status want, const char *says)
{
    struct vis_sound s;
    viseme_error err = {0};
    viseme_status status = parse_exact(&s, b, &err);
    if (status != want || !strstr(err.message, says))
        fail_msg("wanted '%s', got status %d, '%s'", says, (int)status, err.message);
    assert_null(s.samples);
}

static void reads_every_format(void **state)
{
    static const unsigned char u8[] = {0, 128, 192};
    static const unsigned char s24[] = {0, 0, 0x80, 0, 0, 0, 0, 0, 0x40};
    const int16_t s16[] = {-32768, 0, 16384};
    const int32_t s32[] = {INT32_MIN, 0, 1 << 30};
    const float f32[] = {-1, 0, 0.5f};
    const double f64[] = {-1, 0, 0.5};
    const struct {
        uint32_t format, bits;
        const void *data;
        size_t size;
    } cases[] = {{1, 8, u8, 3},    {1, 16, s16, 6},  {1, 24, s24, 9},
                 {1, 32, s32, 12}, {3, 32, f32, 12}, {3, 64, f64, 24}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b;
        start(&b);
        add_fmt(&b, (struct fmt){cases[i].format, 1, 16000, cases[i].bits});
        add_data(&b, cases[i].data, cases[i].size);
        expect(&b, 16000, 1, 3, f32);
    }
}

static void reads_extensible(void **state)
{
    static const char tail[] = "\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71";
    const int16_t x[] = {0, 16384, -16384, 8192};
    struct bytes b;
    (void)state;
    start(&b);
    add_fmt(&b, (struct fmt){0xFFFE, 2, 48000, 16});
    b.data[16] = 40;  /* length of the chunk */
    add_u(&b, 22, 2); /* length of the extension */
    add_u(&b, 16, 2); /* valid bits */
    add_u(&b, 3, 4);  /* front left and right */
    add_u(&b, 1, 2);  /* PCM */
    add(&b, tail, 14);
    add_data(&b, x, sizeof x);
    expect(&b, 48000, 2, 2, (float[]){0, 0.5f, -0.5f, 0.25f});
    b.data[46] ^= 1;
    expect_refusal(&b, VISEME_ERR_INPUT, "extensible");
    b.data[46] ^= 1;
    b.data[16] = 38;
    expect_refusal(&b, VISEME_ERR_INPUT, "extensible");
}

static void passes_other_chunks_over(void **state)
{
    const int16_t x[] = {8192, 16384};
    struct bytes b;
    (void)state;
    start(&b);
    add(&b, "LIST\x03\0\0\0abc\0", 12); /* odd length, padded */
    add_fmt(&b, (struct fmt){1, 1, 8000, 16});
    add(&b, "fact\x04\0\0\0\2\0\0\0", 12);
    add_data(&b, x, sizeof x);
    add(&b, "id3 \xFF\xFF\xFF\xFF", 8); /* after the samples: not looked at */
    expect(&b, 8000, 1, 2, (float[]){0.25f, 0.5f});
}

/* Programs that write into a pipe leave the length open; what is there counts. */
static void reads_unknown_length(void **state)
{
    const unsigned char x[] = {0, 0x40, 0, 0x20, 0x7F};
    struct bytes b;
    (void)state;
    start(&b);
    add_fmt(&b, (struct fmt){1, 1, 8000, 16});
    add(&b, "data\xFF\xFF\xFF\xFF", 8);
    add(&b, x, sizeof x);
    expect(&b, 8000, 1, 2, (float[]){0.5f, 0.25f});
}

static void reads_no_samples(void **state)
{
    struct bytes b;
    (void)state;
    start(&b);
    add_fmt(&b, (struct fmt){1, 2, 8000, 16});
    add_data(&b, "", 0);
    expect(&b, 8000, 2, 0, NULL);
}

static void refuses_bad_formats(void **state)
{
    static const struct {
        struct fmt fmt;
        viseme_status status;
        const char *says;
    } cases[] = {
        {{1, 1, 8000, 12}, VISEME_ERR_INPUT, "12 bits"},
        {{1, 1, 8000, 0}, VISEME_ERR_INPUT, "0 bits"},
        {{3, 1, 8000, 16}, VISEME_ERR_INPUT, "format 3"},
        {{6, 1, 8000, 8}, VISEME_ERR_INPUT, "format 6"},
        {{1, 0, 8000, 16}, VISEME_ERR_INPUT, "0 channels"},
        {{1, 1, 0, 16}, VISEME_ERR_INPUT, "0 Hz"},
        {{1, 65, 8000, 16}, VISEME_ERR_LIMIT, "65 channels"},
        {{1, 1, 768001, 16}, VISEME_ERR_LIMIT, "768001 Hz"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b;
        start(&b);
        add_fmt(&b, cases[i].fmt);
        add_data(&b, "1234", 4);
        expect_refusal(&b, cases[i].status, cases[i].says);
    }
}

static void refuses_bad_structure(void **state)
{
    struct bytes b;
    (void)state;
    b.size = 0;
    add(&b, "OggS and so on", 14);
    expect_refusal(&b, VISEME_ERR_INPUT, "not a WAV file");
    start(&b);
    expect_refusal(&b, VISEME_ERR_INPUT, "no samples");
    add_data(&b, "1234", 4);
    expect_refusal(&b, VISEME_ERR_INPUT, "before their format");
    start(&b);
    add_fmt(&b, (struct fmt){1, 1, 8000, 16});
    b.data[16] = 14;
    expect_refusal(&b, VISEME_ERR_INPUT, "too short");
    b.data[16] = 17;
    expect_refusal(&b, VISEME_ERR_INPUT, "cut short");
    b.data[16] = 16;
    expect_refusal(&b, VISEME_ERR_INPUT, "no samples");
    b.data[32] = 3; /* bytes a frame */
    expect_refusal(&b, VISEME_ERR_INPUT, "3 bytes a frame");
    b.data[32] = 2;
    add_data(&b, "123", 3);
    expect_refusal(&b, VISEME_ERR_INPUT, "middle of a frame");
    b.data[b.size - 7] = 4;
    expect_refusal(&b, VISEME_ERR_INPUT, "states 4 bytes of samples and holds 3");
    start(&b);
    add_fmt(&b, (struct fmt){3, 1, 8000, 32});
    add_data(&b, (float[]){0, NAN}, 8);
    expect_refusal(&b, VISEME_ERR_INPUT, "sample 1");
    start(&b);
    add_fmt(&b, (struct fmt){3, 1, 8000, 64});
    add_data(&b, (double[]){1e300}, 8);
    expect_refusal(&b, VISEME_ERR_INPUT, "sample 0");
}

static void refuses_every_cut(void **state)
{
    struct bytes b, cut;
    (void)state;
    start(&b);
    add(&b, "LIST\x03\0\0\0abc\0", 12);
    add_fmt(&b, (struct fmt){1, 1, 8000, 16});
    add_data(&b, "12345678", 8);
    for (size_t n = 0; n < b.size; n++) {
        cut = b;
        cut.size = n;
        expect_refusal(&cut, VISEME_ERR_INPUT, "a.wav: ");
    }
}

static void writes_what_it_reads(void **state)
{
    const char *path = scratch_path("out.wav");
    enum { FRAMES = 5000 };
    float *x = malloc(2 * FRAMES * sizeof *x);
    struct vis_sound in = {.rate = 44100, .channels = 2, .frames = FRAMES, .samples = x}, out;
    (void)state;
    for (int i = 0; i < 2 * FRAMES; i++)
        x[i] = (float)(i * 7 % 65536 - 32768) / 32768.0f;
    assert_int_equal(vis_wav_write(path, &in, NULL), VISEME_OK);
    assert_int_equal(vis_wav_read(&out, path, NULL), VISEME_OK);
    assert_int_equal(out.rate, 44100);
    assert_int_equal(out.channels, 2);
    assert_int_equal(out.frames, FRAMES);
    assert_memory_equal(out.samples, x, 2 * FRAMES * sizeof *x);
    vis_sound_free(&out);
    free(x);
}

static void clips_what_it_writes(void **state)
{
    const char *path = scratch_path("clip.wav");
    float x[] = {2, -2, INFINITY, -INFINITY, NAN, 1, -1, 0.99999f};
    const float want[] = {32767, -32768, 32767, -32768, 0, 32767, -32768, 32767};
    struct vis_sound in = {.rate = 1, .channels = 1, .frames = 8, .samples = x}, out;
    (void)state;
    assert_int_equal(vis_wav_write(path, &in, NULL), VISEME_OK);
    assert_int_equal(vis_wav_read(&out, path, NULL), VISEME_OK);
    for (int i = 0; i < 8; i++)
        assert_true(out.samples[i] * 32768 == want[i]);
    vis_sound_free(&out);
}

static void refuses_files_and_targets(void **state)
{
    float x[1] = {0};
    struct vis_sound s, in = {.rate = 8000, .channels = 1, .frames = 1, .samples = x};
    viseme_error err;
    (void)state;
    assert_int_equal(vis_wav_read(&s, scratch_path("none.wav"), &err), VISEME_ERR_INPUT);
    assert_int_equal(vis_wav_read(&s, scratch_folder(), &err), VISEME_ERR_INPUT);
    assert_int_equal(vis_wav_write("/dev/full", &in, &err), VISEME_ERR_OUTPUT);
    assert_int_equal(vis_wav_write(scratch_path("no/x.wav"), &in, &err), VISEME_ERR_OUTPUT);
    in.channels = 0;
    assert_int_equal(vis_wav_write(scratch_path("x.wav"), &in, &err), VISEME_ERR_ARGUMENT);
    in.channels = 1;
    in.rate = 0;
    assert_int_equal(vis_wav_write(scratch_path("x.wav"), &in, &err), VISEME_ERR_ARGUMENT);
    in.rate = 8000;
    in.frames = -1;
    assert_int_equal(vis_wav_write(scratch_path("x.wav"), &in, &err), VISEME_ERR_ARGUMENT);
    in.frames = INT64_C(1) << 31;
    assert_int_equal(vis_wav_write(scratch_path("x.wav"), &in, &err), VISEME_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_format),        cmocka_unit_test(reads_extensible),
        cmocka_unit_test(passes_other_chunks_over),  cmocka_unit_test(reads_unknown_length),
        cmocka_unit_test(reads_no_samples),          cmocka_unit_test(refuses_bad_formats),
        cmocka_unit_test(refuses_bad_structure),     cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(writes_what_it_reads),      cmocka_unit_test(clips_what_it_writes),
        cmocka_unit_test(refuses_files_and_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
