/* What Wav2Lip's generator, its discriminator and its expert are made of.
 * Source: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the
 * Wild", 2020, in the layout of the authors' models/conv.py. */
#ifndef VIS_NETS_WAV2LIP_BLOCKS_H
#define VIS_NETS_WAV2LIP_BLOCKS_H

#include "engine/graph.h"

/* Frames are VIS_WAV2LIP_SIZE pixels in height and width, pieces of sound 16 steps (0.2 s) of 80
 * mel bands. */
enum { VIS_WAV2LIP_SIZE = 96, VIS_WAV2LIP_MELS = 80, VIS_WAV2LIP_STEPS = 16 };
/* Limits of channels and of residual blocks in a row, in a viseme.config. */
enum { VIS_WAV2LIP_MAX_CHANNELS = 4096, VIS_WAV2LIP_MAX_RESIDUALS = 64 };

/* Convolution, batch norm, ReLU: "<name>.conv_block.0" and "<name>.conv_block.1". Of `conv` all
 * but norm and act count; a residual is added before the ReLU. */
vis_val vis_wav2lip_conv(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv);

/* `count` blocks of 3 x 3 that add their input: "<name>.<first>" and so on. */
vis_val vis_wav2lip_residuals(struct vis_graph *g, vis_val x, const char *name, int first,
                              int count);

/* A block of size (k x k, stride (sy, sx), pad) and `residuals` blocks behind it, the first of
 * them "<name>.<*at>"; *at moves on. */
struct vis_wav2lip_stage {
    int k, stride_y, stride_x, pad, residuals;
};
vis_val vis_wav2lip_stage(struct vis_graph *g, vis_val x, const char *name, int *at, int out,
                          const struct vis_wav2lip_stage *stage);

/* The audio encoder: [N 1 80 16 1] -> [N 1 1 1 channels[4]], blocks "<name>.0" and so on. Widths
 * and residual blocks of the stages from the lists "audio_widths" [5] and "audio_residuals" [4]
 * of the config; `residuals` [4] are those of a file that has none. */
vis_val vis_wav2lip_audio(struct vis_graph *g, vis_val mel, const char *name,
                          const int residuals[4]);

#endif
