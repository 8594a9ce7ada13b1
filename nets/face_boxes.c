#include "nets/face_boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SQUARE = 256, NUMBERS = 4 + 2 * VIS_FACE_KEYS };

struct vis_face_fit vis_face_fit(int width, int height)
{
    struct vis_face_fit fit = {.width = SQUARE, .height = SQUARE};
    if (height >= width) {
        fit.width = (int)((long)SQUARE * width / height);
        fit.width += fit.width == 0;
        fit.left = (SQUARE - fit.width) / 2;
        fit.scale = (float)width / (float)fit.width;
    } else {
        fit.height = (int)((long)SQUARE * height / width);
        fit.height += fit.height == 0;
        fit.top = (SQUARE - fit.height) / 2;
        fit.scale = (float)height / (float)fit.height;
    }
    fit.x_shift = (int)((float)fit.left * fit.scale);
    fit.y_shift = (int)((float)fit.top * fit.scale);
    return fit;
}

/* Anchors are the cells of a 16 x 16 map, twice each, then those of an 8 x 8 map, six times; only
 * their centres matter. */
static void anchor_centre(int anchor, float *x, float *y)
{
    enum { FINE = 16, FINE_EACH = 2, COARSE = 8, COARSE_EACH = 6 };
    const int fine = FINE * FINE * FINE_EACH;
    const int side = anchor < fine ? FINE : COARSE;
    const int cell = anchor < fine ? anchor / FINE_EACH : (anchor - fine) / COARSE_EACH;
    *x = ((float)(cell % side) + 0.5f) / (float)side;
    *y = ((float)(cell / side) + 0.5f) / (float)side;
}

static float sigmoid(float x) /* of -100 .. 100 */
{
    return 1.0f / (1.0f + expf(-x));
}

int vis_face_candidates(struct vis_face_box *out, const float *raw_boxes, const float *raw_scores,
                        float min_score)
{
    int count = 0;
    for (int i = 0; i < VIS_FACE_ANCHORS; i++) {
        const float *raw = raw_boxes + i * VIS_FACE_RAW;
        const float score = sigmoid(fminf(fmaxf(raw_scores[i], -100.0f), 100.0f));
        if (isnan(raw_scores[i]) || !(score >= min_score))
            continue;
        struct vis_face_box *box = &out[count++];
        float x, y;
        anchor_centre(i, &x, &y);
        const float xc = raw[0] / VIS_FACE_INPUT + x, yc = raw[1] / VIS_FACE_INPUT + y;
        const float w = raw[2] / VIS_FACE_INPUT, h = raw[3] / VIS_FACE_INPUT;
        box->ymin = yc - h / 2;
        box->xmin = xc - w / 2;
        box->ymax = yc + h / 2;
        box->xmax = xc + w / 2;
        for (int k = 0; k < VIS_FACE_KEYS; k++) {
            box->key[k][0] = raw[4 + 2 * k] / VIS_FACE_INPUT + x;
            box->key[k][1] = raw[5 + 2 * k] / VIS_FACE_INPUT + y;
        }
        box->score = score;
    }
    return count;
}

/* The numbers of a box but its score. */
static void unpack(float n[NUMBERS], const struct vis_face_box *box)
{
    n[0] = box->ymin;
    n[1] = box->xmin;
    n[2] = box->ymax;
    n[3] = box->xmax;
    memcpy(n + 4, box->key, sizeof box->key);
}

static void pack(struct vis_face_box *box, const float n[NUMBERS])
{
    box->ymin = n[0];
    box->xmin = n[1];
    box->ymax = n[2];
    box->xmax = n[3];
    memcpy(box->key, n + 4, sizeof box->key);
}

static float overlap(const struct vis_face_box *a, const struct vis_face_box *b)
{
    const float w = fminf(a->xmax, b->xmax) - fmaxf(a->xmin, b->xmin);
    const float h = fminf(a->ymax, b->ymax) - fmaxf(a->ymin, b->ymin);
    const float both = fmaxf(w, 0.0f) * fmaxf(h, 0.0f);
    const float area_a = (a->xmax - a->xmin) * (a->ymax - a->ymin);
    const float area_b = (b->xmax - b->xmin) * (b->ymax - b->ymin);
    return both / (area_a + area_b - both);
}

/* Best first; stable, so that ties do not depend on the machine. */
static void sort_by_score(struct vis_face_box *boxes, int count)
{
    for (int i = 1; i < count; i++) {
        const struct vis_face_box box = boxes[i];
        int at = i;
        for (; at > 0 && boxes[at - 1].score < box.score; at--)
            boxes[at] = boxes[at - 1];
        boxes[at] = box;
    }
}

int vis_face_merge(struct vis_face_box *boxes, int count, float iou)
{
    int faces = 0;
    sort_by_score(boxes, count);
    for (int left = count; left > 0; faces++) {
        /* Those left stand at the end. The best of them leads; the others that overlap it join. */
        struct vis_face_box *rest = boxes + count - left;
        struct vis_face_box best = rest[0];
        float sum[NUMBERS] = {0}, n[NUMBERS], total = 0;
        int members = 0, keep = left;
        for (int i = left - 1; i >= 0; i--) {
            if (i > 0 && !(overlap(&best, &rest[i]) > iou)) {
                rest[--keep] = rest[i];
                continue;
            }
            unpack(n, &rest[i]);
            for (int k = 0; k < NUMBERS; k++)
                sum[k] += n[k] * rest[i].score;
            total += rest[i].score;
            members++;
        }
        if (members > 1) {
            for (int k = 0; k < NUMBERS; k++)
                sum[k] /= total;
            pack(&best, sum);
            best.score = total / (float)members;
        }
        left -= members;
        boxes[faces] = best;
    }
    return faces;
}

void vis_face_to_picture(struct vis_face_box *boxes, int count, const struct vis_face_fit *fit)
{
    const float scale = fit->scale * SQUARE;
    for (int i = 0; i < count; i++) {
        struct vis_face_box *box = &boxes[i];
        box->ymin = box->ymin * scale - (float)fit->y_shift;
        box->xmin = box->xmin * scale - (float)fit->x_shift;
        box->ymax = box->ymax * scale - (float)fit->y_shift;
        box->xmax = box->xmax * scale - (float)fit->x_shift;
        for (int k = 0; k < VIS_FACE_KEYS; k++) {
            box->key[k][0] = box->key[k][0] * scale - (float)fit->x_shift;
            box->key[k][1] = box->key[k][1] * scale - (float)fit->y_shift;
        }
    }
}

struct vis_face_region vis_face_region_of_box(const struct vis_face_box *box)
{
    const float *right = box->key[VIS_FACE_RIGHT_EYE], *left = box->key[VIS_FACE_LEFT_EYE];
    return (struct vis_face_region){
        .x = (box->xmin + box->xmax) / 2,
        .y = (box->ymin + box->ymax) / 2,
        .size = 1.5f * (box->xmax - box->xmin),
        .theta = atan2f(left[1] - right[1], left[0] - right[0]),
    };
}
