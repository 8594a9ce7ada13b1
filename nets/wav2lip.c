/* Wav2Lip's generator: a piece of sound and a face -> the face with a mouth that says it.
 * Source: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the
 * Wild", 2020, in the layout of the authors' models/wav2lip.py: BGR / 255. Widths and the numbers
 * of residual blocks are in the weights file's config. */
#include "nets/nets.h"
#include "nets/wav2lip_blocks.h"

#include <stdio.h>

enum { STAGES = 7, SIZE = VIS_WAV2LIP_SIZE };

/* Seven maps of the face, from 96 x 96 to 1 x 1, for the decoder. */
static void encode_face(struct vis_graph *g, vis_val x, vis_val maps[STAGES])
{
    int channels[STAGES] = {16, 32, 64, 128, 256, 512, 512};
    int residuals[STAGES - 1] = {0, 2, 3, 2, 2, 1};
    vis_config_ints(g, "face_widths", channels, STAGES, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_config_ints(g, "face_residuals", residuals, STAGES - 1, 0, VIS_WAV2LIP_MAX_RESIDUALS);
    for (int i = 0; i < STAGES; i++) {
        static const struct vis_wav2lip_stage first = {7, 1, 1, 3, 0}, down = {3, 2, 2, 1, 0};
        static const struct vis_wav2lip_stage whole_map = {3, 1, 1, 0, 0}, last = {1, 1, 1, 0, 0};
        struct vis_wav2lip_stage stage = i == 0 ? first : i == STAGES - 1 ? whole_map : down;
        char name[32];
        int at = 0;
        snprintf(name, sizeof name, "face_encoder_blocks.%d", i);
        stage.residuals = i < STAGES - 1 ? residuals[i] : 0;
        x = vis_wav2lip_stage(g, x, name, &at, channels[i], &stage);
        if (i == STAGES - 1)
            x = vis_wav2lip_stage(g, x, name, &at, channels[i], &last);
        maps[i] = x;
    }
}

/* Block i of the decoder, 1 and up: a transposed convolution; 1 x 1 becomes 3 x 3, then each
 * doubles the size. */
static vis_val grow(struct vis_graph *g, vis_val x, const char *block, int out, int i)
{
    struct vis_conv conv = {.out = out, .k = {1, 3, 3}, .act = VIS_ACT_RELU};
    char name[64], norm[64];
    snprintf(name, sizeof name, "%s.0.conv_block.0", block);
    snprintf(norm, sizeof norm, "%s.0.conv_block.1", block);
    conv.norm = norm;
    for (int axis = 1; i > 1 && axis < 3; axis++) { /* H W */
        conv.stride[axis] = 2;
        conv.pad[axis] = conv.output_pad[axis] = 1;
    }
    return vis_conv_transposed(g, x, name, conv);
}

static vis_val decode(struct vis_graph *g, vis_val x, const vis_val maps[STAGES])
{
    int channels[STAGES] = {512, 512, 512, 384, 256, 128, 64};
    int residuals[STAGES] = {0, 1, 2, 2, 2, 2, 2};
    vis_config_ints(g, "decoder_widths", channels, STAGES, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_config_ints(g, "decoder_residuals", residuals, STAGES, 0, VIS_WAV2LIP_MAX_RESIDUALS);
    for (int i = 0; i < STAGES; i++) {
        char block[32], first[40];
        snprintf(block, sizeof block, "face_decoder_blocks.%d", i);
        snprintf(first, sizeof first, "%s.0", block);
        if (i == 0)
            x = vis_wav2lip_conv(g, x, first, (struct vis_conv){.out = channels[0]});
        else
            x = grow(g, x, block, channels[i], i);
        x = vis_wav2lip_residuals(g, x, block, 1, residuals[i]);
        x = vis_concat(g, x, maps[STAGES - 1 - i]);
    }
    return x;
}

static void build(struct vis_graph *g)
{
    static const int audio_residuals[4] = {2, 2, 2, 1};
    const int sound[VIS_AXES] = {
        [VIS_T] = 1, [VIS_H] = VIS_WAV2LIP_MELS, [VIS_W] = VIS_WAV2LIP_STEPS, [VIS_C] = 1};
    int size = vis_config_int(g, "input_size", SIZE, SIZE, SIZE);
    const int picture[VIS_AXES] = {[VIS_T] = 1, [VIS_H] = size, [VIS_W] = size, [VIS_C] = 6};
    int channels = vis_config_int(g, "output_width", 32, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_val mel = vis_input(g, "mel", "NCHW", sound);
    vis_val face = vis_input(g, "face", "NCHW", picture), maps[STAGES];
    encode_face(g, face, maps);
    vis_val x = vis_wav2lip_audio(g, mel, "audio_encoder", audio_residuals);
    x = decode(g, x, maps); /* [N 1 96 96 80] */
    x = vis_wav2lip_conv(g, x, "output_block.0",
                         (struct vis_conv){.out = channels, .k = {1, 3, 3}, .pad = {0, 1, 1}});
    x = vis_conv(g, x, "output_block.1", (struct vis_conv){.out = 3});
    vis_output(g, "frames", "NCHW", vis_sigmoid(g, x));
}

const struct vis_net vis_net_wav2lip = {.name = "wav2lip", .build = build};
