/* A weights file: safetensors, mapped read-only, every field distrusted. docs/weights-format.md */
#ifndef VIS_ENGINE_WEIGHTS_H
#define VIS_ENGINE_WEIGHTS_H

#include "base/error.h"

#define VIS_WEIGHTS_MAX_HEADER  (16u << 20) /* bytes of JSON */
#define VIS_WEIGHTS_MAX_TENSORS 65536
#define VIS_WEIGHTS_MAX_RANK    8

enum vis_dtype { VIS_F32, VIS_F16, VIS_BF16 };

/* One tensor; `info` is what the public interface shows. */
struct vis_weights_tensor {
    viseme_weights_tensor info;
    enum vis_dtype dtype;
    const unsigned char *data; /* little-endian, at any alignment */
    uint64_t begin, end;       /* in the data section */
    size_t count;              /* elements */
};

/* Opens a regular file. Errors: VISEME_ERR_MODEL, VISEME_ERR_NOMEM. */
viseme_status vis_weights_open(viseme_weights **out, const char *path, viseme_error *err);
/* The same from memory that outlives the object; `name` is for messages. */
viseme_status vis_weights_parse(viseme_weights **out, const void *bytes, size_t size,
                                const char *name, viseme_error *err);

/* What messages call the file. */
const char *vis_weights_name(const viseme_weights *weights);
/* The tensor of that name, or NULL. */
const struct vis_weights_tensor *vis_weights_find(const viseme_weights *weights, const char *name);
/* Tensor i in file order, i < viseme_weights_count(). */
const struct vis_weights_tensor *vis_weights_at(const viseme_weights *weights, size_t i);
/* The data section. */
const unsigned char *vis_weights_data(const viseme_weights *weights, size_t *bytes);

/* dst[i] = element i as float32 (exact for all three types), i < tensor->count. */
void vis_weights_to_f32(float *dst, const struct vis_weights_tensor *tensor);
/* The same of elements first .. first + count - 1, all of them in the tensor. */
void vis_weights_part_to_f32(float *dst, const struct vis_weights_tensor *tensor, size_t first,
                             size_t count);

/* Says that the tensor's bytes will not be wanted soon: a mapped file's pages leave this process,
 * and come back when they are read after all. */
void vis_weights_release(const viseme_weights *weights, const struct vis_weights_tensor *tensor);

#endif
