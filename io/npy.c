#include "io/npy.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/file.h"
#include "io/output.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arrays are copied as they lie in the file, which is little-endian"
#endif

#define MAX_ELEMENTS (INT64_C(1) << 31)
#define MAX_HEADER   65535u
#define MAX_RANK     8

/* ---- Element types ----------------------------------------------------------------------- */

static float load_f2(const unsigned char *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    int exponent = (h >> 10) & 31, mantissa = h & 1023;
    float value = exponent == 0    ? ldexpf((float)mantissa, -24)
                  : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                   : ldexpf((float)(mantissa + 1024), exponent - 25);
    return h & 0x8000 ? -value : value;
}

#define LOADER(name, type)                                                                         \
    static float name(const unsigned char *p)                                                      \
    {                                                                                              \
        type value;                                                                                \
        memcpy(&value, p, sizeof value);                                                           \
        return (float)value;                                                                       \
    }
LOADER(load_f4, float)
LOADER(load_f8, double)
LOADER(load_u1, uint8_t)
LOADER(load_i1, int8_t)
LOADER(load_i2, int16_t)
LOADER(load_i4, int32_t)
LOADER(load_i8, int64_t)

struct dtype {
    const char *descr;
    size_t bytes;
    float (*load)(const unsigned char *);
};

static const struct dtype dtypes[] = {
    {"<f4", 4, load_f4}, {"<f2", 2, load_f2}, {"<f8", 8, load_f8}, {"|u1", 1, load_u1},
    {"|i1", 1, load_i1}, {"<i2", 2, load_i2}, {"<i4", 4, load_i4}, {"<i8", 8, load_i8},
};

/* ---- The header: a Python dictionary of three entries -------------------------------------- */

struct header {
    const struct dtype *dtype;
    int fortran;
    int rank;
    int64_t shape[MAX_RANK];
};

struct cursor {
    const char *p, *end;
    const char *name; /* of the file */
    viseme_error *err;
};

static viseme_status damaged(const struct cursor *c, const char *what)
{
    return vis_fail(c->err, VISEME_ERR_INPUT, "%s: damaged NPY header: %s", c->name, what);
}

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n'))
        c->p++;
}

static int accept(struct cursor *c, char ch)
{
    skip_space(c);
    if (c->p == c->end || *c->p != ch)
        return 0;
    c->p++;
    return 1;
}

static int accept_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return 0;
    c->p += n;
    return 1;
}

/* A quoted string without escapes; 0 when there is none, or it does not fit. */
static int accept_string(struct cursor *c, char *text, size_t size)
{
    size_t n = 0;
    skip_space(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return 0;
    char quote = *c->p++;
    while (c->p < c->end && *c->p != quote && *c->p != '\\' && n + 1 < size)
        text[n++] = *c->p++;
    text[n] = '\0';
    if (c->p == c->end || *c->p != quote)
        return 0;
    c->p++;
    return 1;
}

static viseme_status parse_dtype(struct cursor *c, struct header *h)
{
    char text[16];
    if (!accept_string(c, text, sizeof text))
        return vis_fail(c->err, VISEME_ERR_INPUT,
                        "%s: is an array of records; save it as one plain array of float32",
                        c->name);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(text, dtypes[i].descr) == 0)
            h->dtype = &dtypes[i];
    if (!h->dtype)
        return vis_fail(c->err, VISEME_ERR_INPUT,
                        "%s: has the dtype '%s'; save it as float32, float16, float64, uint8, "
                        "int8, int16, int32 or int64, little-endian",
                        c->name, text);
    return VISEME_OK;
}

static viseme_status parse_shape(struct cursor *c, struct header *h)
{
    if (!accept(c, '('))
        return damaged(c, "'shape' is not a tuple");
    h->rank = 0;
    while (!accept(c, ')')) {
        int64_t n = 0;
        const char *digits;
        skip_space(c);
        for (digits = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
            if (n <= MAX_ELEMENTS)
                n = n * 10 + (*c->p - '0');
        if (c->p == digits)
            return damaged(c, "'shape' holds something that is not a length");
        if (c->p < c->end && *c->p == 'L') /* as Python 2 wrote it */
            c->p++;
        if (n > MAX_ELEMENTS)
            return vis_fail(c->err, VISEME_ERR_LIMIT, "%s: has more than 2^31 elements", c->name);
        if (h->rank == MAX_RANK)
            return vis_fail(c->err, VISEME_ERR_LIMIT, "%s: has more than %d axes", c->name,
                            MAX_RANK);
        h->shape[h->rank++] = n;
        if (!accept(c, ',')) {
            if (!accept(c, ')'))
                return damaged(c, "'shape' does not end");
            break;
        }
    }
    return VISEME_OK;
}

static viseme_status parse_header(struct cursor *c, struct header *h)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0;

    if (!accept(c, '{'))
        return damaged(c, "it does not start with '{'");
    while (!accept(c, '}')) {
        char key[16];
        int entry;
        viseme_status status = VISEME_OK;
        if (!accept_string(c, key, sizeof key) || !accept(c, ':'))
            return damaged(c, "an entry has no key");
        entry = strcmp(key, "descr") == 0           ? DESCR
                : strcmp(key, "fortran_order") == 0 ? ORDER
                : strcmp(key, "shape") == 0         ? SHAPE
                                                    : 0;
        if (!entry || (seen & entry))
            return damaged(c, "an entry is unknown or there twice");
        seen |= entry;
        if (entry == DESCR)
            status = parse_dtype(c, h);
        else if (entry == SHAPE)
            status = parse_shape(c, h);
        else if (accept_word(c, "True"))
            h->fortran = 1;
        else if (!accept_word(c, "False"))
            status = damaged(c, "'fortran_order' is neither True nor False");
        if (status != VISEME_OK)
            return status;
        if (!accept(c, ',')) {
            if (!accept(c, '}'))
                return damaged(c, "it does not end with '}'");
            break;
        }
    }
    skip_space(c);
    if (c->p != c->end)
        return damaged(c, "something follows the '}'");
    if (seen != (DESCR | ORDER | SHAPE))
        return damaged(c, "one of 'descr', 'fortran_order' and 'shape' is missing");
    return VISEME_OK;
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* Number of elements, or -1 above the limit. Axes of length 0 count as 1 for the limit, so that
 * no product of the other axes can overflow anywhere. */
static int64_t count_elements(int rank, const int64_t *shape)
{
    int64_t product = 1, empty = 0;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || shape[i] > MAX_ELEMENTS)
            return -1;
        empty |= shape[i] == 0;
        product *= shape[i] ? shape[i] : 1; /* at most 2^31 * 2^31 */
        if (product > MAX_ELEMENTS)
            return -1;
    }
    return empty ? 0 : product;
}

static void convert(float *data, int64_t count, const struct header *h, const unsigned char *bytes)
{
    size_t size = h->dtype->bytes;
    int64_t index[MAX_RANK] = {0}, step[MAX_RANK], from = 0;

    if (!h->fortran || h->rank < 2) {
        for (int64_t i = 0; i < count; i++)
            data[i] = h->dtype->load(bytes + (size_t)i * size);
        return;
    }
    step[0] = 1;
    for (int i = 1; i < h->rank; i++)
        step[i] = step[i - 1] * h->shape[i - 1];
    for (int64_t i = 0; i < count; i++) {
        data[i] = h->dtype->load(bytes + (size_t)from * size);
        for (int axis = h->rank - 1; axis >= 0; axis--) {
            from += step[axis];
            if (++index[axis] < h->shape[axis])
                break;
            from -= step[axis] * h->shape[axis];
            index[axis] = 0;
        }
    }
}

/* Finds the header's text between its length field and the data. */
static viseme_status locate_header(struct cursor *c, const unsigned char *bytes, size_t size)
{
    size_t fixed, length;

    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return vis_fail(c->err, VISEME_ERR_INPUT, "%s: is not an NPY file", c->name);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return vis_fail(c->err, VISEME_ERR_INPUT,
                        "%s: is NPY version %d.%d; 1.0, 2.0 and 3.0 can be read", c->name, bytes[6],
                        bytes[7]);
    fixed = bytes[6] == 1 ? 10 : 12;
    if (size < fixed)
        return damaged(c, "the file ends in it");
    length = bytes[8] | (size_t)bytes[9] << 8;
    if (fixed == 12)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > MAX_HEADER)
        return vis_fail(c->err, VISEME_ERR_LIMIT, "%s: its NPY header is longer than %u bytes",
                        c->name, MAX_HEADER);
    if (length > size - fixed)
        return damaged(c, "the file ends in it");
    c->p = (const char *)bytes + fixed;
    c->end = c->p + length;
    return VISEME_OK;
}

viseme_status vis_npy_parse(struct vis_npy *out, const void *bytes, size_t size, const char *name,
                            viseme_error *err)
{
    struct cursor c = {.name = name, .err = err};
    struct header h = {0};
    const unsigned char *data;
    size_t left;
    int64_t count;
    viseme_status status;

    memset(out, 0, sizeof *out);
    status = locate_header(&c, bytes, size);
    if (status != VISEME_OK)
        return status;
    data = (const unsigned char *)c.end;
    left = size - (size_t)(data - (const unsigned char *)bytes);
    status = parse_header(&c, &h);
    if (status != VISEME_OK)
        return status;
    count = count_elements(h.rank, h.shape);
    if (count < 0)
        return vis_fail(err, VISEME_ERR_LIMIT, "%s: has more than 2^31 elements", name);
    if (left != (size_t)count * h.dtype->bytes)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: holds %zu bytes of data where its shape and dtype ask for %zu; it "
                        "is cut short or damaged",
                        name, left, (size_t)count * h.dtype->bytes);
    out->data = malloc(count ? (size_t)count * sizeof(float) : 1);
    if (!out->data)
        return vis_fail_nomem(err, (size_t)count * sizeof(float));
    out->rank = h.rank;
    memcpy(out->shape, h.shape, sizeof out->shape);
    convert(out->data, count, &h, data);
    return VISEME_OK;
}

viseme_status vis_npy_read(struct vis_npy *out, const char *path, viseme_error *err)
{
    void *bytes;
    size_t size;
    viseme_status status;

    memset(out, 0, sizeof *out);
    status = vis_file_read(&bytes, &size, path, (size_t)MAX_ELEMENTS * 8 + MAX_HEADER + 12, err);
    if (status != VISEME_OK)
        return status;
    status = vis_npy_parse(out, bytes, size, path, err);
    free(bytes);
    return status;
}

void vis_npy_free(struct vis_npy *array)
{
    if (array) {
        free(array->data);
        memset(array, 0, sizeof *array);
    }
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* Version 1.0: magic, version, length of the text, text padded with blanks so that the data
 * starts at a multiple of 64 bytes. Returns its length. */
static size_t format_header(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t n = 10, total;
    n +=
        (size_t)snprintf(text + n, size - n, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++)
        n += (size_t)snprintf(text + n, size - n, "%lld%s", (long long)shape[i],
                              rank == 1      ? ","
                              : i + 1 < rank ? ", "
                                             : "");
    n += (size_t)snprintf(text + n, size - n, "), }");
    total = (n + 1 + 63) / 64 * 64;
    memset(text + n, ' ', total - n);
    text[total - 1] = '\n';
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)((total - 10) & 255);
    text[9] = (char)((total - 10) >> 8);
    return total;
}

viseme_status vis_npy_write(const char *path, int rank, const int64_t *shape, const float *data,
                            viseme_error *err)
{
    char header[512]; /* 8 lengths of at most 10 digits leave room to spare */
    struct vis_output *out;
    FILE *stream;
    int64_t count;
    viseme_status status;

    count = rank < 0 || rank > MAX_RANK ? -1 : count_elements(rank, shape);
    if (count < 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: an array of 0 to %d axes and at most 2^31 elements can be written",
                        path, MAX_RANK);
    status = vis_output_open(&out, path, &stream, err);
    if (status != VISEME_OK)
        return status;
    /* A write that fails is remembered by the stream and reported by the commit. */
    fwrite(header, 1, format_header(header, sizeof header, rank, shape), stream);
    fwrite(data, sizeof *data, (size_t)count, stream);
    return vis_output_commit(out, err);
}
