/* What networks that read lips take and give: crops in, emissions out. */
#ifndef VIS_TASKS_READER_KIND_H
#define VIS_TASKS_READER_KIND_H

#include "engine/model.h"
#include "signal/vsr_input.h"

/* The order of numbers in the network's input of T crops. */
enum vis_reader_layout {
    VIS_READER_PLANES, /* [1 3 T H W] / 255 */
    VIS_READER_KERAS,  /* [1 T W H 3] / 255: the original LipNet's */
    VIS_READER_GRAY,   /* [1 T 1 side side], signal/vsr_input.h */
    VIS_READER_WORD,   /* [1 1 T side side], likewise */
    VIS_READER_POINTS  /* [1 T 1434], signal/landmark_input.h */
};

struct vis_reader_kind {
    const char *arch;
    enum vis_reader_layout layout;
    viseme_crop_kind crop; /* what the cropper is to cut */
    int width, height;     /* of a crop */
    int tokens;            /* 1: it has a decoder that writes tokens (tasks/sentences.h); 0: its
                              emissions are letters (tasks/decoder.h) */
    int words;             /* 1: it tells one word from others (tasks/words.h) */
    int boundary;          /* 1: it is told which frames the word is in */
    int cuts;              /* 0: the cropper does not make these crops */
    enum vis_vsr_fit fit;  /* of grey crops, */
    int side;              /* and the network's side */
    int classes, blank;
    int rgb;           /* the network wants R G B, not B G R */
    double rate;       /* crops a second */
    double ctc_weight; /* in the joint search; 0: the file has none */
    double least;      /* confidence below which a clip is out of domain */
    int window;        /* crops that are read at a time, */
    int margin;        /* of which so many on either side of a cut are read twice */
};

/* Reads what a model's file says of it. Returns VISEME_OK or VISEME_ERR_MODEL (a network that does
 * not read lips, numbers out of range, a vocabulary that does not fit). */
viseme_status vis_reader_kind_open(struct vis_reader_kind *out, const viseme_model *model,
                                   viseme_error *err);

/* Numbers of one crop in the input. */
size_t vis_reader_kind_floats(const struct vis_reader_kind *kind);

/* The input of `count` crops [count height width 3], in the network's order of colours: fills
 * `data` and describes it. Not for networks that tell words. */
viseme_tensor vis_reader_kind_input(const struct vis_reader_kind *kind, const uint8_t *crops,
                                    int count, float *data);

#endif
