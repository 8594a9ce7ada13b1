/* The golden of mouth crops, tests/goldens/syncvsr_preprocess, and what is only beside this
 * repository. */
#ifndef TESTS_SUPPORT_VSR_GOLDEN_H
#define TESTS_SUPPORT_VSR_GOLDEN_H

#include "io/npy.h"
#include "io/png.h"

/* Reads a file; the test fails if it cannot be read. */
struct vis_npy vsr_read(const char *path);
/* The array of that name from this repository, or where it is not here from beside it. 0: it is
 * nowhere. */
int vsr_golden(const char *name, struct vis_npy *array);
/* The picture of that name; the test fails if it is not here. */
struct vis_picture vsr_picture(const char *name);

#endif
