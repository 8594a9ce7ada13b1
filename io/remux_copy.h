/* The part of io/remux.h that needs FFmpeg. Internal to io. */
#ifndef VIS_IO_REMUX_COPY_H
#define VIS_IO_REMUX_COPY_H

#include "io/remux.h"

/* vis_remux() with its arguments checked. */
viseme_status vis_remux_copy(const char *in, const char *out, const struct vis_remux_line *line,
                             struct vis_remux_done *done, viseme_error *err);

#endif
