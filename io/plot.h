/* A picture of what a reader saw and what it made of it: frames, mouth crops, the network's
 * emissions as a heat map, the letters and words read, all over one axis of seconds. */
#ifndef VIS_IO_PLOT_H
#define VIS_IO_PLOT_H

#include <stdio.h>

#include "viseme.h"

/* What is drawn at most; longer videos are drawn up to here. */
#define VIS_PLOT_SECONDS 120.0
/* Seconds side by side in one line of the picture. */
#define VIS_PLOT_LINE_SECONDS 6.0
/* A class whose probability stays below this has no row in the heat map. */
#define VIS_PLOT_SHOWN 0.02

/* Small copies of pictures in the order of time. */
struct vis_strip_picture {
    double time_s;
    int held; /* a crop that stands for a frame without a face */
    int width, height;
    uint8_t *bgr; /* [height width 3]; owned */
};

/* A sample of a stream of pictures, dense enough for VIS_PLOT_LINE_SECONDS in the first line and
 * sparser after it. Starts as {.height = of the copies}. Free with vis_strip_free(). */
struct vis_strip {
    int height;
    struct vis_strip_picture *pictures;
    size_t count, room;
    double start_s, last_s;
};

/* Shows the strip the next picture; it keeps a copy or does not. Returns VISEME_OK or
 * VISEME_ERR_NOMEM. */
viseme_status vis_strip_add(struct vis_strip *strip, const viseme_image *image, double time_s,
                            int held, viseme_error *err);
void vis_strip_free(struct vis_strip *strip);

/* The face that the crop at a time was cut from; lengths as shares of the frame's. */
struct vis_plot_face {
    double time_s;
    double x, y, width, height; /* its box */
    double mouth_x, mouth_y;
};

struct vis_plot {
    const char *title; /* UTF-8, likewise all texts */
    const char *text;  /* what was read */
    const char *note;  /* a line below the text, or NULL */
    const struct vis_strip *frames, *crops;
    const struct vis_plot_face *faces; /* [face_count] drawn on the frames */
    size_t face_count;
    double start_s, rate; /* of the logits: the first row's time, rows a second */
    const float *logits;  /* [rows classes], before softmax */
    int64_t rows;
    int classes;
    const char *const *vocab; /* [classes]; the blank is "" */
    const viseme_word *words; /* [word_count] in the order of time */
    size_t word_count;
};

/* Draws it as a PNG, at most 16000 pixels high. A failed write is seen by whoever owns the stream;
 * `name` is for messages. Returns VISEME_OK, VISEME_ERR_ARGUMENT (a build without cairo, more
 * classes than can be drawn) or VISEME_ERR_NOMEM. */
viseme_status vis_plot_write(FILE *to, const struct vis_plot *plot, const char *name,
                             viseme_error *err);

/* The version of cairo that runs, NULL in a build without it. Static storage. */
const char *vis_plot_version(void);

#endif
