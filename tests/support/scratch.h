/* A folder of this test program's own under $TMPDIR, removed with all it holds when the program
 * ends. Paths live until the end of the program. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stddef.h>

const char *scratch_folder(void);
/* The path of `name` in the folder; nothing is created. */
const char *scratch_path(const char *name);
/* Writes a file and gives its path. */
const char *scratch_write(const char *name, const void *bytes, size_t size);
/* The whole of a file, followed by a zero byte; free() it. NULL when it cannot be read. */
char *scratch_read(const char *path, size_t *size);
/* Number of entries in the folder `path`. */
int scratch_entries(const char *path);

#endif
