/* Offsets in words, and what broadcasting standards think of them. */
#ifndef VIS_CLI_SYNC_WORDS_H
#define VIS_CLI_SYNC_WORDS_H

#include <stddef.h>

#include "viseme.h"

extern const char *const vis_sync_standards[]; /* bt1359, r37, is191 */
extern const char *const vis_sync_methods[];   /* by viseme_sync_method, then "all" */

/* "no face", "no speech" ...: why an offset is unknown. Static storage. */
const char *vis_sync_reason(viseme_sync_reason reason);

/* "audio is early by 80 ms", "audio is late by 40 ms", "audio and lips agree". */
void vis_sync_words(double offset_ms, char *text, size_t size);

/* What a standard says of an offset. Early and late bounds in ms:
 *   ITU-R BT.1359-1: detectable beyond 45 and 125, not acceptable beyond 90 and 185
 *   EBU R37: 40 and 60; ATSC IS-191: 15 and 45 */
struct vis_sync_verdict {
    const char *standard, *title;
    int pass;          /* within the bounds; of BT.1359 those of detectability */
    const char *level; /* "pass", "detectable" (BT.1359: acceptable, but noticed) or "fail" */
    double early_ms, late_ms; /* the bounds */
};
struct vis_sync_verdict vis_sync_judge(int standard, double offset_ms);

#endif
