/* Wav2Lip's discriminator of visual quality: frames -> how real their lower halves look.
 * Source: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the
 * Wild", 2020, in the layout of the authors' models/wav2lip.py: BGR / 255, leaky ReLU, no batch
 * norm. */
#include "nets/nets.h"
#include "nets/wav2lip_blocks.h"

#include <stdio.h>

enum { STAGES = 7, SIZE = VIS_WAV2LIP_SIZE };

static vis_val block(struct vis_graph *g, vis_val x, int stage, int index, struct vis_conv conv)
{
    char name[64];
    snprintf(name, sizeof name, "face_encoder_blocks.%d.%d.conv_block.0", stage, index);
    conv.act = VIS_ACT_PRELU;
    conv.leak = 0.01F;
    return vis_conv(g, x, name, conv);
}

/* Two convolutions of k x k, the first with a stride; of the first stage there is one. */
static vis_val stage(struct vis_graph *g, vis_val x, int i, int out)
{
    static const int k[STAGES] = {7, 5, 5, 5, 3, 3, 3}, stride[STAGES] = {1, 2, 2, 2, 2, 2, 1};
    const int last = i == STAGES - 1, pad = last ? 0 : k[i] / 2;
    struct vis_conv first = {.out = out,
                             .k = {1, k[i], k[i]},
                             .stride = {1, i == 1 ? 1 : stride[i], stride[i]},
                             .pad = {0, pad, pad}};
    struct vis_conv second = {.out = out, .k = {1, k[i], k[i]}, .pad = {0, pad, pad}};
    x = block(g, x, i, 0, first);
    if (i == 0)
        return x;
    return block(g, x, i, 1, last ? (struct vis_conv){.out = out} : second);
}

static void build(struct vis_graph *g)
{
    int channels[STAGES] = {32, 64, 128, 256, 512, 512, 512};
    int size = vis_config_int(g, "input_size", SIZE, SIZE, SIZE);
    const int frames[VIS_AXES] = {[VIS_H] = size, [VIS_W] = size, [VIS_C] = 3};
    vis_config_ints(g, "widths", channels, STAGES, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_val x = vis_input(g, "face", "NCTHW", frames);
    x = vis_crop_rows(g, x, size / 2, size / 2); /* [N T 48 96 3] */
    for (int i = 0; i < STAGES; i++)
        x = stage(g, x, i, channels[i]); /* 48x96, 48x48, 24x24, 12x12, 6x6, 3x3, 1x1 */
    x = vis_conv(g, x, "binary_pred.0", (struct vis_conv){.out = 1});
    vis_output(g, "logits", "TNC", x); /* the original's order of rows, [T*N 1] */
    vis_output(g, "pred", "TNC", vis_sigmoid(g, x));
}

const struct vis_net vis_net_wav2lip_disc = {.name = "wav2lip_disc", .build = build};
