/* A drawn face, and the cascade that finds it. */
#ifndef TESTS_SUPPORT_DRAWN_FACE_H
#define TESTS_SUPPORT_DRAWN_FACE_H

#include "viseme.h"

/* Dark left eye, dark right eye; eyes darker than what is below; dark mouth. Text of XML. */
extern const char drawn_cascade[];

/* A picture in free-able memory. */
struct canvas {
    uint8_t *bytes;
    viseme_image image;
};

/* An almost black wall; free() its bytes. */
struct canvas blank(int width, int height);

/* Draws a face whose box has the centre (x, y), to a fraction of a pixel; blue is a little darker
 * and red a little brighter than green. */
void draw_face(const struct canvas *c, double x, double y, double size);

#endif
