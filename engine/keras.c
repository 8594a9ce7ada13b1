#include "engine/keras.h"

#include <stdio.h>

#include "engine/gru.h"

vis_val vis_keras_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv)
{
    char kernel[256], bias[256];
    snprintf(kernel, sizeof kernel, "%s/kernel", name);
    snprintf(bias, sizeof bias, "%s/bias", name);
    struct vis_conv_weights weights = {
        .weight = {kernel}, .bias = {conv.no_bias ? NULL : bias}, .channels_last = 1};
    if (conv.norm)
        vis_norm_name(&weights.norm, conv.norm, vis_norm_keras, conv.norm_eps);
    return vis_conv_named(g, x, name, &weights, conv);
}

vis_val vis_keras_dense(struct vis_graph *g, vis_val x, const char *name, int out)
{
    char kernel[256], bias[256];
    snprintf(kernel, sizeof kernel, "%s/kernel", name);
    snprintf(bias, sizeof bias, "%s/bias", name);
    struct vis_conv_weights weights = {
        .weight = {kernel}, .bias = {bias}, .flat = 1, .channels_last = 1};
    return vis_conv_named(g, x, name, &weights, vis_conv_whole_map(g, x, out));
}

vis_val vis_keras_bigru(struct vis_graph *g, vis_val x, const char *name, const char *cell,
                        int units)
{
    static const char *const direction[2] = {"forward", "backward"};
    enum { KERNEL, RECURRENT, BIAS, KINDS };
    static const char *const kind[KINDS] = {"kernel", "recurrent_kernel", "bias"};
    char names[KINDS][2][256];
    for (int k = 0; k < KINDS; k++)
        for (int d = 0; d < 2; d++)
            snprintf(names[k][d], sizeof names[k][d], "%s/%s_%s/%s", name, direction[d], cell,
                     kind[k]);
    struct vis_gru_weights weights = {
        .reset = VIS_GRU_RESET_BEFORE,
        .input = {.weight = {names[KERNEL][0], names[KERNEL][1]},
                  .bias = {names[BIAS][0], names[BIAS][1]},
                  .flat = 1,
                  .channels_last = 1},
        .recurrent = {names[RECURRENT][0], names[RECURRENT][1]},
    };
    return vis_bigru_named(g, x, name, &weights, units);
}
