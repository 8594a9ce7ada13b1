/* Layers whose weights are named and laid out as Keras 2 stores them: "<layer>/kernel" with the
 * output channels last, maps flattened with the channels last. */
#ifndef VIS_ENGINE_KERAS_H
#define VIS_ENGINE_KERAS_H

#include "engine/graph.h"

/* Convolution with "<name>/kernel" [kt kh kw C out] and "<name>/bias" [out]; otherwise as
 * vis_conv(). conv.norm: a batch norm layer with "/gamma", "/beta", "/moving_mean" and
 * "/moving_variance". */
vis_val vis_keras_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv);

/* Fully connected over everything but N and T: "<name>/kernel" [H*W*C out], "<name>/bias". */
vis_val vis_keras_dense(struct vis_graph *g, vis_val x, const char *name, int out);

/* Bidirectional(GRU(units, name=cell)) of Keras 2.0, in which the reset gate acts before the
 * recurrent product, merged by concatenation: [N T H W C] -> [N T 1 1 2*units], forward then
 * backward. Weights "<name>/forward_<cell>/kernel" [H*W*C 3*units], ".../recurrent_kernel"
 * [units 3*units] and ".../bias" [3*units], likewise "backward_"; gates in the order z, r, n. */
vis_val vis_keras_bigru(struct vis_graph *g, vis_val x, const char *name, const char *cell,
                        int units);

#endif
