/* A small persistent thread pool: one parallel loop at a time. */
#ifndef VIS_ENGINE_THREADS_H
#define VIS_ENGINE_THREADS_H

#include "base/error.h"

struct vis_threads;

enum { VIS_THREADS_MAX = 256 }; /* of a pool */

/* Called for every task 0 .. tasks-1, each exactly once, in no particular order. `thread` is
 * 0 .. vis_threads_count()-1 and unique among the calls running at the same time. */
typedef void vis_task_fn(void *context, int task, int thread);

/* Number of CPUs that this process may run on, at least 1. */
int vis_cpu_count(void);

/* Starts `count` - 1 threads; the caller of vis_threads_run() is the first of the pool.
 * count 1 .. VIS_THREADS_MAX; 0: vis_cpu_count(). Errors: VISEME_ERR_ARGUMENT, VISEME_ERR_NOMEM. */
viseme_status vis_threads_open(struct vis_threads **out, int count, viseme_error *err);
void vis_threads_close(struct vis_threads *threads);
int vis_threads_count(const struct vis_threads *threads);

/* Runs the tasks and returns when all are done. Not reentrant; one caller at a time. */
void vis_threads_run(struct vis_threads *threads, int tasks, vis_task_fn *fn, void *context);

#endif
