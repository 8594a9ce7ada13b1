#include "nets/face_points.h"

#include <math.h>

enum { RIGHT_EYE_CORNER = 33, LEFT_EYE_CORNER = 263 }; /* outer ones, the subject's */

void vis_face_crop_map(double m[2][3], const struct vis_face_region *region)
{
    const double c = cos((double)region->theta), s = sin((double)region->theta);
    const double half = (double)region->size / 2, step = (double)region->size / (VIS_FACE_CROP - 1);
    m[0][0] = c * step;
    m[0][1] = -s * step;
    m[0][2] = (double)region->x - half * (c - s);
    m[1][0] = s * step;
    m[1][1] = c * step;
    m[1][2] = (double)region->y - half * (s + c);
}

/* The points are scaled by 192 and the crop's last pixel is 191: the mismatch is upstream's. */
void vis_face_points_in_picture(float (*points)[3], const float *raw, const double m[2][3])
{
    for (int i = 0; i < VIS_FACE_POINTS; i++, raw += 3) {
        const double x = (double)raw[0] * VIS_FACE_CROP, y = (double)raw[1] * VIS_FACE_CROP;
        points[i][0] = (float)(m[0][0] * x + m[0][1] * y + m[0][2]);
        points[i][1] = (float)(m[1][0] * x + m[1][1] * y + m[1][2]);
        points[i][2] = raw[2];
    }
}

struct vis_face_region vis_face_region_of_points(const float (*points)[3])
{
    float low[2] = {points[0][0], points[0][1]}, high[2] = {low[0], low[1]};
    for (int i = 1; i < VIS_FACE_POINTS; i++)
        for (int axis = 0; axis < 2; axis++) {
            low[axis] = fminf(low[axis], points[i][axis]);
            high[axis] = fmaxf(high[axis], points[i][axis]);
        }
    const float *right = points[RIGHT_EYE_CORNER], *left = points[LEFT_EYE_CORNER];
    return (struct vis_face_region){
        .x = (low[0] + high[0]) / 2,
        .y = (low[1] + high[1]) / 2,
        .size = 1.5f * fmaxf(high[0] - low[0], high[1] - low[1]),
        .theta = atan2f(left[1] - right[1], left[0] - right[0]),
    };
}

void vis_face_68(float (*out)[2], const float (*points)[3])
{
    static const short from[VIS_FACE_68] = {
        127, 234, 93,  58,  172, 136, 149, 148, 152,                /* outline: right ear to chin */
        377, 378, 365, 397, 288, 323, 454, 356,                     /* chin to left ear */
        70,  63,  105, 66,  107, 336, 296, 334, 293, 300,           /* brows */
        168, 197, 5,   4,   98,  97,  2,   326, 327,                /* nose */
        33,  160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, /* eyes */
        61,  39,  37,  0,   267, 269, 291, 321, 314, 17,  84,  91,  /* outer lips */
        78,  82,  13,  312, 308, 317, 14,  87,                      /* inner lips */
    };
    for (int i = 0; i < VIS_FACE_68; i++) {
        out[i][0] = points[from[i]][0];
        out[i][1] = points[from[i]][1];
    }
}
