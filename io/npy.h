/* NumPy's .npy files: float32 arrays in and out. Format: numpy.lib.format, versions 1.0 to 3.0. */
#ifndef VIS_IO_NPY_H
#define VIS_IO_NPY_H

#include "viseme.h"

struct vis_npy {
    int rank; /* 0 to 8 */
    int64_t shape[8];
    float *data; /* row-major; owned, free with vis_npy_free() */
};

/* Reads a file of dtype <f4, <f2, <f8, |u1, |i1, <i2, <i4 or <i8 (converted to float32), C or
 * Fortran order; the file must end where the array ends. Returns VISEME_OK, VISEME_ERR_INPUT,
 * VISEME_ERR_LIMIT (more than 2^31 elements) or VISEME_ERR_NOMEM. */
viseme_status vis_npy_read(struct vis_npy *out, const char *path, viseme_error *err);
/* The same from memory; `name` is for messages. */
viseme_status vis_npy_parse(struct vis_npy *out, const void *bytes, size_t size, const char *name,
                            viseme_error *err);
void vis_npy_free(struct vis_npy *array);

/* Writes float32, C order, version 1.0, through vis_output ("-" is standard output).
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (rank, shape), VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_npy_write(const char *path, int rank, const int64_t *shape, const float *data,
                            viseme_error *err);

#endif
