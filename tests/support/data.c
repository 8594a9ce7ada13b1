#include "tests/support/data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *test_data(const char *name)
{
    static char path[PATH_MAX + 256];
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        abort();
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/data/%s", self, name);
    return path;
}

const char *test_repository(const char *name) /* tests run in the repository's root */
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "./%s", name);
    return path;
}
