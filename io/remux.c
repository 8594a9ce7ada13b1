#include "io/remux.h"

#include <math.h>
#include <sys/stat.h>

#include "base/error.h"
#include "io/remux_copy.h"

#define MAX_DELAY   3600.0
#define MAX_STRETCH 0.1 /* more or less than 1 */

#if !VIS_FFMPEG
viseme_status vis_remux_copy(const char *in, const char *out, const struct vis_remux_line *line,
                             struct vis_remux_done *done, viseme_error *err)
{
    (void)out;
    (void)line;
    (void)done;
    return vis_fail(err, VISEME_ERR_INPUT,
                    "%s: this build of viseme copies no videos; build it with FFmpeg", in);
}
#endif

viseme_status vis_remux(const char *in, const char *out, const struct vis_remux_line *line,
                        struct vis_remux_done *done, viseme_error *err)
{
    struct stat a, b;
    *done = (struct vis_remux_done){0};
    if (!(fabs(line->delay_s) <= MAX_DELAY))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: sound can be shifted by up to %g s, not by %g s", in, MAX_DELAY,
                        line->delay_s);
    if (!(fabs(line->stretch - 1) <= MAX_STRETCH))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: the speed of sound can be changed by up to %g %%, not to %g times", in,
                        100 * MAX_STRETCH, 1 / line->stretch);
    if (stat(in, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: is the input itself; name another file for the output", out);
    return vis_remux_copy(in, out, line, done, err);
}
