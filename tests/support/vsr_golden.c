#include "tests/support/vsr_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/data.h"

#define GOLDENS "tests/goldens/syncvsr_preprocess/"
#define LARGE   "../shared/goldens/syncvsr_preprocess/"

struct vis_npy vsr_read(const char *path)
{
    struct vis_npy array = {0};
    viseme_error err = {0};
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

int vsr_golden(const char *name, struct vis_npy *array)
{
    char path[256];
    snprintf(path, sizeof path, GOLDENS "%s.npy", name);
    const char *here = test_repository(path);
    if (access(here, R_OK) != 0) {
        snprintf(path, sizeof path, LARGE "%s.npy", name);
        here = path;
        if (access(here, R_OK) != 0)
            return 0;
    }
    *array = vsr_read(here);
    return 1;
}

struct vis_picture vsr_picture(const char *name)
{
    struct vis_picture picture;
    char path[256];
    viseme_error err;
    snprintf(path, sizeof path, GOLDENS "%s.png", name);
    if (vis_png_read(&picture, test_repository(path), 1 << 20, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return picture;
}
