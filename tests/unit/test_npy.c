/* NPY files: every dtype, order and version that is read, every refusal, and what is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "io/file.h"
#include "io/npy.h"
#include "tests/support/scratch.h"

/* A file of the given version with the header text as it is, no padding. */
static size_t make_npy(unsigned char *to, int version, const char *header, const void *data,
                       size_t data_bytes)
{
    size_t n = strlen(header), fixed = version == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (unsigned char)version;
    to[7] = 0;
    to[8] = (unsigned char)(n & 255);
    to[9] = (unsigned char)(n >> 8);
    if (version != 1)
        to[10] = to[11] = 0;
    memcpy(to + fixed, header, n);
    memcpy(to + fixed + n, data, data_bytes);
    return fixed + n + data_bytes;
}

/* Parses a copy that is exactly as long as it says, so that reading past it is seen. */
static viseme_status parse_exact(struct vis_npy *out, const void *bytes, size_t size,
                                 viseme_error *err)
{
    void *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    viseme_status status = vis_npy_parse(out, copy, size, "a.npy", err);
    free(copy);
    return status;
}

static void expect_values(int version, const char *header, const void *data, size_t bytes,
                          const float *want, int rank, const int64_t *shape)
{
    unsigned char file[1024];
    struct vis_npy a;
    viseme_error err = {0};
    int64_t count = 1;

    assert_int_equal(parse_exact(&a, file, make_npy(file, version, header, data, bytes), &err),
                     VISEME_OK);
    assert_int_equal(a.rank, rank);
    for (int i = 0; i < rank; i++) {
        assert_int_equal(a.shape[i], shape[i]);
        count *= shape[i];
    }
    for (int64_t i = 0; i < count; i++)
        assert_memory_equal(&a.data[i], &want[i], sizeof *want);
    vis_npy_free(&a);
}

#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }"

static void reads_every_dtype(void **state)
{
    const int64_t three[] = {3};
    const float want[] = {1, -2, 100};
    (void)state;
    expect_values(1, HEADER("<f4", "(3,)"), (float[]){1, -2, 100}, 12, want, 1, three);
    expect_values(1, HEADER("<f8", "(3,)"), (double[]){1, -2, 100}, 24, want, 1, three);
    expect_values(1, HEADER("|i1", "(3,)"), (int8_t[]){1, -2, 100}, 3, want, 1, three);
    expect_values(1, HEADER("<i2", "(3,)"), (int16_t[]){1, -2, 100}, 6, want, 1, three);
    expect_values(1, HEADER("<i4", "(3,)"), (int32_t[]){1, -2, 100}, 12, want, 1, three);
    expect_values(1, HEADER("<i8", "(3,)"), (int64_t[]){1, -2, 100}, 24, want, 1, three);
    expect_values(1, HEADER("|u1", "(3,)"), (uint8_t[]){1, 254, 100}, 3, (float[]){1, 254, 100}, 1,
                  three);
}

static void reads_half_floats(void **state)
{
    const uint16_t halves[] = {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x03FF, 0x8000, 0x7C00, 0xFC00};
    const float want[] = {
        1, -2, 65504, 5.9604644775390625e-08f, 6.097555160522461e-05f, -0.0f, INFINITY, -INFINITY};
    const uint16_t nan_half = 0x7E00;
    unsigned char file[256];
    struct vis_npy a;

    (void)state;
    expect_values(1, HEADER("<f2", "(8,)"), halves, sizeof halves, want, 1, (int64_t[]){8});
    size_t n = make_npy(file, 1, HEADER("<f2", "(1,)"), &nan_half, 2);
    assert_int_equal(parse_exact(&a, file, n, NULL), VISEME_OK);
    assert_true(isnan(a.data[0]));
    vis_npy_free(&a);
}

static void reads_every_version_and_order_of_keys(void **state)
{
    const float x[] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[] = {2, 3};
    (void)state;
    expect_values(1, HEADER("<f4", "(2, 3)"), x, 24, x, 2, shape);
    expect_values(2, HEADER("<f4", "(2, 3)"), x, 24, x, 2, shape);
    expect_values(3, HEADER("<f4", "(2, 3)"), x, 24, x, 2, shape);
    expect_values(1, "{\"shape\":(2L,3L),\"descr\":\"<f4\",\"fortran_order\":False}  \n", x, 24, x,
                  2, shape);
    expect_values(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (), }", x, 4, x, 0, NULL);
}

static void turns_fortran_order(void **state)
{
    /* a[i][j][k] = 100 i + 10 j + k, first index fastest */
    float stored[24], want[24];
    const int64_t shape[] = {2, 3, 4};
    int s = 0, w = 0;
    (void)state;
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                stored[s++] = (float)(100 * i + 10 * j + k);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                want[w++] = (float)(100 * i + 10 * j + k);
    expect_values(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }", stored,
                  sizeof stored, want, 3, shape);
}

static void reads_empty_arrays(void **state)
{
    (void)state;
    expect_values(1, HEADER("<f4", "(0,)"), "", 0, NULL, 1, (int64_t[]){0});
    expect_values(1, HEADER("<f4", "(3, 0, 2)"), "", 0, NULL, 3, (int64_t[]){3, 0, 2});
}

static void refuses_bad_headers(void **state)
{
    static const struct {
        const char *header;
        viseme_status status;
        const char *says;
    } cases[] = {
        {"", VISEME_ERR_INPUT, "start with '{'"},
        {"{", VISEME_ERR_INPUT, "no key"},
        {"{'descr'", VISEME_ERR_INPUT, "no key"},
        {"{'descr' '<f4'}", VISEME_ERR_INPUT, "no key"},
        {"{'descr': '<f4'", VISEME_ERR_INPUT, "end with '}'"},
        {"{'descr': '<f4'}", VISEME_ERR_INPUT, "missing"},
        {"{'descr': '<f4', 'descr': '<f4'}", VISEME_ERR_INPUT, "twice"},
        {"{'color': 'red'}", VISEME_ERR_INPUT, "unknown"},
        {"{'a_very_long_key_of_something': 1}", VISEME_ERR_INPUT, "no key"},
        {"{'descr': [('x', '<f4')], }", VISEME_ERR_INPUT, "records"},
        {"{'descr': '<f4\\'', }", VISEME_ERR_INPUT, "records"},
        {"{'fortran_order': 1, }", VISEME_ERR_INPUT, "neither True nor False"},
        {"{'shape': 3, }", VISEME_ERR_INPUT, "not a tuple"},
        {"{'shape': (3", VISEME_ERR_INPUT, "does not end"},
        {"{'shape': (3 4), }", VISEME_ERR_INPUT, "does not end"},
        {"{'shape': (-3,), }", VISEME_ERR_INPUT, "not a length"},
        {"{'shape': (3.5,), }", VISEME_ERR_INPUT, "does not end"},
        {"{'shape': (,), }", VISEME_ERR_INPUT, "not a length"},
        {HEADER(">f4", "(1,)"), VISEME_ERR_INPUT, "'>f4'"},
        {HEADER("<c8", "(1,)"), VISEME_ERR_INPUT, "'<c8'"},
        {HEADER("|O", "(1,)"), VISEME_ERR_INPUT, "'|O'"},
        {HEADER("<U5", "(1,)"), VISEME_ERR_INPUT, "'<U5'"},
        {HEADER("<f4", "(1,)") " x", VISEME_ERR_INPUT, "follows"},
        {HEADER("<f4", "(2147483649,)"), VISEME_ERR_LIMIT, "2^31"},
        {HEADER("<f4", "(99999999999999999999999,)"), VISEME_ERR_LIMIT, "2^31"},
        {HEADER("<f4", "(65536, 65536)"), VISEME_ERR_LIMIT, "2^31"},
        {HEADER("<f4", "(2147483648, 2147483648, 2147483648)"), VISEME_ERR_LIMIT, "2^31"},
        {HEADER("<f4", "(2147483648, 0, 2147483648)"), VISEME_ERR_LIMIT, "2^31"},
        {HEADER("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), VISEME_ERR_LIMIT, "8 axes"},
        {HEADER("<f4", "(2,)"), VISEME_ERR_INPUT, "holds 4 bytes"},
        {HEADER("<f4", "(2147483648,)"), VISEME_ERR_INPUT, "ask for 8589934592"},
        {HEADER("|u1", "(3,)"), VISEME_ERR_INPUT, "holds 4 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[512];
        struct vis_npy a;
        viseme_error err = {0};
        size_t n = make_npy(file, 1, cases[i].header, "data", 4);
        viseme_status status = parse_exact(&a, file, n, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s: status %d, '%s'", cases[i].header, (int)status, err.message);
        assert_null(a.data);
        assert_memory_equal(err.message, "a.npy: ", 7);
    }
}

static void refuses_every_cut(void **state)
{
    unsigned char file[512];
    const float x[] = {1, 2, 3};
    viseme_error err;
    struct vis_npy a;
    (void)state;
    for (int version = 1; version <= 3; version++) {
        size_t n = make_npy(file, version, HEADER("<f4", "(3,)"), x, sizeof x);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(parse_exact(&a, file, cut, &err), VISEME_ERR_INPUT);
        file[n] = 0;
        assert_int_equal(parse_exact(&a, file, n + 1, &err), VISEME_ERR_INPUT);
    }
}

static void refuses_other_files(void **state)
{
    unsigned char file[128] = "\x93NUMPY\x04";
    viseme_error err;
    struct vis_npy a;
    (void)state;
    assert_int_equal(parse_exact(&a, "PK\3\4 not an array", 18, &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "not an NPY file"));
    assert_int_equal(parse_exact(&a, file, sizeof file, &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "version 4.0"));
    file[6] = 2;
    file[10] = 1; /* 65536 bytes of header */
    assert_int_equal(parse_exact(&a, file, sizeof file, &err), VISEME_ERR_LIMIT);
    assert_int_equal(vis_npy_read(&a, scratch_path("none.npy"), &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "no such file"));
    assert_int_equal(vis_npy_read(&a, scratch_folder(), &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "folder"));
    assert_int_equal(vis_npy_read(&a, "/dev/null", &err), VISEME_ERR_INPUT);
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    assert_int_equal(vis_npy_read(&a, scratch_path("fifo"), &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "regular file"));
}

static void writes_what_it_reads(void **state)
{
    static const struct {
        int rank;
        int64_t shape[8];
    } cases[] = {{0, {0}}, {1, {24}}, {2, {4, 6}}, {8, {1, 2, 1, 3, 1, 2, 2, 1}}, {2, {0, 5}}};
    const char *path = scratch_path("out.npy");
    float x[24];
    (void)state;
    for (int i = 0; i < 24; i++)
        x[i] = (float)i / 7 - 1;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct vis_npy a;
        int64_t count = 1;
        assert_int_equal(vis_npy_write(path, cases[c].rank, cases[c].shape, x, NULL), VISEME_OK);
        assert_int_equal(vis_npy_read(&a, path, NULL), VISEME_OK);
        assert_int_equal(a.rank, cases[c].rank);
        for (int i = 0; i < a.rank; i++) {
            assert_int_equal(a.shape[i], cases[c].shape[i]);
            count *= a.shape[i];
        }
        assert_memory_equal(a.data, x, (size_t)count * sizeof *x);
        vis_npy_free(&a);
        assert_null(a.data);
    }
}

/* Byte for byte what NumPy 1.24 writes for np.save(f, np.float32([[1, 2], [3, 4]])). */
static void writes_as_numpy_does(void **state)
{
    static const char text[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    const float x[] = {1, 2, 3, 4};
    const char *path = scratch_path("numpy.npy");
    char head[128], *bytes;
    size_t size;
    (void)state;
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(head + 10, text, sizeof text - 1);
    head[127] = '\n';
    assert_int_equal(vis_npy_write(path, 2, (int64_t[]){2, 2}, x, NULL), VISEME_OK);
    bytes = scratch_read(path, &size);
    assert_int_equal(size, 128 + sizeof x);
    assert_memory_equal(bytes, head, sizeof head);
    assert_memory_equal(bytes + 128, x, sizeof x);
    free(bytes);
}

static void refuses_to_write(void **state)
{
    const float x[1] = {0};
    viseme_error err;
    (void)state;
    assert_int_equal(vis_npy_write(scratch_path("x.npy"), 9, (int64_t[9]){1}, x, &err),
                     VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_npy_write(scratch_path("x.npy"), -1, NULL, x, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_npy_write(scratch_path("x.npy"), 1, (int64_t[]){-1}, x, &err),
                     VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_npy_write(scratch_path("no/x.npy"), 1, (int64_t[]){1}, x, &err),
                     VISEME_ERR_OUTPUT);
    assert_int_equal(vis_npy_write("/dev/full", 1, (int64_t[]){1}, x, &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "No space left"));
}

static void reads_small_files_whole(void **state)
{
    const char *path = scratch_write("text", "words", 5);
    void *data;
    size_t size;
    viseme_error err;
    (void)state;
    assert_int_equal(vis_file_read(&data, &size, path, 5, &err), VISEME_OK);
    assert_int_equal(size, 5);
    assert_string_equal(data, "words");
    free(data);
    assert_int_equal(vis_file_read(&data, &size, path, 4, &err), VISEME_ERR_LIMIT);
    assert_null(data);
    assert_non_null(strstr(err.message, "5 bytes"));
    assert_int_equal(vis_file_read(&data, &size, scratch_write("empty", "", 0), 0, &err),
                     VISEME_OK);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_dtype),
        cmocka_unit_test(reads_half_floats),
        cmocka_unit_test(reads_every_version_and_order_of_keys),
        cmocka_unit_test(turns_fortran_order),
        cmocka_unit_test(reads_empty_arrays),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_as_numpy_does),
        cmocka_unit_test(refuses_to_write),
        cmocka_unit_test(reads_small_files_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
