/* A queue between two threads that holds a few things only: whoever is ahead waits. */
#ifndef VIS_CLI_QUEUE_H
#define VIS_CLI_QUEUE_H

#include <pthread.h>

#include "base/error.h"

enum { VIS_QUEUE_MAX = 64 };

struct vis_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void *items[VIS_QUEUE_MAX];
    int first, count, room;
    int closed;  /* nothing more comes */
    int stopped; /* nobody takes what comes */
};

/* room: 1 to VIS_QUEUE_MAX things. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_queue_open(struct vis_queue *q, int room, viseme_error *err);
/* No thread uses it any more; what is in it is lost. */
void vis_queue_free(struct vis_queue *q);

/* Puts a thing in, waiting for room. Returns 0 when nobody will take it: it stays the caller's. */
int vis_queue_put(struct vis_queue *q, void *item);
/* Takes a thing out, waiting for one. NULL when there are no more. */
void *vis_queue_take(struct vis_queue *q);
/* The one who puts says that nothing more comes. */
void vis_queue_close(struct vis_queue *q);
/* The one who takes says that he takes no more. What is left can still be taken, without waiting:
 * NULL ends it. */
void vis_queue_stop(struct vis_queue *q);
int vis_queue_is_stopped(struct vis_queue *q);

#endif
