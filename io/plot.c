#include "io/plot.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

/* Seconds between the pictures that are kept: in the first line, and in the others. */
#define DENSE  0.079
#define SPARSE 0.239

#if !VIS_CAIRO
viseme_status vis_plot_write(FILE *to, const struct vis_plot *plot, const char *name,
                             viseme_error *err)
{
    (void)to;
    (void)plot;
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "%s: this build of viseme draws no plots; build it with cairo", name);
}

const char *vis_plot_version(void)
{
    return NULL;
}
#endif

/* Averages the pixels of `from` that fall on each pixel of `to`. */
static void shrink(struct vis_strip_picture *to, const viseme_image *from)
{
    int swap = from->format == VISEME_RGB24 ? 2 : 0;
    for (int y = 0; y < to->height; y++) {
        int top = (int)((int64_t)y * from->height / to->height);
        int bottom = (int)(((int64_t)y + 1) * from->height / to->height);
        for (int x = 0; x < to->width; x++) {
            int left = (int)((int64_t)x * from->width / to->width);
            int right = (int)(((int64_t)x + 1) * from->width / to->width);
            uint64_t sum[3] = {0}, pixels = 0;
            for (int v = top; v < bottom || v == top; v++)
                for (int u = left; u < right || u == left; u++, pixels++) {
                    const uint8_t *p = from->data + v * from->stride + 3 * (ptrdiff_t)u;
                    for (int c = 0; c < 3; c++)
                        sum[c] += p[c];
                }
            uint8_t *q = to->bgr + 3 * ((size_t)y * (size_t)to->width + (size_t)x);
            for (int c = 0; c < 3; c++)
                q[c] = (uint8_t)((sum[swap ? 2 - c : c] + pixels / 2) / pixels);
        }
    }
}

viseme_status vis_strip_add(struct vis_strip *strip, const viseme_image *image, double time_s,
                            int held, viseme_error *err)
{
    double since = time_s - strip->start_s;
    double every = since < VIS_PLOT_LINE_SECONDS ? DENSE : SPARSE;

    if (strip->count > 0 && (time_s - strip->last_s < every || since > VIS_PLOT_SECONDS))
        return VISEME_OK;
    if (strip->count == strip->room) {
        size_t room = strip->room ? 2 * strip->room : 64;
        struct vis_strip_picture *more = realloc(strip->pictures, room * sizeof *more);
        if (!more)
            return vis_fail_nomem(err, room * sizeof *more);
        strip->pictures = more;
        strip->room = room;
    }
    double width = round((double)image->width * strip->height / image->height);
    struct vis_strip_picture *p = &strip->pictures[strip->count];
    *p = (struct vis_strip_picture){.time_s = time_s, .held = held, .height = strip->height};
    p->width = width < 1 ? 1 : width > 8 * strip->height ? 8 * strip->height : (int)width;
    size_t bytes = (size_t)p->width * (size_t)p->height * 3;
    p->bgr = malloc(bytes);
    if (!p->bgr)
        return vis_fail_nomem(err, bytes);
    shrink(p, image);
    if (strip->count++ == 0)
        strip->start_s = time_s;
    strip->last_s = time_s;
    return VISEME_OK;
}

void vis_strip_free(struct vis_strip *strip)
{
    for (size_t i = 0; i < strip->count; i++)
        free(strip->pictures[i].bgr);
    free(strip->pictures);
    *strip = (struct vis_strip){.height = strip->height};
}
