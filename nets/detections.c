#include "nets/detections.h"

#include <math.h>
#include <stdlib.h>

/* Adds a candidate; the number of them says where to. */
static void add(struct vis_detection *out, int room, int *count, const struct vis_detection *d)
{
    float sum = d->x0 + d->y0 + d->x1 + d->y1;
    for (int k = 0; k < VIS_DETECTION_KEYS; k++)
        sum += d->key[k][0] + d->key[k][1];
    if (!isfinite(sum))
        return;
    if (*count < room)
        out[*count] = *d;
    ++*count;
}

static struct vis_detection box_around(float x, float y, float width, float height, float score)
{
    return (struct vis_detection){.x0 = x - width / 2,
                                  .y0 = y - height / 2,
                                  .x1 = x + width / 2,
                                  .y1 = y + height / 2,
                                  .score = score};
}

int vis_yunet_candidates(struct vis_detection *out, int room, const struct vis_yunet_maps *maps,
                         float min_score)
{
    int count = 0;
    for (int level = 0; level < VIS_YUNET_LEVELS; level++) {
        const int stride = 8 << level, columns = maps->width / stride;
        const int cells = maps->height / stride * columns;
        for (int i = 0; i < cells; i++) {
            const float score = maps->cls[level][i] * maps->obj[level][i];
            const float *b = maps->bbox[level] + 4 * (size_t)i;
            const float *k = maps->kps[level] + 2 * VIS_DETECTION_KEYS * (size_t)i;
            const float s = (float)stride;
            const float left = (float)(i % columns) * s, top = (float)(i / columns) * s;
            if (!(score > min_score))
                continue;
            struct vis_detection d =
                box_around(b[0] * s + left, b[1] * s + top, expf(b[2]) * s, expf(b[3]) * s, score);
            for (int j = 0; j < VIS_DETECTION_KEYS; j++) {
                d.key[j][0] = k[2 * j] * s + left;
                d.key[j][1] = k[2 * j + 1] * s + top;
            }
            add(out, room, &count, &d);
        }
    }
    return count;
}

int vis_s3fd_candidates(struct vis_detection *out, int room, const struct vis_s3fd_maps *maps,
                        float min_score)
{
    const float to_centre = 0.1f, to_size = 0.2f; /* the variances of its training */
    int count = 0;
    for (int level = 0; level < VIS_S3FD_LEVELS; level++) {
        const int columns = maps->width[level], cells = maps->height[level] * columns;
        const float stride = (float)(4 << level), size = 4 * stride;
        const float *cls = maps->cls[level], *reg = maps->reg[level];
        for (int i = 0; i < cells; i++) {
            const float score = 1 / (1 + expf(cls[i] - cls[cells + i]));
            if (!(score > min_score))
                continue;
            const float x = stride / 2 + (float)(i % columns) * stride;
            const float y = stride / 2 + (float)(i / columns) * stride;
            const struct vis_detection d =
                box_around(x + reg[i] * to_centre * size, y + reg[cells + i] * to_centre * size,
                           size * expf(reg[2 * (size_t)cells + (size_t)i] * to_size),
                           size * expf(reg[3 * (size_t)cells + (size_t)i] * to_size), score);
            add(out, room, &count, &d);
        }
    }
    return count;
}

/* ---- Suppression ------------------------------------------------------------------------------
 */

static int falling(const void *a, const void *b)
{
    const struct vis_detection *p = a, *q = b;
    if (p->score != q->score)
        return (p->score < q->score) - (p->score > q->score);
    if (p->y0 != q->y0)
        return (p->y0 > q->y0) - (p->y0 < q->y0);
    return (p->x0 > q->x0) - (p->x0 < q->x0);
}

static float overlap(const struct vis_detection *a, const struct vis_detection *b, float edge)
{
    const float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0) + edge;
    const float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0) + edge;
    const float both = fmaxf(w, 0) * fmaxf(h, 0);
    const float area_a = (a->x1 - a->x0 + edge) * (a->y1 - a->y0 + edge);
    const float area_b = (b->x1 - b->x0 + edge) * (b->y1 - b->y0 + edge);
    return both / (area_a + area_b - both);
}

int vis_detections_best(struct vis_detection *d, int count, float iou, float edge)
{
    int kept = 0;
    qsort(d, (size_t)count, sizeof *d, falling);
    for (int i = 0; i < count; i++) {
        int hidden = 0;
        for (int k = 0; k < kept && !hidden; k++)
            hidden = overlap(&d[k], &d[i], edge) > iou;
        if (!hidden)
            d[kept++] = d[i];
    }
    return kept;
}
