/* Files that tests/make_data.py wrote beside the test programs. */
#ifndef TESTS_SUPPORT_DATA_H
#define TESTS_SUPPORT_DATA_H

/* The path of a file of <build>/tests/data; lives until the next call. */
const char *test_data(const char *name);
/* The path of a file of the repository, such as "weights/lipnet.safetensors"; likewise. */
const char *test_repository(const char *name);

#endif
