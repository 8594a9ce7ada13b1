/* Digests: known answers (FIPS 180-4 examples, zlib's check value), pieces, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/digest.h"
#include "tests/support/scratch.h"

static void expect(const struct vis_digest *d, uint64_t bytes, uint32_t crc, const char *sha)
{
    assert_int_equal(d->bytes, bytes);
    assert_int_equal(d->crc32, crc);
    assert_string_equal(d->sha256, VIS_FFMPEG ? sha : "");
}

static void gives_known_answers(void **state)
{
    static const struct {
        const char *text;
        uint32_t crc;
        const char *sha;
    } cases[] = {
        {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"123456789", 0xCBF43926,
         "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
        {"abc", 0x352441C2, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vis_digest d;
        size_t n = strlen(cases[i].text);
        assert_int_equal(vis_digest_bytes(&d, cases[i].text, n, NULL), VISEME_OK);
        expect(&d, n, cases[i].crc, cases[i].sha);
        const char *path = scratch_write("file", cases[i].text, n);
        assert_int_equal(vis_digest_file(&d, path, NULL), VISEME_OK);
        expect(&d, n, cases[i].crc, cases[i].sha);
    }
}

/* A file of many reads is the same as its bytes. */
static void reads_to_the_end(void **state)
{
    const size_t n = 1000003;
    struct vis_digest a, b;
    uint8_t *bytes = malloc(n);
    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 11);
    assert_int_equal(vis_digest_bytes(&a, bytes, n, NULL), VISEME_OK);
    assert_int_equal(vis_digest_file(&b, scratch_write("long", bytes, n), NULL), VISEME_OK);
    expect(&b, n, a.crc32, a.sha256);
    free(bytes);
}

static void refuses_what_is_no_file(void **state)
{
    struct vis_digest d;
    viseme_error err;
    (void)state;
    assert_int_equal(vis_digest_file(&d, scratch_path("nothere"), &err), VISEME_ERR_INPUT);
    assert_int_equal(vis_digest_file(&d, scratch_folder(), &err), VISEME_ERR_INPUT);
    assert_int_equal(vis_digest_file(&d, "/dev/zero", &err), VISEME_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_known_answers),
        cmocka_unit_test(reads_to_the_end),
        cmocka_unit_test(refuses_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
