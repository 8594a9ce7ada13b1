#include "tasks/dub_patch.h"

#include <math.h>
#include <string.h>

#include "signal/resize.h"
#include "tasks/dub_net.h"

enum { SIDE = VIS_DUB_SIDE };

/* Where the mask of the lower face begins and ends to fade, in shares of the box: between the eyes
 * and the nose, at the cheeks, below the chin. */
#define TOP_OUT    0.38
#define TOP_IN     0.54
#define BOTTOM_IN  0.90
#define BOTTOM_OUT 0.98
#define SIDE_OUT   0.02
#define SIDE_IN    0.17
#define CHIN       0.60 /* from here on the sides come closer, */
#define CHIN_INSET 0.10 /* by this much at the bottom */

#define FOLLOW    0.3  /* of a new frame's colours in those that are used */
#define MAX_SHIFT 40.0 /* grey levels */
#define STIFFNESS 0.02 /* of the planes, so that a narrow ring does not tilt them */

static void swap_red_and_blue(uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++, pixels += 3) {
        const uint8_t red = pixels[0];
        pixels[0] = pixels[2];
        pixels[2] = red;
    }
}

void vis_dub_cut(const viseme_image *frame, struct vis_box box, uint8_t *face)
{
    const struct vis_bytes part = {.data = frame->data + box.y0 * frame->stride + 3 * box.x0,
                                   .width = box.x1 - box.x0,
                                   .height = box.y1 - box.y0,
                                   .channels = 3,
                                   .stride = frame->stride};
    vis_resize(&part, face, SIDE, SIDE);
    if (frame->format == VISEME_RGB24)
        swap_red_and_blue(face, (size_t)SIDE * SIDE);
}

size_t vis_dub_patch_bytes(struct vis_box box)
{
    return 4 * (size_t)(box.x1 - box.x0) * (size_t)(box.y1 - box.y0);
}

/* ---- The mask ------------------------------------------------------------------------------ */

static double step(double low, double high, double x)
{
    const double t = fmin(fmax((x - low) / (high - low), 0), 1);
    return t * t * (3 - 2 * t);
}

static double mask_down(double v)
{
    return step(TOP_OUT, TOP_IN, v) * (1 - step(BOTTOM_IN, BOTTOM_OUT, v));
}

static double mask_across(double u, double v)
{
    const double inset = CHIN_INSET * step(CHIN, 1, v);
    return step(SIDE_OUT + inset, SIDE_IN + inset, fmin(u, 1 - u));
}

static void fill_mask(uint8_t *mask, int width, int height, double weight)
{
    for (int y = 0; y < height; y++) {
        const double v = (y + 0.5) / height, down = 255 * weight * mask_down(v);
        for (int x = 0; x < width; x++)
            *mask++ = (uint8_t)lrint(down * mask_across((x + 0.5) / width, v));
    }
}

/* ---- Colours ------------------------------------------------------------------------------- */

/* Solves the 3 x 3 system a x = b, symmetric and positive definite, by Cramer's rule. */
static void solve(const double a[3][3], const double b[3], double x[3])
{
    double m[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int p = (i + 1) % 3, q = (i + 2) % 3, r = (j + 1) % 3, s = (j + 2) % 3;
            m[j][i] = a[p][r] * a[q][s] - a[p][s] * a[q][r];
        }
    const double det = a[0][0] * m[0][0] + a[0][1] * m[1][0] + a[0][2] * m[2][0];
    for (int i = 0; i < 3; i++)
        x[i] = det > 0 ? (m[i][0] * b[0] + m[i][1] * b[1] + m[i][2] * b[2]) / det : 0;
}

/* Fits the planes to what the two faces differ by in the ring where the mask fades. */
static void match_colours(struct vis_colour_match *match, const uint8_t *was, const uint8_t *made)
{
    double a[3][3] = {{0}}, b[3][3] = {{0}};
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double u = (x + 0.5) / SIDE, v = (y + 0.5) / SIDE;
            const double mask = mask_down(v) * mask_across(u, v), w = 4 * mask * (1 - mask);
            const double base[3] = {1, u - 0.5, v - 0.5};
            const ptrdiff_t at = 3 * ((ptrdiff_t)y * SIDE + x);
            if (w == 0)
                continue;
            for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 3; j++)
                    a[i][j] += w * base[i] * base[j];
                for (int c = 0; c < 3; c++)
                    b[c][i] += w * base[i] * (was[at + c] - made[at + c]);
            }
        }
    a[1][1] += STIFFNESS * a[0][0];
    a[2][2] += STIFFNESS * a[0][0];
    for (int c = 0; c < 3; c++) {
        double now[3];
        solve(a, b[c], now);
        for (int i = 0; i < 3; i++)
            match->c[c][i] += (match->started ? FOLLOW : 1) * (now[i] - match->c[c][i]);
    }
    match->started = 1;
}

static void apply_match(const struct vis_colour_match *match, const uint8_t *made, uint8_t *out)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++, made++, out++) {
                const double *p = match->c[c];
                const double shift =
                    p[0] + p[1] * ((x + 0.5) / SIDE - 0.5) + p[2] * ((y + 0.5) / SIDE - 0.5);
                const double value = *made + fmin(fmax(shift, -MAX_SHIFT), MAX_SHIFT);
                *out = (uint8_t)lrint(fmin(fmax(value, 0), 255));
            }
}

/* ---- Patches ------------------------------------------------------------------------------- */

void vis_dub_patch(viseme_patch *patch, uint8_t *memory, struct vis_box box, const uint8_t *was,
                   const uint8_t *made, double weight, struct vis_colour_match *match)
{
    const int width = box.x1 - box.x0, height = box.y1 - box.y0;
    uint8_t *mask = memory + 3 * (size_t)width * (size_t)height;
    uint8_t matched[VIS_DUB_FACE_BYTES];
    struct vis_bytes face = {
        .data = made, .width = SIDE, .height = SIDE, .channels = 3, .stride = 3 * SIDE};

    if (match) {
        match_colours(match, was, made);
        apply_match(match, made, matched);
        face.data = matched;
        fill_mask(mask, width, height, weight);
    } else {
        memset(mask, 255, (size_t)width * (size_t)height);
    }
    vis_resize(&face, memory, width, height);
    *patch = (viseme_patch){
        .x = box.x0, .y = box.y0, .width = width, .height = height, .bgr = memory, .mask = mask};
}

void vis_dub_cut_pasted(const viseme_image *frame, struct vis_box box, const viseme_patch *patch,
                        uint8_t *scratch, uint8_t *face)
{
    const size_t width = (size_t)patch->width;
    for (int y = 0; y < patch->height; y++) {
        const uint8_t *from = frame->data + (patch->y + y) * frame->stride + 3 * patch->x;
        uint8_t *row = scratch + 3 * width * (size_t)y;
        memcpy(row, from, 3 * width);
        if (frame->format == VISEME_RGB24)
            swap_red_and_blue(row, width);
        for (size_t x = 0; x < 3 * width; x++) {
            const size_t at = 3 * width * (size_t)y + x;
            const int mask = patch->mask[at / 3];
            row[x] = (uint8_t)((row[x] * (255 - mask) + patch->bgr[at] * mask + 127) / 255);
        }
    }
    const viseme_image part = {scratch, patch->width, patch->height, 3 * (ptrdiff_t)width,
                               VISEME_BGR24};
    vis_dub_cut(&part,
                (struct vis_box){box.x0 - patch->x, box.y0 - patch->y, box.x1 - patch->x,
                                 box.y1 - patch->y},
                face);
}
