#include "tasks/word_points.h"

#include <math.h>
#include <string.h>

#include "nets/face_points.h"
#include "tasks/mouth_crop.h"

enum { CONTOUR = 16, IRIS = 5 };

#define IRIS_RADIUS 0.195 /* of the eye's width */

/* Where the mean of the mesh lies in Auto-AVSR's mean face, which is one of LRW: on 34 clips of
 * GRID and 3 rendered ones at most a pixel off; and how large that face is, in pixels to one of
 * LipNet's template. */
static const double mean_centre[2] = {128.7, 124.5};
#define MEAN_SCALE 0.6243

/* The contours of the eyes: the corner on the picture's left, the one on its right, the others. */
static const short eyes[2][CONTOUR] = {
    {33, 133, 7, 163, 144, 145, 153, 154, 155, 173, 157, 158, 159, 160, 161, 246},
    {362, 263, 249, 390, 373, 374, 380, 381, 382, 398, 384, 385, 386, 387, 388, 466}};

static void guess_iris(const float (*mesh)[3], const short *eye, float (*out)[3])
{
    const float *left = mesh[eye[0]], *right = mesh[eye[1]];
    const float x = (float)IRIS_RADIUS * (right[0] - left[0]);
    const float y = (float)IRIS_RADIUS * (right[1] - left[1]);
    const float off[IRIS][2] = {{0, 0}, {x, y}, {y, -x}, {-x, -y}, {-y, x}};
    for (int k = 0; k < 3; k++) {
        float sum = 0;
        for (int i = 0; i < CONTOUR; i++)
            sum += mesh[eye[i]][k];
        for (int i = 0; i < IRIS; i++)
            out[i][k] = sum / CONTOUR + (k < 2 ? off[i][k] : 0);
    }
}

void vis_word_points(const float (*mesh)[3], float (*out)[3])
{
    memcpy(out, mesh, VIS_FACE_POINTS * sizeof *out);
    for (int i = 0; i < 2; i++)
        guess_iris(mesh, eyes[i], out + VIS_FACE_POINTS + i * IRIS);
}

void vis_word_points_place(float *points, size_t frames)
{
    double centre[2] = {0, 0}, scale = 0, known = 0;
    for (size_t t = 0; t < frames; t++) {
        const float(*p)[3] = (const float(*)[3])(points + 3 * VIS_WORD_POINTS * t);
        float marks[VIS_FACE_68][2];
        if (isnan(p[0][0]))
            continue;
        vis_face_68(marks, p);
        const struct vis_affine back = vis_mouth_align((const float(*)[2])marks + VIS_FACE_INNER);
        scale += hypot(back.m[0][0], back.m[1][0]);
        for (int i = 0; i < VIS_FACE_POINTS; i++)
            for (int k = 0; k < 2; k++)
                centre[k] += (double)p[i][k] / VIS_FACE_POINTS;
        known++;
    }
    if (!(scale > 0))
        return;
    const double k = MEAN_SCALE * known / scale;
    for (size_t i = 0; i < frames * 3 * VIS_WORD_POINTS; i++) {
        const double from = i % 3 < 2 ? centre[i % 3] / known : 0;
        const double to = i % 3 < 2 ? mean_centre[i % 3] : 0;
        points[i] = (float)(k * ((double)points[i] - from) + to);
    }
}
