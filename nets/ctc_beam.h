/* What the two CTC decoders share; nobody else includes this. */
#ifndef VIS_NETS_CTC_BEAM_H
#define VIS_NETS_CTC_BEAM_H

#include "base/error.h"

/* Refuses emissions no decoder can use: impossible sizes, NaN, +Inf, or a frame in which every
 * class has probability zero. logp [T C]. Errors: VISEME_ERR_INPUT. */
viseme_status vis_ctc_check(const float *logp, int frames, int classes, int blank,
                            viseme_error *err);

#endif
