#include "io/sync_plot.h"

#include "base/error.h"

#if !VIS_CAIRO
viseme_status vis_sync_plot_write(FILE *to, const struct vis_sync_plot *plot, const char *name,
                                  viseme_error *err)
{
    (void)to;
    (void)plot;
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "%s: this build of viseme draws no plots; build it with cairo", name);
}
#endif
