/* A Haar cascade as OpenCV writes it to XML (new style, `opencv-cascade-classifier`), parsed and
 * checked. Format read from the files that OpenCV distributes; method: P. Viola and M. Jones,
 * "Rapid object detection using a boosted cascade of simple features", CVPR 2001, and R. Lienhart
 * and J. Maydt, "An extended set of Haar-like features", ICIP 2002 (without tilted features). */
#ifndef VIS_SIGNAL_CASCADE_H
#define VIS_SIGNAL_CASCADE_H

#include "base/error.h"

#define VIS_CASCADE_RECTS 3

/* A weighted rectangle inside the window, in pixels of the window. */
struct vis_cascade_rect {
    int x, y, width, height;
    float weight;
};

/* The weighted sum of two or three rectangles; unused rectangles are all zero. */
struct vis_cascade_feature {
    struct vis_cascade_rect rect[VIS_CASCADE_RECTS];
};

/* A node of a decision tree: `left` when the feature's value is below the threshold, else `right`.
 * A child above 0 is a node of the same tree, always a later one; a child of 0 or less is the
 * leaf with the negated number. */
struct vis_cascade_node {
    int left, right;
    int feature;
    float threshold;
};

/* Tree t: nodes first_node .. first_node + nodes - 1 and one leaf more than nodes from
 * first_leaf on. */
struct vis_cascade_tree {
    int first_node, nodes;
    int first_leaf;
};

/* A window passes when the sum over the trees is not below the threshold. */
struct vis_cascade_stage {
    int first_tree, trees;
    float threshold;
};

struct vis_cascade {
    int width, height; /* of the window, 3 to 128 */
    int stages, trees, nodes, leaves, features;
    struct vis_cascade_stage *stage;
    struct vis_cascade_tree *tree;
    struct vis_cascade_node *node;
    float *leaf;
    struct vis_cascade_feature *feature;
};

/* Parses the text of a cascade file.
 *
 *  out   receives the cascade, NULL on failure; free it with vis_cascade_free().
 *  xml   `bytes` bytes, at most 16 MiB; need not end with a NUL; not kept.
 *
 *  Everything is checked: numbers are finite, counts agree with what is there, node and feature
 *  numbers exist, trees have no loops, rectangles lie inside the window. A document type
 *  declaration, and with it every entity, is refused. Returns VISEME_OK, VISEME_ERR_MODEL (the
 *  sentence names the line) or VISEME_ERR_NOMEM. */
viseme_status vis_cascade_parse(struct vis_cascade **out, const char *xml, size_t bytes,
                                viseme_error *err);
void vis_cascade_free(struct vis_cascade *cascade);

#endif
