/* Marks on a copy of a frame: where the face and the mouth are. */
#ifndef VIS_CLI_DRAW_H
#define VIS_CLI_DRAW_H

#include "io/png.h"

/* Copies a frame in either byte order to *out (BGR; free with vis_picture_free()).
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_draw_copy(struct vis_picture *out, const viseme_image *frame, viseme_error *err);
/* Draws the box and a cross at the mouth; what lies outside the picture is left out. */
void vis_draw_face(struct vis_picture *picture, const viseme_face *face);

#endif
