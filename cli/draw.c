#include "cli/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const uint8_t green[3] = {0, 255, 0}, red[3] = {0, 0, 255}; /* B G R */

viseme_status vis_draw_copy(struct vis_picture *out, const viseme_image *frame, viseme_error *err)
{
    size_t row = 3 * (size_t)frame->width, bytes = row * (size_t)frame->height;
    *out = (struct vis_picture){frame->width, frame->height, malloc(bytes)};
    if (!out->bgr)
        return vis_fail_nomem(err, bytes);
    for (int y = 0; y < frame->height; y++)
        memcpy(out->bgr + (size_t)y * row, frame->data + y * frame->stride, row);
    for (size_t i = 0; frame->format == VISEME_RGB24 && i < bytes; i += 3) {
        uint8_t first = out->bgr[i];
        out->bgr[i] = out->bgr[i + 2];
        out->bgr[i + 2] = first;
    }
    return VISEME_OK;
}

/* Fills columns left .. right of rows top .. bottom, ends included. */
static void fill(struct vis_picture *p, int left, int top, int right, int bottom,
                 const uint8_t *colour)
{
    left = left < 0 ? 0 : left;
    top = top < 0 ? 0 : top;
    right = right >= p->width ? p->width - 1 : right;
    bottom = bottom >= p->height ? p->height - 1 : bottom;
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++)
            memcpy(p->bgr + 3 * ((size_t)y * (size_t)p->width + (size_t)x), colour, 3);
}

/* Rounds a coordinate and keeps it where sums of coordinates cannot overflow. */
static int place(double v)
{
    return !(v > -1e6) ? -1000000 : v > 1e6 ? 1000000 : (int)lround(v);
}

void vis_draw_face(struct vis_picture *picture, const viseme_face *face)
{
    int thick = picture->width / 360 + 1, arm = 4 * thick;
    int left = place(face->x), top = place(face->y);
    int right = place(face->x + face->width), bottom = place(face->y + face->height);
    int x = place(face->mouth_x), y = place(face->mouth_y);
    fill(picture, left, top, right, top + thick - 1, green);
    fill(picture, left, bottom - thick + 1, right, bottom, green);
    fill(picture, left, top, left + thick - 1, bottom, green);
    fill(picture, right - thick + 1, top, right, bottom, green);
    fill(picture, x - arm, y, x + arm, y + thick - 1, red);
    fill(picture, x, y - arm, x + thick - 1, y + arm, red);
}
