#include "io/label.h"

#include "base/error.h"

#if !VIS_CAIRO
viseme_status vis_label_draw(viseme_patch *patch, const char *text, int width, int height,
                             viseme_error *err)
{
    (void)text;
    (void)width;
    (void)height;
    *patch = (viseme_patch){0};
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "this build of viseme draws no text; build it with cairo");
}
#endif
