#include "tasks/mouth_crop.h"

#include <math.h>

#include "signal/align.h"
#include "signal/warp.h"
#include "tasks/face_finder.h"

enum {
    WIDTH = VIS_CROP_WIDTH,
    HEIGHT = VIS_CROP_HEIGHT,
    LEFT = VIS_TEMPLATE_LEFT,
    TOP = VIS_TEMPLATE_TOP,
    CUT_WIDTH = VIS_TEMPLATE_WIDTH,
    CUT_HEIGHT = VIS_TEMPLATE_HEIGHT,
    POINTS = VIS_MOUTH_POINTS
};

#define LARGE 2.0 /* pixels of the frame to one of the template */

/* Points 17 to 67 of the 68 of iBUG 300-W in a face of 256 x 256 (LipNet-PyTorch, demo.py). */
static const double template[POINTS][2] = {
    {42.703062, 60.834816},   {55.511415, 49.30816},    {73.57952, 45.866359},
    {92.291413, 48.552806},   {109.806421, 55.874662},  {142.823424, 55.874662},
    {160.338432, 48.552806},  {179.050496, 45.866359},  {197.118464, 49.30816},
    {209.926827, 60.834816},  {126.315008, 77.372075},  {126.315008, 95.062869},
    {126.315008, 112.60672},  {126.315008, 130.666667}, {105.280853, 142.903637},
    {115.376811, 146.661547}, {126.315008, 149.863424}, {137.253035, 146.661547},
    {147.348992, 142.903637}, {63.443115, 79.602859},   {74.602155, 73.174699},
    {88.034133, 73.361408},   {99.772757, 82.215765},   {87.196672, 84.496896},
    {73.854805, 84.322475},   {152.857088, 82.215765},  {164.595712, 73.361408},
    {178.027861, 73.174699},  {189.186731, 79.602859},  {178.77504, 84.322475},
    {165.433173, 84.496896},  {86.041429, 175.826432},  {100.86144, 169.882453},
    {115.858432, 166.807552}, {126.315008, 169.399979}, {136.771413, 166.807552},
    {151.768405, 169.882453}, {166.588416, 175.826432}, {152.261803, 190.260053},
    {137.680384, 196.640768}, {126.315008, 197.850624}, {114.949461, 196.640768},
    {100.368043, 190.260053}, {92.224683, 176.604501},  {115.728384, 175.572651},
    {126.315008, 176.698539}, {136.901461, 175.572651}, {160.405163, 176.604501},
    {137.107456, 183.327061}, {126.315008, 184.627712}, {115.52256, 183.327061}};

struct vis_affine vis_mouth_align(const float (*points)[2])
{
    double p[POINTS][2];
    for (int i = 0; i < POINTS; i++)
        for (int k = 0; k < 2; k++)
            p[i][k] = (double)points[i][k];
    const struct vis_affine m = vis_align_similarity((const double(*)[2])p, template, POINTS);
    return vis_affine_inverse(&m);
}

void vis_mouth_centre(const struct vis_affine *back, double out[2])
{
    vis_affine_apply(back, LEFT + CUT_WIDTH / 2.0, TOP + CUT_HEIGHT / 2.0, out);
}

/* The same map for pixels of the crop, in continuous coordinates on both sides. A turn and a scale
 * is all that it keeps: the fit gives nothing else to upright faces. */
static struct vis_similarity in_one_step(const struct vis_affine *back)
{
    const double k = (double)CUT_WIDTH / WIDTH; /* pixels of the template to one of the crop */
    const double a = back->m[0][0], b = back->m[1][0];
    double corner[2]; /* where the crop's (0, 0) lies */
    vis_affine_apply(back, LEFT - 0.5, TOP - 0.5, corner);
    return (struct vis_similarity){a * k, b * k, corner[0] + 0.5, corner[1] + 0.5};
}

void vis_mouth_crop(const viseme_image *frame, const struct vis_affine *back, uint8_t *crop)
{
    uint8_t cut[CUT_WIDTH * CUT_HEIGHT * 3];
    if (hypot(back->m[0][0], back->m[1][0]) > LARGE) {
        const struct vis_similarity s = in_one_step(back);
        vis_warp_bgr(frame, &s, VIS_BORDER_ZERO, crop, WIDTH, HEIGHT);
        return;
    }
    const struct vis_bytes source = {frame->data, frame->width, frame->height, 3, frame->stride};
    const struct vis_bytes mouth = {cut, CUT_WIDTH, CUT_HEIGHT, 3, (ptrdiff_t)CUT_WIDTH * 3};
    vis_affine_warp(&source, back, LEFT, TOP, cut, CUT_WIDTH, CUT_HEIGHT);
    vis_resize(&mouth, crop, WIDTH, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT && frame->format == VISEME_RGB24; i++) {
        const uint8_t red = crop[3 * i];
        crop[3 * i] = crop[3 * i + 2];
        crop[3 * i + 2] = red;
    }
}
