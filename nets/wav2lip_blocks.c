#include "nets/wav2lip_blocks.h"

#include <stdio.h>
#include <string.h>

vis_val vis_wav2lip_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv)
{
    char inner[80], norm[80];
    snprintf(inner, sizeof inner, "%s.conv_block.0", name);
    snprintf(norm, sizeof norm, "%s.conv_block.1", name);
    conv.norm = norm;
    conv.act = VIS_ACT_RELU;
    return vis_conv(g, x, inner, conv);
}

vis_val vis_wav2lip_residuals(struct vis_graph *g, vis_val x, const char *name, int first,
                              int count)
{
    for (int i = 0; i < count && g->status == VISEME_OK; i++) {
        char block[64];
        snprintf(block, sizeof block, "%s.%d", name, first + i);
        x = vis_wav2lip_conv(g, x, block,
                             (struct vis_conv){.out = vis_graph_value(g, x)->dim[VIS_C],
                                               .k = {1, 3, 3},
                                               .pad = {0, 1, 1},
                                               .residual = x});
    }
    return x;
}

vis_val vis_wav2lip_stage(struct vis_graph *g, vis_val x, const char *name, int *at, int out,
                          const struct vis_wav2lip_stage *stage)
{
    char block[64];
    snprintf(block, sizeof block, "%s.%d", name, *at);
    x = vis_wav2lip_conv(g, x, block,
                         (struct vis_conv){.out = out,
                                           .k = {1, stage->k, stage->k},
                                           .stride = {1, stage->stride_y, stage->stride_x},
                                           .pad = {0, stage->pad, stage->pad}});
    x = vis_wav2lip_residuals(g, x, name, *at + 1, stage->residuals);
    *at += 1 + stage->residuals;
    return x;
}

vis_val vis_wav2lip_audio(struct vis_graph *g, vis_val mel, const char *name,
                          const int residuals[4])
{
    struct vis_wav2lip_stage stage[6] = {
        {3, 1, 1, 1, 0}, /* 80 x 16 */
        {3, 3, 1, 1, 0}, /* 27 x 16 */
        {3, 3, 3, 1, 0}, /* 9 x 6 */
        {3, 3, 2, 1, 0}, /* 3 x 3 */
        {3, 1, 1, 0, 0}, /* 1 x 1 */
        {1, 1, 1, 0, 0},
    };
    int channels[5] = {32, 64, 128, 256, 512}, more[4], at = 0;
    memcpy(more, residuals, sizeof more);
    vis_config_ints(g, "audio_widths", channels, 5, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_config_ints(g, "audio_residuals", more, 4, 0, VIS_WAV2LIP_MAX_RESIDUALS);
    for (int i = 0; i < 6; i++) {
        stage[i].residuals = i < 4 ? more[i] : 0;
        mel = vis_wav2lip_stage(g, mel, name, &at, channels[i < 5 ? i : 4], &stage[i]);
    }
    return mel;
}
