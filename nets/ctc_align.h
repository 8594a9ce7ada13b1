/* When a labelling is said, and how sure the network is of it: forced alignment on the emissions.
 * Method: Viterbi over the states blank, l1, blank, l2 ... blank of a labelling, Graves et al.
 * 2006, section 4.1, with the best way in place of the sum. */
#ifndef VIS_NETS_CTC_ALIGN_H
#define VIS_NETS_CTC_ALIGN_H

#include "base/error.h"
#include "nets/ctc.h"

/* The best path of a labelling. */
struct vis_ctc_alignment {
    int *first, *last;      /* [length] the first and last frame that emits each label */
    float *path;            /* [T] log-probability of what each frame emits */
    double log_probability; /* of the path */
};

/* logp [T C], frames, classes, blank as in nets/ctc.h; labels [length] are neither blank nor
 * outside 0 .. C-1.
 *
 * Exact for up to 2^26 pairs of a frame and a state. Above that, states 200 nats less likely than
 * the best of their frame are given up (2000, then none, should that leave no path): for the hour
 * of video where this matters, far more than a reading's own path ever falls behind.
 * Free with vis_ctc_alignment_free().
 * Errors: VISEME_ERR_INPUT (emissions as in nets/ctc.h; no path, because the labelling is longer
 * than the input or impossible), VISEME_ERR_LIMIT (over 1 GiB of memory), VISEME_ERR_NOMEM. */
viseme_status vis_ctc_align(struct vis_ctc_alignment *out, const float *logp, int frames,
                            int classes, int blank, const int *labels, int length,
                            viseme_error *err);
void vis_ctc_alignment_free(struct vis_ctc_alignment *alignment);

/* Puts the label `space` wherever at least `pause` frames of blanks lie between two labels that are
 * not it: networks that learnt from single sentences never saw the space between two of them. The
 * labelling and its alignment grow together; the space gets the frame in the middle.
 * Errors: VISEME_ERR_NOMEM (both are as they were). */
viseme_status vis_ctc_mark_pauses(struct vis_ctc_alignment *alignment,
                                  struct vis_ctc_hypothesis *hypothesis, int space, int pause,
                                  viseme_error *err);

/* One word of a labelling. */
struct vis_ctc_word {
    char *text;        /* its symbols */
    int first, last;   /* the frames that emit it, blanks between its labels included */
    double confidence; /* 0 to 1: geometric mean of path's probabilities in these frames */
};

struct vis_ctc_words {
    struct vis_ctc_word *items; /* [count] in the order of time */
    int count;
    double confidence; /* of all: geometric mean over the frames of the words and of the spaces
                          between them; where there is no word, over all frames (1 for none) */
};

/* Cuts an aligned labelling into words at the symbol " ". vocab [classes] as in vis_ctc_text().
 * frames: T. Free with vis_ctc_words_free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_ctc_words(struct vis_ctc_words *out, const struct vis_ctc_alignment *alignment,
                            int frames, const int *labels, int length, const char *const *vocab,
                            viseme_error *err);
void vis_ctc_words_free(struct vis_ctc_words *words);

#endif
