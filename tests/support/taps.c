#include "tests/support/taps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/npy.h"
#include "tests/support/data.h"

static struct vis_npy load(const char *net, const char *module, const char *what)
{
    struct vis_npy array;
    viseme_error err;
    char name[128];
    snprintf(name, sizeof name, "%s.%s.%s.npy", net, module, what);
    if (vis_npy_read(&array, test_data(name), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

int taps_have(const char *net, const char *module)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s.first64.npy", net, module);
    return access(test_data(name), R_OK) == 0;
}

/* Element p of [N T C H W]. */
static double element(const struct vis_value *v, const float *data, size_t p)
{
    static const int order[VIS_AXES] = {VIS_W, VIS_H, VIS_C, VIS_T, VIS_N}; /* innermost first */
    ptrdiff_t offset = 0;
    for (int i = 0; i < VIS_AXES; i++) {
        const size_t n = (size_t)v->dim[order[i]];
        offset += (ptrdiff_t)(p % n) * v->stride[order[i]];
        p /= n;
    }
    return (double)data[offset];
}

int taps_check(const char *net, const char *module, const struct vis_value *v, const float *data,
               int activated, double share)
{
    if (!taps_have(net, module))
        return 0;
    struct vis_npy first = load(net, module, "first64"), mean = load(net, module, "mean");
    struct vis_npy deviation = load(net, module, "std");
    const double within = share * ((double)deviation.data[0] + fabs((double)mean.data[0]));
    const size_t known = (size_t)first.shape[0];
    size_t count = 1;
    double sum = 0;
    for (int i = 0; i < VIS_AXES; i++)
        count *= (size_t)v->dim[i];
    for (size_t p = 0; p < count; p++) {
        const double got = element(v, data, p), want = p < known ? (double)first.data[p] : got;
        sum += got;
        if (!(activated && want < 0) && !(fabs(got - want) <= within))
            fail_msg("first diverging node: %s %s, element %zu is %.8g, want %.8g", net, module, p,
                     got, want);
    }
    sum /= (double)count;
    if (!activated && !(fabs(sum - (double)mean.data[0]) <= within))
        fail_msg("first diverging node: %s %s, mean is %.8g, want %.8g", net, module, sum,
                 (double)mean.data[0]);
    vis_npy_free(&first);
    vis_npy_free(&mean);
    vis_npy_free(&deviation);
    return 1;
}
