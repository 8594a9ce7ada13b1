#include "tests/support/weights_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tensor {
    float *data;
    size_t bytes;
};

struct weights_file {
    json_t *header, *meta;
    size_t count, bytes;
    struct tensor tensors[128];
    char path[64];
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

float test_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state * (1.0f / 2147483648.0f);
}

struct weights_file *weights_file_new(const char *arch)
{
    struct weights_file *f = must(calloc(1, sizeof *f));
    f->header = must(json_object());
    f->meta = must(json_object());
    weights_file_meta(f, "viseme.format", "1");
    weights_file_meta(f, "viseme.arch", arch);
    return f;
}

void weights_file_meta(struct weights_file *f, const char *key, const char *value)
{
    json_object_set_new(f->meta, key, must(json_string(value)));
}

const float *weights_file_add(struct weights_file *f, const char *name, int rank, const int *shape,
                              uint32_t seed)
{
    size_t count = 1;
    json_t *dims = must(json_array());
    for (int i = 0; i < rank; i++) {
        count *= (size_t)shape[i];
        json_array_append_new(dims, json_integer(shape[i]));
    }
    struct tensor *t = &f->tensors[f->count++];
    t->bytes = count * sizeof(float);
    t->data = must(malloc(t->bytes));
    float scale = rank > 1 ? 1.0f / sqrtf((float)count / (float)shape[0]) : 0.1f;
    for (size_t i = 0; i < count; i++)
        t->data[i] = scale * test_random(&seed);
    json_object_set_new(f->header, name,
                        json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", dims,
                                  "data_offsets", (json_int_t)f->bytes,
                                  (json_int_t)(f->bytes + t->bytes)));
    f->bytes += t->bytes;
    return t->data;
}

const char *weights_file_write(struct weights_file *f)
{
    json_object_set(f->header, "__metadata__", f->meta);
    char *text = must(json_dumps(f->header, JSON_COMPACT));
    uint64_t length = strlen(text);
    strcpy(f->path, "/tmp/viseme-test-XXXXXX");
    FILE *out = must(fdopen(mkstemp(f->path), "wb"));
    fwrite(&length, sizeof length, 1, out); /* little-endian machines */
    fwrite(text, 1, length, out);
    for (size_t i = 0; i < f->count; i++)
        fwrite(f->tensors[i].data, 1, f->tensors[i].bytes, out);
    if (fclose(out) != 0)
        abort();
    free(text);
    return f->path;
}

void weights_file_free(struct weights_file *f)
{
    if (f->path[0])
        unlink(f->path);
    for (size_t i = 0; i < f->count; i++)
        free(f->tensors[i].data);
    json_decref(f->header);
    json_decref(f->meta);
    free(f);
}
