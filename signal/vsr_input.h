/* From 8-bit crops to the numbers that SyncVSR's and Auto-AVSR's networks read.
 * Sources: KAIST-AILab/SyncVSR, LRS/video/datamodule; mpc001/auto_avsr, datamodule/transforms.py;
 * their pictures go through torchvision, whose numbers these are. */
#ifndef VIS_SIGNAL_VSR_INPUT_H
#define VIS_SIGNAL_VSR_INPUT_H

#include "viseme.h"

/* How a crop becomes the network's picture. */
enum vis_vsr_fit {
    VIS_VSR_CENTRE, /* its middle, from rows and columns (size - side) / 2 on, halves to even */
    VIS_VSR_HALVE,  /* its middle, twice as large: means of 2 x 2 pixels */
    VIS_VSR_RESIZE  /* all of it, bilinear without smoothing, pixels as squares */
};

/* Fills out [side side] with (grey - 0.421) / 0.165 of a crop whose sides are at least `side` for
 * the middle of it, at least twice that for the middle halved. Grey is value / 255 where the three
 * bytes are equal, as in crops of grey pictures, else (0.2989 R + 0.587 G + 0.114 B) / 255. */
void vis_vsr_input(const viseme_image *crop, enum vis_vsr_fit fit, int side, float *out);

#endif
