/* Transformers that write tokens one after the other: the attention decoder of a sentence reader,
 * and the language model that may help it. Here are their sizes and packed weights;
 * nets/token_stepper.h runs them.
 *
 * Both are stacks of blocks with layer norms in front (eps 1e-12):
 *   x + self-attention(norm x); decoder: x + attention to the source(norm x); x + FF(norm x)
 * with FF linear, ReLU, linear, then a last norm, a linear layer to the tokens and log-softmax.
 * Decoder: the embedding times sqrt(width) plus sines and cosines of the position. Language model:
 * embedding, linear, layer norm (eps 1e-5), ReLU; positions only if its config has "pos_enc":
 * "sinusoidal", and then times sqrt(width) too; keys whose token is 0 are hidden.
 * Source: Vaswani et al. 2017, "Attention Is All You Need"; upstream's TransformerDecoder and
 * TransformerLM (espnet/nets/pytorch_backend/transformer/decoder.py, lm/transformer.py), whose
 * names the tensors have.
 *
 * Sizes are those of the tensors; the number of heads, which no shape tells, is the config's
 * "dheads" (12 where it has none), of a language model "head" (8). */
#ifndef VIS_NETS_TOKEN_NET_H
#define VIS_NETS_TOKEN_NET_H

#include "engine/gemm.h"
#include "engine/layer_norm.h"

enum vis_token_kind { VIS_TOKEN_DECODER, VIS_TOKEN_LM };

struct vis_token_layer {
    struct vis_layer_norm norm_self, norm_source, norm_hidden;
    /* Queries, keys and values [3 width] of the self-attention, queries [width] and keys and values
     * [2 width] of the attention to the source. Queries are scaled by 1 / sqrt(width / heads). */
    struct vis_gemm_weights self_in, self_out, source_q, source_kv, source_out;
    struct vis_gemm_weights hidden_in, hidden_out;
};

/* Read-only, and therefore for any number of threads. */
struct vis_token_net {
    enum vis_token_kind kind;
    const struct vis_kernels *kernels;
    viseme_gemm gemm;
    int tokens, width, heads, hidden, layers;
    int embed;                              /* columns of the table */
    int sinusoidal;                         /* 1: positions are added */
    const struct vis_weights_tensor *table; /* [tokens embed], in the weights file */
    struct vis_gemm_weights project;        /* language model: [embed] -> [width] ... */
    struct vis_layer_norm project_norm;     /* ... and its norm */
    struct vis_token_layer *layer;          /* [layers] */
    struct vis_layer_norm after_norm;
    struct vis_gemm_weights output; /* [width] -> [tokens] */
    float *norms;                   /* gains and biases of all norms */
};

/* Called by a network's build function: asks for all tensors of a decoder (their names begin with
 * "decoder.") or of a language model, so that a file in which one is missing, misshapen or too many
 * is refused when it is opened. They make no nodes. Returns the number of tokens, 0 after an error
 * of the graph. */
int vis_token_net_check(struct vis_graph *g, enum vis_token_kind kind);

/* The decoder or language model in a model's file, packed by the first caller. It belongs to the
 * model and lives as long. Thread-safe.
 * Errors: VISEME_ERR_MODEL (the file has none, or one of impossible sizes), VISEME_ERR_NOMEM. */
viseme_status vis_token_net_open(const struct vis_token_net **out, const viseme_model *model,
                                 enum vis_token_kind kind, viseme_error *err);

#endif
