/* The graph of a network: values and nodes, built by plain calls in order of execution.
 *
 * A net's build function calls the builders below with its hyperparameters; weights are found by
 * their upstream state_dict names, shapes are inferred and checked on the spot. The first error
 * sticks: later calls do nothing, so that a net has no error branches. */
#ifndef VIS_ENGINE_GRAPH_H
#define VIS_ENGINE_GRAPH_H

#include "engine/threads.h"
#include "engine/weights.h"
#include "kernels/kernels.h"

/* Axes of every value inside the engine, outermost first. */
enum vis_axis { VIS_N, VIS_T, VIS_H, VIS_W, VIS_C, VIS_AXES };

/* A value of a graph; 0 is none, and what builders return after an error. */
typedef int vis_val;

/* A float32 activation [N T H W C], channels last. Around T, H and W lies a halo of zeros as wide
 * as its consumers pad, so that they read it without edge cases. */
struct vis_value {
    int dim[VIS_AXES];
    int halo[VIS_AXES];         /* zeros on both sides; only T, H and W have one */
    ptrdiff_t stride[VIS_AXES]; /* floats */
    size_t floats;              /* halo included */
    size_t offset;              /* of the first float (halo included) in the arena */
    size_t origin;              /* of element [0 0 0 0 0] from there */
    vis_val whole;              /* 0, or this is part of a concatenation: it has no memory */
    int channel;                /* of its own but lies there, from this channel on */
    int first_node, last_node;  /* lifetime, in node indices */
    int constant;               /* 1: it follows from shapes and weights alone, not from inputs */
};

struct vis_graph;
struct vis_node;

/* What a node has while it runs. */
struct vis_run {
    const struct vis_graph *graph;
    const struct vis_kernels *kernels;
    struct vis_threads *threads;
    float *arena;
    float *scratch; /* of the node, 64-byte aligned */
};

/* An operation: one file, one of these. */
struct vis_op {
    const char *kind;
    /* After shapes, halos and strides are known: packs weights, fills node->algorithm, flop and
     * scratch_floats. `threads` is the number that will run it. May be NULL. */
    viseme_status (*prepare)(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err);
    void (*run)(const struct vis_node *node, const struct vis_run *run);
    int parts; /* 1: it works on parts of concatenations, whose stride[VIS_W] is above dim[VIS_C] */
};

enum { VIS_NODE_INPUTS = 2, VIS_GRAPH_INPUTS = 8, VIS_GRAPH_OUTPUTS = 16 };

struct vis_node {
    const struct vis_op *op;
    char *name;
    void *state; /* of the op; freed with the graph */
    vis_val in[VIS_NODE_INPUTS], out;
    char algorithm[48];
    double flop; /* of the direct method */
    size_t scratch_floats, scratch_offset;
};

/* An input or output as the original network names it and orders its axes. */
struct vis_port {
    char *name;
    char axes[VIS_AXES + 1]; /* such as "NCTHW" or "NTC"; axes left out are 1 */
    vis_val value;
};

struct vis_graph {
    const viseme_model *model;
    const viseme_tensor *bound; /* the caller's inputs; NULL while a model is being checked */
    size_t bound_count;
    viseme_status status; /* the first error */
    viseme_error error;
    int value_count, value_room;
    struct vis_value *values; /* [0] is "none" */
    int node_count, node_room;
    struct vis_node *nodes;
    int input_count, output_count;
    struct vis_port inputs[VIS_GRAPH_INPUTS], outputs[VIS_GRAPH_OUTPUTS];
    unsigned char *used; /* [tensors of the weights file] 1: a node asked for it */
    size_t arena_floats;
};

/* A network: its name in viseme.arch, and how to build it. */
struct vis_net {
    const char *name;
    void (*build)(struct vis_graph *g);
};

/* ---- what a net calls ------------------------------------------------------------------------ */

/* Whether a part of the network is wanted that begins at this input: always while a model is
 * checked, else when the caller gives it. A network of independent parts asks before it builds each
 * of them, so that each can run alone. */
int vis_wanted(const struct vis_graph *g, const char *input);

/* An input. fixed[axis] > 0 is what that axis must be; 0 leaves it to the caller, -n, too, but it
 * must be n at least. */
vis_val vis_input(struct vis_graph *g, const char *name, const char *axes,
                  const int fixed[VIS_AXES]);
void vis_output(struct vis_graph *g, const char *name, const char *axes, vis_val x);

/* Convolution over T, H and W: conv1d, conv2d, conv3d and 1x1, by leaving axes at 1.
 *   [N T H W C] -> [N T' H' W' out], T' = (T + 2 pad + pad_end - k) / stride + 1
 * Weights "<name>.weight" [out C kt kh kw] (axes of length 1 may be missing) and "<name>.bias"
 * [out]. Fields left 0 mean k = 1, stride = 1. */
struct vis_conv {
    int out;
    int k[3], stride[3], pad[3]; /* T H W */
    int pad_end[3];              /* zeros at the end besides `pad` */
    int output_pad[3];           /* of vis_conv_transposed() only */
    enum vis_act act;
    const char *slope; /* of VIS_ACT_PRELU: the name of a tensor [out] ... */
    float leak;        /* ... or, without one, the slope of all channels (leaky ReLU) */
    int no_bias;
    float scale;      /* factor of weights and bias; 0: 1 */
    const char *norm; /* batch norm behind the bias: "<norm>.weight", ".bias", ".running_mean",
                         ".running_var"; folded into the packed weights. NULL: none */
    float norm_eps;   /* 0: 1e-5, PyTorch's */
    vis_val residual; /* added before the activation; 0: none. With fewer channels than `out` it
                         counts as if it had zeros behind them */
};
vis_val vis_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv);

/* Transposed convolution, as torch.nn.ConvTranspose1d to 3d:
 *   [N T H W C] -> [N T' H' W' out], T' = (T - 1) stride - 2 pad + k + output_pad
 * with k >= stride and k > pad. Weights "<name>.weight" [C out kt kh kw], "<name>.bias" [out]; of
 * the fields all but pad_end and scale count. The multiplications by zeros that a stride or a
 * single input position would bring are left out. */
vis_val vis_conv_transposed(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv);

/* Depthwise convolution: every channel by a kernel of its own; out = C, of the other fields k,
 * stride, pad, pad_end, norm and act (all but PReLU) count. Weights "<name>.weight" [C 1 kt kh kw]
 * and "<name>.bias" [C]. */
vis_val vis_depthwise(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv);

/* vis_depthwise() with the k, stride, pad and pad_end of `conv`, then a 1x1 vis_conv() with the
 * rest of it; the same bits, but the map between them never leaves the L1 cache. */
vis_val vis_separable(struct vis_graph *g, vis_val x, const char *depthwise, const char *pointwise,
                      struct vis_conv conv);

/* Fully connected over everything but N and T, in PyTorch's order of channel, height, width:
 *   [N T H W C] -> [N T 1 1 out], weights "<name>.weight" [out C*H*W], "<name>.bias" [out]. */
vis_val vis_linear(struct vis_graph *g, vis_val x, const char *name, int out);

/* Maximum over windows; padding counts as minus infinity and is at most half the window. */
struct vis_pool {
    int k[3], stride[3], pad[3]; /* T H W; 0 in k means 1, 0 in stride means k */
};
vis_val vis_maxpool(struct vis_graph *g, vis_val x, struct vis_pool pool);

/* Each frame as rows of c numbers in the order of H, W, C, those of b (0: none) behind those of a:
 *   [N T Ha Wa Ca], [N T Hb Wb Cb] -> [N T 1 (Ha Wa Ca + Hb Wb Cb) / c c] */
vis_val vis_rows(struct vis_graph *g, vis_val a, vis_val b, int c);

/* Concatenation along C:
 *   [N T H W Ca], [N T H W Cb] -> [N T H W Ca+Cb]
 * No node and no copy: the nodes that make a and b write into the channels of the whole, and
 * whoever reads a or b alone reads there too. A value can be part of one concatenation, and not
 * every operation works on parts (struct vis_op). Inputs that lead to parts of different sizes are
 * an error of the caller. */
vis_val vis_concat(struct vis_graph *g, vis_val a, vis_val b);

/* Elementwise, same shape. */
vis_val vis_sigmoid(struct vis_graph *g, vis_val x);
vis_val vis_divide(struct vis_graph *g, vis_val x, float divisor);
/* 0 where x is `value`, else x. */
vis_val vis_clear(struct vis_graph *g, vis_val x, float value);

/* One bidirectional layer of torch.nn.GRU over T: [N T H W C] -> [N T 1 1 2*units], forward then
 * backward; features in the order of vis_linear(). Weights "<name>.weight_ih_l0" and so on. */
vis_val vis_bigru(struct vis_graph *g, vis_val x, const char *name, int units);

/* Softmax over C, and its logarithm. */
vis_val vis_softmax(struct vis_graph *g, vis_val x);
vis_val vis_log_softmax(struct vis_graph *g, vis_val x);

/* Gated linear units (Dauphin et al. 2017, "Language Modeling with Gated Convolutional Networks"),
 * the first half of the channels times the gate of the second: [N T H W 2C] -> [N T H W C]. */
enum vis_gate { VIS_GATE_SIGMOID, VIS_GATE_GELU };
vis_val vis_glu(struct vis_graph *g, vis_val x, enum vis_gate gate);

/* The mean over H and W: [N T H W C] -> [N T 1 1 C]. */
vis_val vis_mean(struct vis_graph *g, vis_val x);

/* A learned vector in front of the frames, behind whose channels lie those of `features` (0: none):
 *   [N T 1 1 C], [N T 1 1 F] -> [N 1+T 1 1 C+F], tensor "<name>" [C+F]
 * zero_last: its last number counts as 0. */
vis_val vis_class_token(struct vis_graph *g, vis_val x, vis_val features, const char *name,
                        int zero_last);

/* x / max(|x|, 1e-12), |x| being the Euclidean length of the C channels of a position, as
 * torch.nn.functional.normalize(). */
vis_val vis_l2_normalize(struct vis_graph *g, vis_val x);

/* Rows first .. first + count - 1 of every frame: [N T H W C] -> [N T count W C]. */
vis_val vis_crop_rows(struct vis_graph *g, vis_val x, int first, int count);

/* Frames first .. first + count - 1: [N T H W C] -> [N count H W C]. */
vis_val vis_crop_frames(struct vis_graph *g, vis_val x, int first, int count);

/* x over the Euclidean length of the C channels of a position plus eps, times a weight for each
 * channel: "<name>.weight" [C]. */
vis_val vis_l2_scale(struct vis_graph *g, vis_val x, const char *name, float eps);

/* x and, over every position of `half`, four times the same of it (nearest neighbour):
 *   [N T 2H 2W C], [N T H W C] -> [N T 2H 2W C] */
vis_val vis_upsample_add(struct vis_graph *g, vis_val x, vis_val half);

/* The first so many channels as one, their maximum: [N T H W C] -> [N T H W C - first + 1]. */
vis_val vis_maxout(struct vis_graph *g, vis_val x, int first);

/* An integer of the file's viseme.config; `fallback` when it has none. Outside low .. high it is
 * an error of the graph. */
int vis_config_int(struct vis_graph *g, const char *key, int fallback, int low, int high);
/* Likewise a list of `count` integers: `values` holds what counts when the file has none. */
void vis_config_ints(struct vis_graph *g, const char *key, int *values, int count, int low,
                     int high);

/* The index of the text of the config in `choices`, which NULL ends; 0 when there is none. Another
 * text is an error of the graph. */
int vis_config_choice(struct vis_graph *g, const char *key, const char *const *choices);

/* ---- what operations call -------------------------------------------------------------------- */

/* Fails the graph unless it has failed before. */
void vis_graph_fail(struct vis_graph *g, viseme_status status, const char *format, ...)
    VIS_PRINTF(3, 4);
/* Adds a value; 0 after an error. */
vis_val vis_graph_add_value(struct vis_graph *g, const int dim[VIS_AXES]);
/* Adds a node with one new value of the given shape, its state a zeroed block of `state_bytes`
 * (NULL and 0 after an error). `name` is copied. */
vis_val vis_graph_add(struct vis_graph *g, const struct vis_op *op, const char *name, vis_val in0,
                      vis_val in1, const int dim[VIS_AXES], size_t state_bytes, void **state);
/* Says that x follows from shapes and weights alone: it is computed in the first run of a plan and
 * kept. So is what nodes make of constant inputs only; vis_graph_add() sees to that. */
void vis_graph_constant(struct vis_graph *g, vis_val x);
/* Asks for zeros around x at least this wide. */
void vis_graph_halo(struct vis_graph *g, vis_val x, const int halo[3]);
/* The tensor of that name, which must have `elements` elements and, after leaving out axes of
 * length 1, the given shape (rank axes); fails the graph otherwise. */
const struct vis_weights_tensor *vis_graph_weight(struct vis_graph *g, const char *name,
                                                  const int *shape, int rank);
/* The same for a tensor whose first axes, taken together, are `rows` and the others `columns`. */
const struct vis_weights_tensor *vis_graph_matrix(struct vis_graph *g, const char *name, int rows,
                                                  int columns);

static inline const struct vis_value *vis_graph_value(const struct vis_graph *g, vis_val v)
{
    return &g->values[v];
}
/* Element [0 0 0 0 0] of a value. */
static inline float *vis_run_data(const struct vis_run *run, vis_val v)
{
    const struct vis_value *value = &run->graph->values[v];
    return run->arena + value->offset + value->origin;
}

/* ---- what models and sessions call ----------------------------------------------------------- */

/* Builds the network for these inputs (NULL: any shapes that fit, to check the weights), lays
 * out its values and packs what is not packed yet. `threads` will run it.
 * Free with vis_graph_free(). */
viseme_status vis_graph_build(struct vis_graph *g, const viseme_model *model,
                              const viseme_tensor *inputs, size_t count, int threads,
                              viseme_error *err);
void vis_graph_free(struct vis_graph *g);

/* plan.c: gives every value and every scratch block its place in one arena. Values whose
 * lifetimes do not meet share memory, unless `share` is 0 (then results must not change). */
viseme_status vis_plan(struct vis_graph *g, int share, viseme_error *err);

#endif
