/* What the embeddings of a talking face say about the offset of its sound: arithmetic only.
 *
 * Video embedding i stands for the 0.2 s of pictures that begin at frame i of 25 a second, audio
 * embedding j for the 0.2 s of sound that begin at the same time as frame j. An offset o in frames
 * means that pictures i go with sound i - o: above 0 the sound is early and must be delayed, below
 * 0 it is late.
 *
 * Sources: J. S. Chung and A. Zisserman, "Out of time: automated lip sync in the wild" (2016) and
 * the evaluation of syncnet_python; Y. J. Kim et al., "End-to-End Lip Synchronisation" (2020). */
#ifndef VIS_TASKS_SYNC_OFFSET_H
#define VIS_TASKS_SYNC_OFFSET_H

#include "base/error.h"

enum {
    VIS_SYNC_MAX_REACH = 100, /* frames to both sides */
    VIS_SYNC_MEDIAN = 9       /* of the framewise confidence */
};

/* Every video embedding of a face against the audio embeddings up to `reach` frames around it;
 * the embeddings themselves are not kept: 8 (2 reach + 1) + 8 bytes a row. Starts as
 * {.reach = ...}. Element [i][k] is of audio i + k - reach, so its offset is reach - k. */
struct vis_sync_pairs {
    int reach; /* 0 to VIS_SYNC_MAX_REACH */
    size_t rows, room;
    float *distance; /* [rows 2 reach + 1] sqrt(sum (v - a + 1e-6)^2), of zeros where no audio is */
    float *cosine;   /* [rows 2 reach + 1] NaN where there is no audio */
    float *alone;    /* [rows] the distance of the video embedding to zeros */
};

/* Adds the row of one video embedding [size]. audio: [2 reach + 1] embeddings [size], NULL where
 * there is none. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_sync_pairs_add(struct vis_sync_pairs *pairs, const float *video,
                                 const float *const *audio, size_t size, viseme_error *err);
/* Adds a row for a time without a face: NaN everywhere, which curves leave out. */
viseme_status vis_sync_pairs_add_gap(struct vis_sync_pairs *pairs, viseme_error *err);
void vis_sync_pairs_free(struct vis_sync_pairs *pairs);

enum vis_sync_curve_kind {
    VIS_SYNC_PADDED, /* mean distance, zeros for sound outside the rows: the original evaluation */
    VIS_SYNC_BASELINE, /* the same between unit vectors: the paper's sliding window */
    VIS_SYNC_DISTANCE, /* mean distance over the pairs there are */
    VIS_SYNC_DIAGONAL  /* 1 - mean cosine over the pairs there are: the paper's Diag-avg */
};

/* The cost of every offset from -range to range, ascending: curve[o + range]; lower is likelier.
 * Taken over `count` rows from `first` on; range: 0 to pairs->reach. support: NULL, or [2 range +
 * 1] how many pairs each is the mean of. An offset without any pair costs infinity. The last two
 * kinds use sound outside of the rows where there is some. */
void vis_sync_curve(const struct vis_sync_pairs *pairs, size_t first, size_t count,
                    enum vis_sync_curve_kind kind, int range, double *curve, size_t *support);

/* What a curve says. */
struct vis_sync_answer {
    int frames;        /* the offset of its lowest point; of several the largest */
    double offset;     /* in frames, between them by a parabola through three points */
    double lowest;     /* LSE-D for the original evaluation */
    double median;     /* of the finite costs */
    double confidence; /* median - lowest; LSE-C for the original evaluation */
    int at_edge;       /* the lowest point is the first or the last: the truth may lie beyond */
};
/* curve [2 range + 1]. Returns 1, or 0 and nothing but zeros when no cost is finite. */
int vis_sync_answer(const double *curve, int range, struct vis_sync_answer *answer);

/* How far an offset stands out of the rows: by how much each row's cost at `offset` lies below the
 * mean of its costs from -range to range, on average, in standard errors. Five rows count as one,
 * as they share pictures. Of sound that has nothing to do with the pictures 3 is rare and 4 hardly
 * seen. kind: the padded ones count as those over the pairs there are. 0 with fewer than 6 rows. */
double vis_sync_prominence(const struct vis_sync_pairs *pairs, size_t first, size_t count,
                           enum vis_sync_curve_kind kind, int range, int offset);

/* The largest range, up to `range`, at which every offset is the mean of at least `least` of
 * `count` rows; -1 when not even 0 is. */
int vis_sync_fitting_range(size_t count, size_t least, int range);

/* Framewise confidence: `median` minus the distance of each row at `offset` frames, then a running
 * median of VIS_SYNC_MEDIAN with zeros beyond both ends, as the original evaluation has it.
 * out [count]; rows without a face give 0. */
void vis_sync_framewise(const struct vis_sync_pairs *pairs, size_t first, size_t count, int offset,
                        double median, float *out);

/* Copies the similarity matrix of n rows from `first` on: matrix [n n], rows audio, columns video,
 * 0 where there is none. n at most reach + 1. */
void vis_sync_pairs_matrix(const struct vis_sync_pairs *pairs, size_t first, int n, float *matrix);

#endif
