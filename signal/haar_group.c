#include "signal/haar.h"

#include <math.h>
#include <stdlib.h>

#define EPS 0.2

static int imin(int a, int b)
{
    return a < b ? a : b;
}

static int alike(const struct vis_rect *a, const struct vis_rect *b)
{
    const double delta = EPS * (imin(a->width, b->width) + imin(a->height, b->height)) * 0.5;
    return abs(a->x - b->x) <= delta && abs(a->y - b->y) <= delta &&
           abs(a->x + a->width - b->x - b->width) <= delta &&
           abs(a->y + a->height - b->y - b->height) <= delta;
}

static int root_of(int *parent, int i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Connected components of "alike", numbered in the order of their first windows. */
static int classes_of(const struct vis_haar_window *windows, int count, int *parent, int *label)
{
    int classes = 0;
    for (int i = 0; i < count; i++)
        parent[i] = i;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (alike(&windows[i].box, &windows[j].box))
                parent[root_of(parent, i)] = root_of(parent, j);
    for (int i = 0; i < count; i++)
        label[i] = -1;
    for (int i = 0; i < count; i++) {
        const int root = root_of(parent, i);
        if (label[root] < 0)
            label[root] = classes++;
        label[i] = label[root];
    }
    return classes;
}

/* Whether a is inside b widened a little, and b is the better founded one. */
static int overruled(const struct vis_haar_box *a, const struct vis_haar_box *b)
{
    const int dx = (int)lrint(b->box.width * EPS), dy = (int)lrint(b->box.height * EPS);
    return a->box.x >= b->box.x - dx && a->box.y >= b->box.y - dy &&
           a->box.x + a->box.width <= b->box.x + b->box.width + dx &&
           a->box.y + a->box.height <= b->box.y + b->box.height + dy &&
           (b->neighbors > (a->neighbors > 3 ? a->neighbors : 3) || a->neighbors < 3);
}

void vis_haar_group(const struct vis_haar_window *windows, size_t count, int min_neighbors,
                    struct vis_haar_box *boxes, size_t *found, int *work)
{
    int *parent = work, *label = work + count;
    const int classes = classes_of(windows, (int)count, parent, label);
    size_t kept = 0;
    for (int c = 0; c < classes; c++)
        boxes[c] = (struct vis_haar_box){{0, 0, 0, 0}, 0};
    for (size_t i = 0; i < count; i++) { /* sums first: at most 16384 times 16384 * 2 */
        struct vis_haar_box *b = &boxes[label[i]];
        b->box.x += windows[i].box.x;
        b->box.y += windows[i].box.y;
        b->box.width += windows[i].box.width;
        b->box.height += windows[i].box.height;
        b->neighbors++;
    }
    for (int c = 0; c < classes; c++) { /* products in float32, as the original */
        struct vis_haar_box *b = &boxes[c];
        const float s = 1.0f / (float)b->neighbors;
        b->box.x = (int)lrintf((float)b->box.x * s);
        b->box.y = (int)lrintf((float)b->box.y * s);
        b->box.width = (int)lrintf((float)b->box.width * s);
        b->box.height = (int)lrintf((float)b->box.height * s);
    }
    for (int i = 0; i < classes; i++) {
        int keep = boxes[i].neighbors > min_neighbors;
        for (int j = 0; keep && j < classes; j++)
            keep =
                j == i || boxes[j].neighbors <= min_neighbors || !overruled(&boxes[i], &boxes[j]);
        label[i] = keep; /* the labels of the windows are no longer needed */
    }
    for (int i = 0; i < classes; i++)
        if (label[i])
            boxes[kept++] = boxes[i];
    *found = kept;
}
