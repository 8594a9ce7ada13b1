#include "cli/queue.h"

viseme_status vis_queue_open(struct vis_queue *q, int room, viseme_error *err)
{
    *q = (struct vis_queue){.room = room};
    if (pthread_mutex_init(&q->mutex, NULL) != 0)
        return vis_fail_nomem(err, sizeof q->mutex);
    if (pthread_cond_init(&q->changed, NULL) != 0) {
        pthread_mutex_destroy(&q->mutex);
        return vis_fail_nomem(err, sizeof q->changed);
    }
    return VISEME_OK;
}

void vis_queue_free(struct vis_queue *q)
{
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->mutex);
}

int vis_queue_put(struct vis_queue *q, void *item)
{
    pthread_mutex_lock(&q->mutex);
    while (q->count == q->room && !q->stopped)
        pthread_cond_wait(&q->changed, &q->mutex);
    const int taken = !q->stopped;
    if (taken)
        q->items[(q->first + q->count++) % VIS_QUEUE_MAX] = item;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->mutex);
    return taken;
}

void *vis_queue_take(struct vis_queue *q)
{
    void *item = NULL;
    pthread_mutex_lock(&q->mutex);
    while (q->count == 0 && !q->closed && !q->stopped)
        pthread_cond_wait(&q->changed, &q->mutex);
    if (q->count > 0) {
        item = q->items[q->first];
        q->first = (q->first + 1) % VIS_QUEUE_MAX;
        q->count--;
    }
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->mutex);
    return item;
}

void vis_queue_close(struct vis_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->closed = 1;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->mutex);
}

void vis_queue_stop(struct vis_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->stopped = 1;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->mutex);
}

int vis_queue_is_stopped(struct vis_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    const int stopped = q->stopped;
    pthread_mutex_unlock(&q->mutex);
    return stopped;
}
