/* Every way in which the weights reader refuses a file, and what it reads from a good one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "engine/weights.h"

struct bytes {
    unsigned char *data;
    size_t size;
};

/* Header text and `data_bytes` bytes 0, 1, 2 ... behind it. */
static struct bytes file_of(const char *header, size_t data_bytes)
{
    size_t length = strlen(header);
    struct bytes b = {malloc(8 + length + data_bytes), 8 + length + data_bytes};
    assert_non_null(b.data);
    for (int i = 0; i < 8; i++)
        b.data[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(b.data + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        b.data[8 + length + i] = (unsigned char)i;
    return b;
}

static void expect_refused(const char *header, size_t data_bytes, const char *sentence)
{
    struct bytes b = file_of(header, data_bytes);
    viseme_weights *w;
    viseme_error err = {VISEME_OK, ""};
    assert_int_equal(vis_weights_parse(&w, b.data, b.size, "w.safetensors", &err),
                     VISEME_ERR_MODEL);
    assert_null(w);
    if (!strstr(err.message, sentence) || !strstr(err.message, "w.safetensors"))
        fail_msg("for %s the message is: %s", header, err.message);
    free(b.data);
}

#define T(dtype, shape, begin, end)                                                                \
    "{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void refuses_damaged_headers(void **state)
{
    (void)state;
    expect_refused("{\"a\":", 0, "not valid JSON");
    expect_refused("{\"a\":" T("F32", "1", 0, 4) ",\"a\":" T("F32", "1", 4, 8) "}", 8,
                   "not valid JSON at byte"); /* a name twice */
    expect_refused("{\"\xff\":" T("F32", "1", 0, 4) "}", 4, "not valid JSON");
    expect_refused("{} x", 0, "not valid JSON");
    expect_refused("{\"a\":[]}", 0, "not an object");
    expect_refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype");
    expect_refused("{\"a\":" T("I64", "1", 0, 8) "}", 8, "dtype \"I64\" is not supported");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape");
    expect_refused("{\"a\":" T("F32", "-1", 0, 4) "}", 4, "dimension 0");
    expect_refused("{\"a\":" T("F32", "1.5", 0, 4) "}", 4, "dimension 0");
    expect_refused("{\"a\":" T("F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "9 dimensions");
    expect_refused("{\"a\":" T("F32", "2147483647,2147483647,2147483647", 0, 4) "}", 4,
                   "overflows");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
                   "two rising whole numbers");
    expect_refused("{\"a\":" T("F32", "1", 4, 0) "}", 4, "two rising whole numbers");
    expect_refused("{\"a\":" T("F32", "2", 0, 4) "}", 4, "needs 8 bytes of F32");
    expect_refused("{\"a\":" T("F32", "2", 0, 8) "}", 4, "cut short");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
                   "unknown header field \"x\"");
    expect_refused("{\"a\":" T("F32", "1", 0, 4) ",\"b\":" T("F32", "1", 2, 6) "}", 6, "overlaps");
    expect_refused("{\"a\":" T("F32", "1", 0, 4) ",\"b\":" T("F32", "1", 8, 12) "}", 12,
                   "4 bytes before tensor \"b\"");
    expect_refused("{\"a\":" T("F32", "1", 0, 4) "}", 9, "5 bytes at the end");
    expect_refused("{\"__metadata__\":3}", 0, "__metadata__ is not an object");
    expect_refused("{\"__metadata__\":{\"k\":3}}", 0, "entry \"k\" is not a string");
}

static void expect_bytes_refused(const char *bytes, size_t size, const char *sentence)
{
    viseme_weights *w;
    viseme_error err = {VISEME_OK, ""};
    assert_int_equal(vis_weights_parse(&w, bytes, size, "w", &err), VISEME_ERR_MODEL);
    if (!strstr(err.message, sentence))
        fail_msg("the message is: %s", err.message);
}

static void names_what_it_was_given_instead(void **state)
{
    (void)state;
    expect_bytes_refused("", 0, "too few");
    expect_bytes_refused("PK\3\4aaaaaaaaaaaaaa", 18, "convert.py");
    expect_bytes_refused("<!DOCTYPE html><html>", 21, "web page");
    expect_bytes_refused("version https://git-lfs.github.com/spec/v1", 42, "Git LFS");
    expect_bytes_refused("\x40\0\0\0\0\0\0\0{\"a\":", 13, "ends inside its header");
    expect_bytes_refused("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10, "not a safetensors file");
}

static void reads_every_type_exactly(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"viseme.arch\":\"x\"},\"f\":" T("F32", "2", 0, 8) ",\"b\":" T(
            "BF16", "2,2", 8, 16) ",\"h\":" T("F16", "6", 16, 28) ",\"e\":" T("F32", "0", 28,
                                                                              28) "}";
    static const float f[2] = {1.5f, -0.0f};
    static const uint16_t b[4] = {0x3F80, 0xC040, 0x7F80, 0x0001};
    static const uint16_t h[6] = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x03FF};
    struct bytes file = file_of(header, 28);
    unsigned char *data = file.data + file.size - 28;
    memcpy(data, f, 8);
    memcpy(data + 8, b, 8);
    memcpy(data + 16, h, 12);
    viseme_weights *w;
    assert_int_equal(vis_weights_parse(&w, file.data, file.size, "w", NULL), VISEME_OK);
    assert_int_equal(viseme_weights_count(w), 4);
    assert_string_equal(viseme_weights_metadata(w, "viseme.arch"), "x");
    assert_null(viseme_weights_metadata(w, "viseme.format"));
    assert_null(vis_weights_find(w, "g"));
    float out[6];
    vis_weights_to_f32(out, vis_weights_find(w, "f"));
    assert_memory_equal(out, f, 8);
    vis_weights_to_f32(out, vis_weights_find(w, "b"));
    assert_true(out[0] == 1.0f && out[1] == -3.0f && isinf(out[2]) && out[3] == 0x1p-133f);
    vis_weights_to_f32(out, vis_weights_find(w, "h"));
    assert_true(out[0] == 1.0f && out[1] == -2.0f && out[2] == 0x1p-24f && out[3] == 65504.0f);
    assert_true(isinf(out[4]) && out[4] < 0 && out[5] == 1023 * 0x1p-24f);
    viseme_weights_check check;
    viseme_error err;
    assert_int_equal(viseme_weights_verify(w, &check, &err), VISEME_ERR_MODEL);
    assert_int_equal(check.inf_count, 2);
    assert_int_equal(check.nan_count, 0);
    viseme_weights_close(w);
    free(file.data);
}

static viseme_status verify(const char *stated, viseme_weights_check *check, viseme_error *err)
{
    char header[256];
    snprintf(header, sizeof header, "{\"__metadata__\":{\"viseme.crc32\":\"%s\"},\"a\":%s}", stated,
             T("F32", "4", 0, 16));
    struct bytes file = file_of(header, 16);
    viseme_weights *w;
    assert_int_equal(vis_weights_parse(&w, file.data, file.size, "w", NULL), VISEME_OK);
    viseme_status status = viseme_weights_verify(w, check, err);
    viseme_weights_close(w);
    free(file.data);
    return status;
}

static void verifies_the_checksum(void **state)
{
    (void)state;
    unsigned char data[16];
    char right[16];
    viseme_weights_check check;
    viseme_error err;
    for (int i = 0; i < 16; i++)
        data[i] = (unsigned char)i;
    snprintf(right, sizeof right, "%08lx", (unsigned long)crc32(0, data, 16));
    assert_int_equal(verify(right, &check, &err), VISEME_OK);
    assert_true(check.has_checksum && check.checksum_matches);
    assert_int_equal(verify("00000000", &check, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "damaged"));
    assert_int_equal(verify("xyz", &check, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "hexadecimal"));
}

static void refuses_what_is_not_a_file(void **state)
{
    (void)state;
    viseme_weights *w;
    viseme_error err;
    assert_int_equal(viseme_weights_open(&w, "/nonexistent/w", &err), VISEME_ERR_MODEL);
    assert_int_equal(viseme_weights_open(&w, "/tmp", &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "not a regular file"));
    char path[] = "/tmp/viseme-fifo-XXXXXX";
    assert_true(mkstemp(path) >= 0 && unlink(path) == 0 && mkfifo(path, 0600) == 0);
    assert_int_equal(viseme_weights_open(&w, path, &err), VISEME_ERR_MODEL); /* must not hang */
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_damaged_headers),
        cmocka_unit_test(names_what_it_was_given_instead),
        cmocka_unit_test(reads_every_type_exactly),
        cmocka_unit_test(verifies_the_checksum),
        cmocka_unit_test(refuses_what_is_not_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
