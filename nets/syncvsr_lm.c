/* The language model of sub-word tokens that may help the sentence reader. It has no nodes and
 * cannot be run as a network of its own; nets/joint_beam.h asks it for the next token.
 * Source: Irie et al. 2019, "Language Modeling with Deep Transformers", in upstream's layout
 * (LRS/video/espnet/nets/pytorch_backend/lm/transformer.py). */
#include "nets/nets.h"
#include "nets/token_net.h"

static void build(struct vis_graph *g)
{
    vis_token_net_check(g, VIS_TOKEN_LM);
}

const struct vis_net vis_net_syncvsr_lm = {.name = "syncvsr_lm", .build = build};
