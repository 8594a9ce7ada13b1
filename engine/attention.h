/* Multi-head attention of all frames to all frames. */
#ifndef VIS_ENGINE_ATTENTION_H
#define VIS_ENGINE_ATTENTION_H

#include "engine/graph.h"

struct vis_attention {
    int heads, width;  /* of a head */
    const char *u, *v; /* with positions: tensors [heads width] that are added to the queries */
};

/* Attention (Vaswani et al. 2017, "Attention Is All You Need"):
 *   [N T 1 1 3*heads*width], queries, keys and values of all heads -> [N T 1 1 heads*width]
 * each output the sum of the values, weighted by the softmax over the frames j of
 *   q_i k_j / sqrt(width)                                          positions 0
 *   ((q_i + u) k_j + (q_i + v) p_(T-1-i+j)) / sqrt(width)          else
 * with p, `positions`, [1 2T-1 1 1 heads*width], one vector for each distance i - j from T-1 down
 * to 1-T (Dai et al. 2019, "Transformer-XL", as Conformer uses it: Gulati et al. 2020). No mask:
 * every frame sees every frame. */
vis_val vis_attention(struct vis_graph *g, vis_val qkv, vis_val positions,
                      struct vis_attention attention);

/* Sinusoids for the distances T-1 .. 1-T between frames of x, sine in the even and cosine in the
 * odd channels, frequency 10000^(-2i / C): [N T 1 1 C] -> [1 2T-1 1 1 C]. Computed once for each
 * length of x, as is what follows from it alone. */
vis_val vis_distances(struct vis_graph *g, vis_val x);

/* Rotary positions (Su et al. 2021, "RoFormer"): of each of the first `channels` channels, taken as
 * heads of `width`, numbers c and c + rotated/2, c < rotated/2, are turned by t * frequency[c].
 *   [N T 1 1 C] -> [N T 1 1 C], t counts the frames from 0
 * frequencies: a tensor [rotated / 2]; NULL: 10000^(-2c / rotated). */
struct vis_rotary {
    int width, rotated, channels;
    const char *frequencies;
};
vis_val vis_rotary(struct vis_graph *g, vis_val x, struct vis_rotary rotary);

#endif
