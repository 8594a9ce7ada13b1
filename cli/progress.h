/* A progress bar on standard error, only where a person looks at it: a terminal that can move the
 * cursor. It has no colours, so NO_COLOR is respected by nature. */
#ifndef VIS_CLI_PROGRESS_H
#define VIS_CLI_PROGRESS_H

struct vis_progress {
    const char *label; /* borrowed */
    double total;      /* of what is counted; 0: unknown */
    double shown_at;   /* seconds of the clock, of the last drawing */
    int on, drawn;
};

/* quiet: never draw. unit of `total` and of the updates: seconds of video. */
void vis_progress_start(struct vis_progress *p, const char *label, double total, int quiet);
/* Draws at most ten times a second. */
void vis_progress_update(struct vis_progress *p, double done);
/* Replaces the bar by a word about a stage that cannot be counted. */
void vis_progress_stage(struct vis_progress *p, const char *stage);
/* Removes the bar. */
void vis_progress_stop(struct vis_progress *p);

/* Seconds of a clock that never goes back. */
double vis_clock_s(void);

#endif
