/* How the offset of a long video changes: steadily (drift) and at once (steps). Robust: a third of
 * the points may be wrong. */
#ifndef VIS_TASKS_SYNC_TREND_H
#define VIS_TASKS_SYNC_TREND_H

#include "base/error.h"

enum { VIS_SYNC_MAX_POINTS = 512, VIS_SYNC_MAX_STEPS = 32 };

/* An offset measured around a time. */
struct vis_sync_point {
    double time_s, offset_ms;
};

/* A jump somewhere between two neighbouring points. */
struct vis_sync_step {
    double before_s, after_s; /* the times of the two points */
    double from_ms, to_ms;    /* levels before and after it: medians, drift taken out */
};

struct vis_sync_trend {
    int has_drift; /* 0: too few points, or less than 20 s between them */
    double drift_ms_per_min;
    double start_ms; /* the offset at time 0 by this drift: the median over the points */
    int step_count;  /* in the order of time */
    struct vis_sync_step steps[VIS_SYNC_MAX_STEPS];
};

/* points [count], their times ascending; count at most VIS_SYNC_MAX_POINTS (those beyond are left
 * out). Steps are found by binary segmentation: a jump of 30 ms or more, with three points or more
 * on both sides, that takes 30 % off the sum of absolute deviations from the median. Drift is
 * Theil's estimate, the median slope of all pairs of points without a step between them (H. Theil,
 * "A rank-invariant method of linear and polynomial regression analysis", 1950).
 * Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_sync_trend(const struct vis_sync_point *points, size_t count,
                             struct vis_sync_trend *out, viseme_error *err);

#endif
