/* PNG pictures: every colour type, depth and interlacing that is read, every refusal, and what is
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>

#include "io/png.h"
#include "tests/support/scratch.h"

#define NO_LIMIT UINT64_MAX

struct spec {
    int width, height, depth, type, interlace;
    const unsigned char *rows; /* packed as PNG stores them, row after row */
    size_t row_bytes;
    const png_color *palette;
    const unsigned char *palette_alpha;
    int palette_size;
    const png_color_16 *transparent;
};

/* Encodes `spec` with libpng into memory; free() the result. */
static char *encode(const struct spec *spec, size_t *size)
{
    char *bytes = NULL;
    FILE *f = open_memstream(&bytes, size);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep rows[64];

    assert_true(spec->height <= 64);
    for (int y = 0; y < spec->height; y++)
        rows[y] = (png_bytep)(uintptr_t)(spec->rows + (size_t)y * spec->row_bytes);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)spec->width, (png_uint_32)spec->height, spec->depth,
                 spec->type, spec->interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_gAMA(png, info, 0.2); /* must not change anything */
    if (spec->palette)
        png_set_PLTE(png, info, spec->palette, spec->palette_size);
    if (spec->palette_alpha || spec->transparent)
        png_set_tRNS(png, info, spec->palette_alpha, spec->palette_size, spec->transparent);
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    return bytes;
}

static viseme_status parse_exact(struct vis_picture *out, const void *bytes, size_t size,
                                 uint64_t limit, viseme_error *err)
{
    void *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    viseme_status status = vis_png_parse(out, copy, size, "a.png", limit, err);
    free(copy);
    return status;
}

static void expect(struct spec spec, const unsigned char *bgr)
{
    for (spec.interlace = 0; spec.interlace < 2; spec.interlace++) {
        struct vis_picture p;
        viseme_error err = {0};
        size_t size;
        char *bytes = encode(&spec, &size);
        assert_int_equal(parse_exact(&p, bytes, size, NO_LIMIT, &err), VISEME_OK);
        assert_int_equal(p.width, spec.width);
        assert_int_equal(p.height, spec.height);
        assert_memory_equal(p.bgr, bgr, (size_t)(spec.width * spec.height * 3));
        vis_picture_free(&p);
        assert_null(p.bgr);
        free(bytes);
    }
}

static void reads_grey(void **state)
{
    (void)state;
    expect((struct spec){.width = 3,
                         .height = 1,
                         .depth = 1,
                         .type = PNG_COLOR_TYPE_GRAY,
                         .rows = (const unsigned char[]){0xA0},
                         .row_bytes = 1},
           (const unsigned char[]){255, 255, 255, 0, 0, 0, 255, 255, 255});
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 2,
                         .type = PNG_COLOR_TYPE_GRAY,
                         .rows = (const unsigned char[]){0x60},
                         .row_bytes = 1},
           (const unsigned char[]){85, 85, 85, 170, 170, 170});
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 4,
                         .type = PNG_COLOR_TYPE_GRAY,
                         .rows = (const unsigned char[]){0x1F},
                         .row_bytes = 1},
           (const unsigned char[]){17, 17, 17, 255, 255, 255});
    expect((struct spec){.width = 1,
                         .height = 2,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_GRAY,
                         .rows = (const unsigned char[]){7, 200},
                         .row_bytes = 1},
           (const unsigned char[]){7, 7, 7, 200, 200, 200});
    /* 16 bits are rounded, not cut: 0x01FF is 1.99 of 255 */
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 16,
                         .type = PNG_COLOR_TYPE_GRAY,
                         .rows = (const unsigned char[]){0x01, 0xFF, 0x80, 0x00},
                         .row_bytes = 4},
           (const unsigned char[]){2, 2, 2, 128, 128, 128});
}

static void reads_colour(void **state)
{
    (void)state;
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_RGB,
                         .rows = (const unsigned char[]){1, 2, 3, 4, 5, 6},
                         .row_bytes = 6},
           (const unsigned char[]){3, 2, 1, 6, 5, 4});
    expect((struct spec){.width = 1,
                         .height = 1,
                         .depth = 16,
                         .type = PNG_COLOR_TYPE_RGB,
                         .rows = (const unsigned char[]){0xFF, 0xFF, 0x80, 0x80, 0, 0},
                         .row_bytes = 6},
           (const unsigned char[]){0, 128, 255});
}

static void lays_alpha_over_black(void **state)
{
    const png_color_16 green = {.green = 9, .red = 8, .blue = 7};
    (void)state;
    expect((struct spec){.width = 3,
                         .height = 1,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_RGB_ALPHA,
                         .rows = (const unsigned char[]){10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 31,
                                                         128},
                         .row_bytes = 12},
           (const unsigned char[]){30, 20, 10, 0, 0, 0, 16, 10, 5});
    expect((struct spec){.width = 2,
                         .height = 2,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_GRAY_ALPHA,
                         .rows = (const unsigned char[]){100, 255, 100, 51, 50, 0, 255, 128},
                         .row_bytes = 4},
           (const unsigned char[]){100, 100, 100, 20, 20, 20, 0, 0, 0, 128, 128, 128});
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_RGB,
                         .rows = (const unsigned char[]){8, 9, 7, 9, 9, 7},
                         .row_bytes = 6,
                         .transparent = &green},
           (const unsigned char[]){0, 0, 0, 7, 9, 9});
}

static void reads_palettes(void **state)
{
    static const png_color palette[] = {{1, 2, 3}, {40, 50, 60}, {255, 0, 0}};
    static const unsigned char alpha[] = {255, 0, 255};
    (void)state;
    expect((struct spec){.width = 3,
                         .height = 1,
                         .depth = 2,
                         .type = PNG_COLOR_TYPE_PALETTE,
                         .rows = (const unsigned char[]){0x18},
                         .row_bytes = 1,
                         .palette = palette,
                         .palette_size = 3},
           (const unsigned char[]){3, 2, 1, 60, 50, 40, 0, 0, 255});
    expect((struct spec){.width = 2,
                         .height = 1,
                         .depth = 8,
                         .type = PNG_COLOR_TYPE_PALETTE,
                         .rows = (const unsigned char[]){1, 2},
                         .row_bytes = 2,
                         .palette = palette,
                         .palette_alpha = alpha,
                         .palette_size = 3},
           (const unsigned char[]){0, 0, 0, 0, 0, 255});
}

/* Sizes around the 8 x 8 tiles of interlacing. */
static void reads_odd_sizes(void **state)
{
    unsigned char rgb[17 * 17 * 3], bgr[sizeof rgb];
    (void)state;
    for (int h = 1; h <= 17; h += 4)
        for (int w = 1; w <= 17; w += 4) {
            for (int i = 0; i < w * h; i++)
                for (int c = 0; c < 3; c++)
                    bgr[3 * i + 2 - c] = rgb[3 * i + c] = (unsigned char)(i * 31 + c * 101);
            expect((struct spec){.width = w,
                                 .height = h,
                                 .depth = 8,
                                 .type = PNG_COLOR_TYPE_RGB,
                                 .rows = rgb,
                                 .row_bytes = (size_t)w * 3},
                   bgr);
        }
}

static const struct spec small = {
    .width = 4,
    .height = 3,
    .depth = 8,
    .type = PNG_COLOR_TYPE_GRAY,
    .rows = (const unsigned char[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
    .row_bytes = 4};

static void refuses_every_cut(void **state)
{
    size_t size;
    char *bytes = encode(&small, &size);
    (void)state;
    for (size_t n = 0; n < size; n++) {
        struct vis_picture p;
        viseme_error err = {0};
        if (parse_exact(&p, bytes, n, NO_LIMIT, &err) != VISEME_ERR_INPUT)
            fail_msg("cut to %zu of %zu bytes: %s", n, size, err.message);
        assert_memory_equal(err.message, "a.png: ", 7);
        assert_null(p.bgr);
    }
    free(bytes);
}

/* One changed byte is an error (checksums), or harmless outside of the picture; never a crash. */
static void survives_every_change(void **state)
{
    size_t size;
    char *bytes = encode(&small, &size);
    int refused = 0;
    (void)state;
    for (size_t n = 0; n < size; n++)
        for (int bit = 0; bit < 8; bit++) {
            struct vis_picture p;
            viseme_error err = {0};
            bytes[n] ^= (char)(1 << bit);
            viseme_status status = parse_exact(&p, bytes, size, 1000, &err);
            refused += status != VISEME_OK;
            assert_true(status == VISEME_OK || status == VISEME_ERR_INPUT ||
                        status == VISEME_ERR_LIMIT);
            assert_true((status == VISEME_OK) == (p.bgr != NULL));
            vis_picture_free(&p);
            bytes[n] ^= (char)(1 << bit);
        }
    assert_true(refused > (int)size * 4);
    free(bytes);
}

static void refuses_large_pictures(void **state)
{
    static const unsigned char row[16385];
    struct vis_picture p;
    viseme_error err;
    size_t size;
    char *bytes = encode(&small, &size);
    (void)state;
    assert_int_equal(parse_exact(&p, bytes, size, 12, &err), VISEME_OK);
    vis_picture_free(&p);
    assert_int_equal(parse_exact(&p, bytes, size, 11, &err), VISEME_ERR_LIMIT);
    assert_non_null(strstr(err.message, "4 x 3 pixels"));
    free(bytes);
    bytes = encode(&(struct spec){.width = 16385,
                                  .height = 1,
                                  .depth = 8,
                                  .type = PNG_COLOR_TYPE_GRAY,
                                  .rows = row,
                                  .row_bytes = 16385},
                   &size);
    assert_int_equal(parse_exact(&p, bytes, size, NO_LIMIT, &err), VISEME_ERR_LIMIT);
    assert_non_null(strstr(err.message, "16384 a side"));
    free(bytes);
}

static void refuses_other_files(void **state)
{
    struct vis_picture p;
    viseme_error err;
    (void)state;
    assert_int_equal(parse_exact(&p, "\xFF\xD8\xFF\xE0 a photograph", 18, NO_LIMIT, &err),
                     VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "not a PNG"));
    assert_int_equal(vis_png_read(&p, scratch_path("none.png"), NO_LIMIT, &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "no such file"));
    assert_int_equal(vis_png_read(&p, scratch_folder(), NO_LIMIT, &err), VISEME_ERR_INPUT);
}

static void writes_what_it_reads(void **state)
{
    unsigned char pixels[5 * 8 * 3], want[5 * 7 * 3];
    const char *path = scratch_path("out.png");
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 37);
    for (int bottom_up = 0; bottom_up < 2; bottom_up++)
        for (int rgb = 0; rgb < 2; rgb++) {
            viseme_image image = {.data = bottom_up ? pixels + 4 * 24 : pixels,
                                  .width = 7,
                                  .height = 5,
                                  .stride = bottom_up ? -24 : 24,
                                  .format = rgb ? VISEME_RGB24 : VISEME_BGR24};
            struct vis_picture p;
            for (int y = 0; y < 5; y++)
                for (int x = 0; x < 7; x++)
                    for (int c = 0; c < 3; c++)
                        want[(y * 7 + x) * 3 + c] =
                            pixels[(bottom_up ? 4 - y : y) * 24 + x * 3 + (rgb ? 2 - c : c)];
            assert_int_equal(vis_png_write(path, &image, NULL), VISEME_OK);
            assert_int_equal(vis_png_read(&p, path, 35, NULL), VISEME_OK);
            assert_int_equal(p.width, 7);
            assert_int_equal(p.height, 5);
            assert_memory_equal(p.bgr, want, sizeof want);
            vis_picture_free(&p);
        }
}

static void refuses_to_write(void **state)
{
    const unsigned char pixel[3] = {0};
    viseme_image image = {.data = pixel, .width = 1, .height = 1, .stride = 3};
    int before = scratch_entries(scratch_folder());
    viseme_error err;
    (void)state;
    assert_int_equal(vis_png_write("/dev/full", &image, &err), VISEME_ERR_OUTPUT);
    assert_int_equal(vis_png_write(scratch_path("no/x.png"), &image, &err), VISEME_ERR_OUTPUT);
    image.width = 0;
    assert_int_equal(vis_png_write(scratch_path("x.png"), &image, &err), VISEME_ERR_ARGUMENT);
    image.width = 16385;
    assert_int_equal(vis_png_write(scratch_path("x.png"), &image, &err), VISEME_ERR_ARGUMENT);
    image.width = 1;
    image.data = NULL;
    assert_int_equal(vis_png_write(scratch_path("x.png"), &image, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(scratch_entries(scratch_folder()), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_grey),
        cmocka_unit_test(reads_colour),
        cmocka_unit_test(lays_alpha_over_black),
        cmocka_unit_test(reads_palettes),
        cmocka_unit_test(reads_odd_sizes),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(survives_every_change),
        cmocka_unit_test(refuses_large_pictures),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
