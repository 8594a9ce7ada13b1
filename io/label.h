/* A line of text to be pasted into pictures. */
#ifndef VIS_IO_LABEL_H
#define VIS_IO_LABEL_H

#include "viseme.h"

/* Draws `text` (UTF-8) in white on a dark, translucent ground, for the lower left corner of a
 * picture of width x height pixels: a twentieth of its height, smaller where it would not fit.
 * patch->bgr is the caller's to free() and holds the mask, too.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (nothing to draw, no room for it, a build without cairo)
 * or VISEME_ERR_NOMEM. */
viseme_status vis_label_draw(viseme_patch *patch, const char *text, int width, int height,
                             viseme_error *err);

#endif
