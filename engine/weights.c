#include "engine/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

struct meta {
    const char *key, *value;
};

struct viseme_weights {
    char *name;
    void *map; /* NULL when the bytes belong to the caller */
    size_t map_bytes;
    const unsigned char *data; /* the data section */
    size_t data_bytes;
    json_t *header; /* owns all names and metadata */
    size_t meta_count;
    struct meta *meta;
    size_t count;
    struct vis_weights_tensor *tensors; /* in file order */
    struct vis_weights_tensor **by_name;
};

static const struct {
    const char *name;
    enum vis_dtype dtype;
    size_t bytes;
} dtypes[] = {{"F32", VIS_F32, 4}, {"F16", VIS_F16, 2}, {"BF16", VIS_BF16, 2}};

#define DTYPES (sizeof dtypes / sizeof *dtypes)

#define BAD(...) vis_fail(err, VISEME_ERR_MODEL, __VA_ARGS__)

static viseme_status read_metadata(viseme_weights *w, json_t *object, viseme_error *err)
{
    if (!json_is_object(object))
        return BAD("%s: __metadata__ is not an object; convert the weights again", w->name);
    w->meta = calloc(json_object_size(object) + 1, sizeof *w->meta);
    if (!w->meta)
        return vis_fail_nomem(err, json_object_size(object) * sizeof *w->meta);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return BAD("%s: __metadata__ entry \"%s\" is not a string; convert the weights again",
                       w->name, key);
        w->meta[w->meta_count++] = (struct meta){key, json_string_value(value)};
    }
    return VISEME_OK;
}

/* Shape, and the number of elements in *count. */
static viseme_status read_shape(const viseme_weights *w, struct vis_weights_tensor *t,
                                json_t *shape, viseme_error *err)
{
    if (!json_is_array(shape))
        return BAD("%s: tensor \"%s\" has no shape", w->name, t->info.name);
    if (json_array_size(shape) > VIS_WEIGHTS_MAX_RANK)
        return BAD("%s: tensor \"%s\" has %zu dimensions, at most %d are supported", w->name,
                   t->info.name, json_array_size(shape), VIS_WEIGHTS_MAX_RANK);
    t->info.rank = (int)json_array_size(shape);
    uint64_t count = 1;
    for (int i = 0; i < t->info.rank; i++) {
        const json_t *d = json_array_get(shape, (size_t)i);
        json_int_t n = json_is_integer(d) ? json_integer_value(d) : -1;
        if (n < 0 || n > INT32_MAX)
            return BAD("%s: tensor \"%s\": dimension %d of the shape is not a whole number from "
                       "0 to 2147483647",
                       w->name, t->info.name, i);
        t->info.shape[i] = n;
        if (__builtin_mul_overflow(count, (uint64_t)n, &count) || count > UINT64_MAX / 8)
            return BAD("%s: tensor \"%s\": the shape overflows", w->name, t->info.name);
    }
    t->count = (size_t)count;
    return VISEME_OK;
}

static viseme_status read_tensor(viseme_weights *w, const char *name, json_t *entry,
                                 viseme_error *err)
{
    struct vis_weights_tensor *t = &w->tensors[w->count];
    t->info.name = name;
    if (!json_is_object(entry))
        return BAD("%s: tensor \"%s\": its header entry is not an object", w->name, name);
    const char *key;
    json_t *value;
    json_object_foreach(
        entry, key, value) if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 &&
                               strcmp(key, "data_offsets") !=
                                   0) return BAD("%s: tensor \"%s\": unknown header field \"%s\"",
                                                 w->name, name, key);

    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype)
        return BAD("%s: tensor \"%s\" has no dtype", w->name, name);
    size_t d = 0;
    while (d < DTYPES && strcmp(dtypes[d].name, dtype) != 0)
        d++;
    if (d == DTYPES)
        return BAD("%s: tensor \"%s\": dtype \"%s\" is not supported; F32, F16 and BF16 are",
                   w->name, name, dtype);
    t->dtype = dtypes[d].dtype;
    t->info.dtype = dtypes[d].name;
    viseme_status status = read_shape(w, t, json_object_get(entry, "shape"), err);
    if (status != VISEME_OK)
        return status;

    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second) ||
        json_integer_value(first) < 0 || json_integer_value(second) < json_integer_value(first))
        return BAD("%s: tensor \"%s\": data_offsets are not two rising whole numbers", w->name,
                   name);
    t->begin = (uint64_t)json_integer_value(first);
    t->end = (uint64_t)json_integer_value(second);
    if (t->end > w->data_bytes)
        return BAD("%s: tensor \"%s\" ends at byte %" PRIu64 " of the data, which has %zu: the "
                   "file is cut short; copy or convert it again",
                   w->name, name, t->end, w->data_bytes);
    if (t->end - t->begin != t->count * dtypes[d].bytes)
        return BAD("%s: tensor \"%s\": its shape needs %" PRIu64 " bytes of %s, its data_offsets "
                   "give %" PRIu64,
                   w->name, name, (uint64_t)t->count * dtypes[d].bytes, dtype, t->end - t->begin);
    t->info.bytes = t->end - t->begin;
    t->data = w->data + t->begin;
    w->count++;
    return VISEME_OK;
}

static int compare_begin(const void *a, const void *b)
{
    const struct vis_weights_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1) : strcmp(x->info.name, y->info.name);
}

static int compare_name(const void *a, const void *b)
{
    const struct vis_weights_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->info.name, (*y)->info.name);
}

/* Tensors must cover the data section without holes and without sharing a byte: a file that
 * hides or doubles bytes was not written by a converter. */
static viseme_status check_cover(const viseme_weights *w, viseme_error *err)
{
    uint64_t at = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct vis_weights_tensor *t = &w->tensors[i];
        if (t->begin < at)
            return BAD("%s: tensor \"%s\" overlaps the one before it", w->name, t->info.name);
        if (t->begin > at)
            return BAD("%s: %" PRIu64 " bytes before tensor \"%s\" belong to no tensor", w->name,
                       t->begin - at, t->info.name);
        at = t->end;
    }
    if (at != w->data_bytes)
        return BAD("%s: %" PRIu64 " bytes at the end belong to no tensor", w->name,
                   w->data_bytes - at);
    return VISEME_OK;
}

static viseme_status read_header(viseme_weights *w, const char *text, size_t bytes,
                                 viseme_error *err)
{
    viseme_status status = vis_json_parse(&w->header, text, bytes, w->name, "the header", err);
    if (status != VISEME_OK)
        return status;
    if (!json_is_object(w->header))
        return BAD("%s: the header is not a JSON object", w->name);
    size_t entries = json_object_size(w->header);
    if (entries > VIS_WEIGHTS_MAX_TENSORS)
        return BAD("%s: %zu tensors, at most %d are supported", w->name, entries,
                   VIS_WEIGHTS_MAX_TENSORS);
    w->tensors = calloc(entries + 1, sizeof *w->tensors);
    w->by_name = calloc(entries + 1, sizeof *w->by_name);
    if (!w->tensors || !w->by_name)
        return vis_fail_nomem(err, entries * sizeof *w->tensors);
    const char *key;
    json_t *value;
    json_object_foreach(w->header, key, value)
    {
        status = strcmp(key, "__metadata__") == 0 ? read_metadata(w, value, err)
                                                  : read_tensor(w, key, value, err);
        if (status != VISEME_OK)
            return status;
    }
    qsort(w->tensors, w->count, sizeof *w->tensors, compare_begin);
    for (size_t i = 0; i < w->count; i++)
        w->by_name[i] = &w->tensors[i];
    qsort(w->by_name, w->count, sizeof *w->by_name, compare_name);
    return check_cover(w, err);
}

/* What people hand over instead of weights, said in words they can act on. */
static const char *lookalike(const unsigned char *b, size_t size)
{
    static const struct {
        const char *magic, *what;
    } known[] = {
        {"PK\3\4", "it is a zip archive, probably a PyTorch checkpoint; convert it with "
                   "weights-tools/convert.py"},
        {"\x80\2", "it is a Python pickle, probably a PyTorch checkpoint; convert it with "
                   "weights-tools/convert.py"},
        {"<!", "it is a web page, not weights; download the file itself"},
        {"<html", "it is a web page, not weights; download the file itself"},
        {"version https://git-lfs", "it is a Git LFS pointer; fetch the file itself with "
                                    "git lfs pull"},
        {"\x89HDF", "it is an HDF5 file; convert it with weights-tools/convert.py"},
        {"GGUF", "it is a GGUF file, which viseme does not read"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= strlen(known[i].magic) &&
            memcmp(b, known[i].magic, strlen(known[i].magic)) == 0)
            return known[i].what;
    return "it is not a safetensors file, or it is damaged";
}

viseme_status vis_weights_parse(viseme_weights **out, const void *bytes, size_t size,
                                const char *name, viseme_error *err)
{
    const unsigned char *b = bytes;
    *out = NULL;
    if (size < 8)
        return BAD("%s: %zu bytes are too few for a weights file", name, size);
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | b[i];
    if (header > VIS_WEIGHTS_MAX_HEADER || header > size - 8 || header < 2 || b[8] != '{')
        return BAD("%s: %s", name,
                   header > size - 8 && header <= VIS_WEIGHTS_MAX_HEADER && size > 8 && b[8] == '{'
                       ? "the file ends inside its header; copy it again"
                       : lookalike(b, size));
    viseme_weights *w = calloc(1, sizeof *w);
    if (!w)
        return vis_fail_nomem(err, sizeof *w);
    viseme_status status = VISEME_OK;
    w->name = strdup(name);
    if (!w->name) {
        status = vis_fail_nomem(err, strlen(name));
        goto fail;
    }
    w->data = b + 8 + header;
    w->data_bytes = size - 8 - (size_t)header;
    status = read_header(w, (const char *)b + 8, (size_t)header, err);
    if (status != VISEME_OK)
        goto fail;
    *out = w;
    return VISEME_OK;
fail:
    viseme_weights_close(w);
    return status;
}

viseme_status vis_weights_open(viseme_weights **out, const char *path, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    void *map = MAP_FAILED;
    struct stat st;
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us */
    if (fd < 0)
        return BAD("%s: cannot open the weights file: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = BAD("%s: not a regular file", path);
        goto done;
    }
    if (st.st_size < 8) {
        status = BAD("%s: %lld bytes are too few for a weights file", path, (long long)st.st_size);
        goto done;
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        status = BAD("%s: cannot map the weights file: %s", path, strerror(errno));
        goto done;
    }
    status = vis_weights_parse(out, map, (size_t)st.st_size, path, err);
    if (status == VISEME_OK) {
        (*out)->map = map;
        (*out)->map_bytes = (size_t)st.st_size;
        map = MAP_FAILED;
    }
done:
    if (map != MAP_FAILED)
        munmap(map, (size_t)st.st_size);
    close(fd);
    return status;
}

void vis_weights_release(const viseme_weights *w, const struct vis_weights_tensor *t)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)t->data + page - 1) / page * page;
    const uintptr_t end = (uintptr_t)(t->data + t->info.bytes) / page * page;
    if (w->map && first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

viseme_status viseme_weights_open(viseme_weights **out, const char *path, viseme_error *err)
{
    return vis_weights_open(out, path, err);
}

void viseme_weights_close(viseme_weights *w)
{
    if (!w)
        return;
    if (w->map)
        munmap(w->map, w->map_bytes);
    json_decref(w->header);
    free(w->meta);
    free(w->tensors);
    free(w->by_name);
    free(w->name);
    free(w);
}

const char *vis_weights_name(const viseme_weights *w)
{
    return w->name;
}

const struct vis_weights_tensor *vis_weights_find(const viseme_weights *w, const char *name)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(w->by_name[mid]->info.name, name);
        if (order == 0)
            return w->by_name[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct vis_weights_tensor *vis_weights_at(const viseme_weights *w, size_t i)
{
    return &w->tensors[i];
}

const unsigned char *vis_weights_data(const viseme_weights *w, size_t *bytes)
{
    *bytes = w->data_bytes;
    return w->data;
}

size_t viseme_weights_count(const viseme_weights *w)
{
    return w->count;
}

const viseme_weights_tensor *viseme_weights_tensor_at(const viseme_weights *w, size_t i)
{
    return i < w->count ? &w->tensors[i].info : NULL;
}

const char *viseme_weights_metadata(const viseme_weights *w, const char *key)
{
    for (size_t i = 0; i < w->meta_count; i++)
        if (strcmp(w->meta[i].key, key) == 0)
            return w->meta[i].value;
    return NULL;
}

int viseme_weights_metadata_at(const viseme_weights *w, size_t i, const char **key,
                               const char **value)
{
    if (i >= w->meta_count)
        return 0;
    *key = w->meta[i].key;
    *value = w->meta[i].value;
    return 1;
}
