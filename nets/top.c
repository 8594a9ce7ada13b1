#include "nets/top.h"

static int better(const struct vis_top_item *a, const struct vis_top_item *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    if (a->from != b->from)
        return a->from < b->from;
    return a->label < b->label;
}

static void sift_down(struct vis_top_item *heap, int count, int i)
{
    struct vis_top_item moved = heap[i];
    for (int child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && better(&heap[child], &heap[child + 1]))
            child++;
        if (!better(&moved, &heap[child]))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

void vis_top_offer(struct vis_top *top, double score, int from, int label)
{
    struct vis_top_item item = {score, from, label}, *heap = top->items;
    if (!vis_top_wants(top, score))
        return;
    if (top->count == top->room) {
        if (!better(&item, &heap[0]))
            return;
        heap[0] = item;
        sift_down(heap, top->room, 0);
        return;
    }
    int i = top->count++;
    for (; i > 0 && better(&heap[(i - 1) / 2], &item); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = item;
}

void vis_top_sort(struct vis_top *top)
{
    for (int n = top->count - 1; n > 0; n--) {
        struct vis_top_item worst = top->items[0];
        top->items[0] = top->items[n];
        top->items[n] = worst;
        sift_down(top->items, n, 0);
    }
}
