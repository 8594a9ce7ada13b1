/* Weights files made by tests: names, shapes and values in, a safetensors file out. */
#ifndef TESTS_SUPPORT_WEIGHTS_FILE_H
#define TESTS_SUPPORT_WEIGHTS_FILE_H

#include <stddef.h>
#include <stdint.h>

struct weights_file;

struct weights_file *weights_file_new(const char *arch);
/* Adds a float32 tensor; the values are drawn from `seed`, scaled by 1 / sqrt(elements of a row),
 * and stay readable through the pointer returned until weights_file_free(). */
const float *weights_file_add(struct weights_file *file, const char *name, int rank,
                              const int *shape, uint32_t seed);
/* One more entry of __metadata__; the value must need no JSON escapes beyond quotes. */
void weights_file_meta(struct weights_file *file, const char *key, const char *value);
/* Writes into a new temporary file; the path lives until weights_file_free(), which removes it. */
const char *weights_file_write(struct weights_file *file);
void weights_file_free(struct weights_file *file);

/* A reproducible number from -1 to 1. */
float test_random(uint32_t *state);

#endif
