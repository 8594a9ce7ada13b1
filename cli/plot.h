/* What `viseme read --plot` keeps while it reads, and the picture it makes of it. */
#ifndef VIS_CLI_PLOT_H
#define VIS_CLI_PLOT_H

#include "base/error.h"
#include "io/output.h"
#include "io/plot.h"

struct vis_plotting {
    const char *path; /* NULL: nothing is kept */
    struct vis_output *output;
    FILE *to;
    struct vis_strip frames, crops;
    struct vis_plot_face *faces;
    size_t face_count, face_room;
    int frame_width, frame_height; /* of the last frame */
    viseme_status status;          /* of the first failure, which vis_plotting_write() reports */
};

/* Opens the output, so that a path that cannot be written is known before the work; path NULL: no
 * plot is wanted. Returns VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_plotting_start(struct vis_plotting *p, const char *path, viseme_error *err);
void vis_plotting_frame(struct vis_plotting *p, const viseme_image *frame, double time_s);
void vis_plotting_crop(struct vis_plotting *p, const viseme_crop *crop);
/* Draws what a finished reader has read of `input`.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (a build without cairo), VISEME_ERR_OUTPUT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_plotting_write(struct vis_plotting *p, const char *input,
                                 const viseme_reader *reader, const viseme_model *model,
                                 viseme_error *err);
/* Throws away what is not written. */
void vis_plotting_free(struct vis_plotting *p);

#endif
