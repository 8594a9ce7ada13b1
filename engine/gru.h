/* GRUs whose weights go by other names than torch.nn.GRU's; see vis_bigru(). */
#ifndef VIS_ENGINE_GRU_H
#define VIS_ENGINE_GRU_H

#include "engine/conv.h"

/* Where the reset gate acts: on the recurrent product (PyTorch, gates r z n, sigmoids), or on the
 * state before it (Keras 2.0, gates z r n, hard sigmoids; see vis_gru_before_step_fn). */
enum vis_gru_reset { VIS_GRU_RESET_AFTER, VIS_GRU_RESET_BEFORE };

struct vis_gru_weights {
    enum vis_gru_reset reset;
    struct vis_conv_weights input; /* of both directions, stacked: 6 * units outputs */
    const char *recurrent[2];      /* forward, backward; after: [3 units][units],
                                      before: [units][3 units] */
    const char *recurrent_bias[2]; /* [3 units]; only for VIS_GRU_RESET_AFTER */
};

vis_val vis_bigru_named(struct vis_graph *g, vis_val x, const char *name,
                        const struct vis_gru_weights *weights, int units);

#endif
