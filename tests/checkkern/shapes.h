/* The layer shapes of bench/shapes/, one text file per net. */
#ifndef VIS_TESTS_CHECKKERN_SHAPES_H
#define VIS_TESTS_CHECKKERN_SHAPES_H

#include <stdbool.h>

enum shape_op { SHAPE_CONV, SHAPE_DEPTHWISE, SHAPE_POOL, SHAPE_LINEAR, SHAPE_GRU, SHAPE_ROW };

struct shape {
    enum shape_op op;
    char name[48]; /* "lipnet.conv1" */
    int in[4];     /* conv, depthwise, pool: [T H W C] */
    int kernel[3], stride[3], padding[3];
    int out;          /* conv: channels; linear: columns */
    int rows, length; /* linear: rows x length; gru: units; row: length */
};

enum { MAX_SHAPES = 256 };
struct shape_list {
    int count;
    struct shape shape[MAX_SHAPES];
};

/* Reads every .txt file of the folder; false with a message on stderr. */
bool shapes_read(struct shape_list *list, const char *folder);

#endif
