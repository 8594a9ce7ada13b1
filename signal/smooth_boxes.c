#include "signal/smooth_boxes.h"

static int clamp(int x, int high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

struct vis_box vis_box_pad(struct vis_box box, const int pads[4], int width, int height)
{
    return (struct vis_box){clamp(box.x0 - pads[2], width), clamp(box.y0 - pads[0], height),
                            clamp(box.x1 + pads[3], width), clamp(box.y1 + pads[1], height)};
}

static struct vis_box mean(const struct vis_box *boxes, int count)
{
    struct vis_box sum = {0, 0, 0, 0};
    for (int i = 0; i < count; i++) {
        sum.x0 += boxes[i].x0;
        sum.y0 += boxes[i].y0;
        sum.x1 += boxes[i].x1;
        sum.y1 += boxes[i].y1;
    }
    return (struct vis_box){sum.x0 / count, sum.y0 / count, sum.x1 / count, sum.y1 / count};
}

int vis_smoother_push(struct vis_smoother *s, struct vis_box box, struct vis_box *out)
{
    s->boxes[s->count++] = box;
    if (s->count < VIS_SMOOTH_SPAN)
        return 0;
    *out = mean(s->boxes, VIS_SMOOTH_SPAN);
    for (int i = 1; i < VIS_SMOOTH_SPAN; i++)
        s->boxes[i - 1] = s->boxes[i];
    s->count--;
    s->before = *out; /* which counts among the last five at the end */
    s->started = 1;
    return 1;
}

int vis_smoother_finish(struct vis_smoother *s, struct vis_box *out)
{
    struct vis_box all[VIS_SMOOTH_SPAN + 1];
    const int count = s->count, n = s->started + count;
    int last = VIS_SMOOTH_SPAN; /* boxes of a mean */

    all[0] = s->before;
    for (int i = 0; i < count; i++)
        all[s->started + i] = s->boxes[i];
    /* Of fewer than five, the original counts n - 5 from the end: of four it takes the last one, of
     * three the last two, of two or one all. */
    if (n < VIS_SMOOTH_SPAN)
        last = VIS_SMOOTH_SPAN - n < n ? VIS_SMOOTH_SPAN - n : n;
    for (int i = n - count; i < n; i++)
        all[i] = mean(all + n - last, last);
    for (int i = 0; i < count; i++)
        out[i] = all[n - count + i];
    *s = (struct vis_smoother){0};
    return count;
}
