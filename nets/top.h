/* The best few of many candidates, with a fixed order among equal ones. */
#ifndef VIS_NETS_TOP_H
#define VIS_NETS_TOP_H

/* Extension of hypothesis `from` by `label`, or whatever two numbers name. */
struct vis_top_item {
    double score;
    int from, label;
};

/* items [room] is the caller's; a heap with the worst at the top until vis_top_sort(). */
struct vis_top {
    struct vis_top_item *items;
    int count, room; /* room >= 1 */
};

/* 1: an item of that score may find a place. Never for NaN. */
static inline int vis_top_wants(const struct vis_top *top, double score)
{
    return top->count < top->room ? score == score : score >= top->items[0].score;
}
/* Keeps the item if it is among the best so far. Of equal scores the lower `from`, then the lower
 * `label` is the better one. */
void vis_top_offer(struct vis_top *top, double score, int from, int label);
/* Best first. To be called once, after the last offer. */
void vis_top_sort(struct vis_top *top);

#endif
