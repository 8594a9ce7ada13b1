#include "io/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/file.h"
#include "io/output.h"

#define MAX_SIDE  16384 /* of a viseme_image */
#define MAX_BYTES ((size_t)1 << 30)

/* libpng reports errors by longjmp(). Everything that lives across one is kept in these structs,
 * reached through a pointer, and never in local variables, whose values a jump may lose. */

/* ---- Reading ----------------------------------------------------------------------------- */

struct reader {
    png_structp png;
    png_infop info;
    const unsigned char *next; /* what is left of the file */
    size_t left;
    uint64_t max_pixels;
    uint64_t width, height;
    int too_large, no_memory;
    unsigned char *pixels; /* [height width channels] */
    png_bytep *rows;
    size_t channels;
    char reason[96];
};

static void reader_error(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    snprintf(r->reason, sizeof r->reason, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void reader_take(png_structp png, png_bytep to, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->left)
        png_error(png, "the file is cut short");
    memcpy(to, r->next, n);
    r->next += n;
    r->left -= n;
}

/* Asks for 8-bit B G R, or B G R A where the picture has any transparency. */
static void set_transforms(struct reader *r)
{
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_gray_to_rgb(r->png);
    png_set_bgr(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
}

/* Reads up to the pixels: 1 when r->width and r->height are allowed. */
static int read_start(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return 0;
    png_set_read_fn(r->png, r, reader_take);
    /* Only what makes pixels is looked at: no profiles, no texts, no gamma. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    r->too_large =
        r->width > MAX_SIDE || r->height > MAX_SIDE || r->width * r->height > r->max_pixels;
    if (r->too_large)
        return 0;
    set_transforms(r);
    return 1;
}

static int read_pixels(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return 0;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, NULL);
    return 1;
}

static int allocate(struct reader *r)
{
    size_t stride = r->width * r->channels;
    r->pixels = malloc(stride * r->height);
    r->rows = malloc(r->height * sizeof *r->rows);
    if (!r->pixels || !r->rows)
        return 0;
    for (size_t y = 0; y < r->height; y++)
        r->rows[y] = r->pixels + y * stride;
    return 1;
}

/* B G R A to B G R over black, in place. */
static void drop_alpha(unsigned char *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned a = pixels[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            pixels[3 * i + c] = (unsigned char)((pixels[4 * i + c] * a + 127) / 255);
    }
}

viseme_status vis_png_parse(struct vis_picture *out, const void *bytes, size_t size,
                            const char *name, uint64_t max_pixels, viseme_error *err)
{
    struct reader r = {.next = bytes, .left = size, .max_pixels = max_pixels};
    viseme_status status = VISEME_OK;

    memset(out, 0, sizeof *out);
    if (size < 8 || png_sig_cmp(bytes, 0, 8) != 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: is not a PNG picture", name);
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, reader_error, ignore_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info) {
        status = vis_fail_nomem(err, sizeof r);
        goto fail;
    }
    if (!read_start(&r))
        goto damaged;
    if (!allocate(&r)) {
        status = vis_fail_nomem(err, r.width * r.height * r.channels);
        goto fail;
    }
    if (!read_pixels(&r))
        goto damaged;
    if (r.channels == 4) {
        unsigned char *smaller;
        drop_alpha(r.pixels, r.width * r.height);
        smaller = realloc(r.pixels, r.width * r.height * 3);
        r.pixels = smaller ? smaller : r.pixels;
    }
    out->width = (int)r.width;
    out->height = (int)r.height;
    out->bgr = r.pixels;
    r.pixels = NULL;
    goto fail;
damaged:
    if (r.too_large)
        status = vis_fail(err, VISEME_ERR_LIMIT,
                          "%s: is %llu x %llu pixels, above the limit of %llu pixels and %d a side",
                          name, (unsigned long long)r.width, (unsigned long long)r.height,
                          (unsigned long long)max_pixels, MAX_SIDE);
    else
        status = vis_fail(err, VISEME_ERR_INPUT, "%s: damaged PNG picture: %s", name, r.reason);
fail:
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    free(r.pixels);
    return status;
}

viseme_status vis_png_read(struct vis_picture *out, const char *path, uint64_t max_pixels,
                           viseme_error *err)
{
    void *bytes;
    size_t size;
    viseme_status status;

    memset(out, 0, sizeof *out);
    status = vis_file_read(&bytes, &size, path, MAX_BYTES, err);
    if (status != VISEME_OK)
        return status;
    status = vis_png_parse(out, bytes, size, path, max_pixels, err);
    free(bytes);
    return status;
}

void vis_picture_free(struct vis_picture *picture)
{
    if (picture) {
        free(picture->bgr);
        memset(picture, 0, sizeof *picture);
    }
}

/* ---- Writing ----------------------------------------------------------------------------- */

struct writer {
    png_structp png;
    png_infop info;
    const viseme_image *image;
    char reason[96];
};

static void writer_error(png_structp png, png_const_charp message)
{
    struct writer *w = png_get_error_ptr(png);
    snprintf(w->reason, sizeof w->reason, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static int write_picture(struct writer *w, FILE *stream)
{
    const viseme_image *image = w->image;

    if (setjmp(png_jmpbuf(w->png)))
        return 0;
    png_init_io(w->png, stream);
    png_set_IHDR(w->png, w->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    if (image->format == VISEME_BGR24)
        png_set_bgr(w->png);
    for (int y = 0; y < image->height; y++)
        png_write_row(w->png, image->data + y * image->stride);
    png_write_end(w->png, w->info);
    return 1;
}

viseme_status vis_png_write(const char *path, const viseme_image *image, viseme_error *err)
{
    struct writer w = {.image = image};
    struct vis_output *out = NULL;
    FILE *stream;
    viseme_status status;

    if (!image->data || image->width < 1 || image->width > MAX_SIDE || image->height < 1 ||
        image->height > MAX_SIDE)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: a picture of 1 to %d pixels a side can be written", path, MAX_SIDE);
    status = vis_output_open(&out, path, &stream, err);
    if (status != VISEME_OK)
        return status;
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, writer_error, ignore_warning);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    if (!w.info)
        status = vis_fail_nomem(err, sizeof w);
    else if (!write_picture(&w, stream))
        status = vis_fail(err, VISEME_ERR_OUTPUT, "%s: the picture could not be written (%s)", path,
                          w.reason);
    png_destroy_write_struct(&w.png, &w.info);
    if (status == VISEME_OK)
        return vis_output_commit(out, err);
    vis_output_abort(out);
    return status;
}
