/* Drawn frames and a tone through a dubber of the public interface. */
#ifndef TESTS_SUPPORT_DUBBING_H
#define TESTS_SUPPORT_DUBBING_H

#include "tests/support/drawn_face.h"
#include "viseme.h"

struct dubbing {
    const viseme_model *generator;
    viseme_dubber_options options;
    const struct canvas *frames; /* 25 a second */
    int count, looped;           /* 1: played twice, as the pictures of a clip */
    /* What came of it: frames that changed, a checksum of all patches, windows that were judged. */
    int changed, judged;
    unsigned long crc;
};

/* Errors are those of the dubber. */
viseme_status dubbing_run(struct dubbing *d, viseme_error *err);

#endif
