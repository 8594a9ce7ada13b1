#include "tests/support/drawn_face.h"

#include <math.h>
#include <stdlib.h>

/* Rectangles in twentieths of the face: x, y, width, height, grey level. */
static const double parts[][5] = {
    {-2, -2, 24, 24, 190}, {4, 6, 4, 3, 50},  {12, 6, 4, 3, 60},
    {9, 8, 2, 4, 160},     {6, 15, 8, 2, 40}, {3, 1, 14, 1, 150},
};

const char drawn_cascade[] =
    "<?xml version=\"1.0\"?><opencv_storage><cascade><stageType>BOOST</stageType>"
    "<featureType>HAAR</featureType><height>20</height><width>20</width><stageNum>2</stageNum>"
    "<stages><_><maxWeakCount>2</maxWeakCount><stageThreshold>1.5</stageThreshold>"
    "<weakClassifiers>"
    "<_><internalNodes>0 -1 0 -0.12</internalNodes><leafValues>1 0</leafValues></_>"
    "<_><internalNodes>0 -1 1 -0.12</internalNodes><leafValues>1 0</leafValues></_>"
    "</weakClassifiers></_>"
    "<_><maxWeakCount>2</maxWeakCount><stageThreshold>1.5</stageThreshold><weakClassifiers>"
    "<_><internalNodes>0 -1 2 0.05</internalNodes><leafValues>0 1</leafValues></_>"
    "<_><internalNodes>0 -1 3 -0.12</internalNodes><leafValues>1 0</leafValues></_>"
    "</weakClassifiers></_></stages><features>"
    "<_><rects><_>2 4 8 7 -1.</_><_>4 6 4 3 4.6666667</_></rects></_>"
    "<_><rects><_>10 4 8 7 -1.</_><_>12 6 4 3 4.6666667</_></rects></_>"
    "<_><rects><_>3 5 14 10 -1.</_><_>3 10 14 5 2.</_></rects></_>"
    "<_><rects><_>5 13 10 6 -1.</_><_>6 15 8 2 3.75</_></rects></_>"
    "</features></cascade></opencv_storage>";

struct canvas blank(int width, int height)
{
    struct canvas c = {malloc((size_t)width * (size_t)height * 3), {0}};
    if (!c.bytes)
        abort();
    for (int i = 0; i < width * height * 3; i++)
        c.bytes[i] = (uint8_t)(70 + i % 3 * 4);
    c.image = (viseme_image){c.bytes, width, height, (ptrdiff_t)width * 3, VISEME_BGR24};
    return c;
}

static double covered(int pixel, double from, double to)
{
    return fmax(0, fmin(pixel + 1, to) - fmax(pixel, from));
}

void draw_face(const struct canvas *c, double x, double y, double size)
{
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        const double *p = parts[k], unit = size / 20;
        const double left = x - size / 2 + p[0] * unit, top = y - size / 2 + p[1] * unit;
        const double right = left + p[2] * unit, bottom = top + p[3] * unit;
        for (int j = (int)fmax(0, floor(top)); j < fmin(c->image.height, ceil(bottom)); j++)
            for (int i = (int)fmax(0, floor(left)); i < fmin(c->image.width, ceil(right)); i++) {
                const double w = covered(i, left, right) * covered(j, top, bottom);
                uint8_t *to = c->bytes + j * c->image.stride + i * 3;
                for (int b = 0; b < 3; b++)
                    to[b] = (uint8_t)(to[b] + w * (p[4] + (b - 1) * 12 - to[b]) + 0.5);
            }
    }
}
