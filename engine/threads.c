#include "engine/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* Between two loops of one network a few microseconds pass, and a futex takes about 30 to wake a
 * thread: so a worker spins this long before it sleeps, and only where every thread can have a
 * CPU of its own. */
enum { SPIN_NANOSECONDS = 150 * 1000, MOST_SPINS = 4096 };

struct worker {
    struct vis_threads *pool;
    int index;
    pthread_t thread;
};

struct vis_threads {
    int count, started;
    int spin; /* 1 when there is a CPU for every thread */
    struct worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* One loop. `generation` is what publishes it; each counter on its own cache line. */
    vis_task_fn *fn;
    void *context;
    int tasks;
    _Alignas(128) atomic_uint generation;
    _Alignas(128) atomic_int next;
    _Alignas(128) atomic_int busy; /* workers that have not finished this generation */
    _Alignas(128) atomic_int stop;
};

int vis_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > VIS_THREADS_MAX ? VIS_THREADS_MAX : n;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void work(struct vis_threads *p, int thread)
{
    for (;;) {
        int task = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (task >= p->tasks)
            return;
        p->fn(p->context, task, thread);
    }
}

/* Waits until the generation differs from `seen`: spinning first, then asleep. */
static void wait_for_loop(struct vis_threads *p, unsigned seen)
{
    if (p->spin) {
        int64_t end = now_ns() + SPIN_NANOSECONDS;
        do {
            for (int i = 0; i < 64; i++) {
                if (atomic_load_explicit(&p->generation, memory_order_acquire) != seen)
                    return;
                relax();
            }
        } while (now_ns() < end);
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load_explicit(&p->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct vis_threads *p = w->pool;
    for (unsigned seen = 0;;) {
        wait_for_loop(p, seen);
        seen++;
        if (atomic_load_explicit(&p->stop, memory_order_acquire))
            return NULL;
        work(p, w->index);
        atomic_fetch_sub_explicit(&p->busy, 1, memory_order_release);
    }
}

static void publish(struct vis_threads *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

viseme_status vis_threads_open(struct vis_threads **out, int count, viseme_error *err)
{
    *out = NULL;
    if (count < 0 || count > VIS_THREADS_MAX)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%d threads asked for; 1 to %d are possible, 0 means one per CPU", count,
                        VIS_THREADS_MAX);
    if (count == 0)
        count = vis_cpu_count();
    struct vis_threads *p = aligned_alloc(128, sizeof *p);
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        return vis_fail_nomem(err, sizeof *p);
    }
    *p = (struct vis_threads){.count = count, .workers = workers, .spin = count <= vis_cpu_count()};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int i = 1; i < count; i++) {
        workers[i] = (struct worker){.pool = p, .index = i};
        int code = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (code != 0) {
            vis_threads_close(p);
            return vis_fail(err, VISEME_ERR_NOMEM,
                            "thread %d of %d could not be started "
                            "(error %d); ask for fewer threads",
                            i + 1, count, code);
        }
        p->started++;
    }
    *out = p;
    return VISEME_OK;
}

void vis_threads_close(struct vis_threads *p)
{
    if (!p)
        return;
    atomic_store_explicit(&p->stop, 1, memory_order_release);
    publish(p);
    for (int i = 1; i <= p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
}

int vis_threads_count(const struct vis_threads *p)
{
    return p->count;
}

void vis_threads_run(struct vis_threads *p, int tasks, vis_task_fn *fn, void *context)
{
    p->tasks = tasks;
    p->fn = fn;
    p->context = context;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    if (p->count == 1 || tasks <= 1) {
        work(p, 0);
        return;
    }
    atomic_store_explicit(&p->busy, p->started, memory_order_relaxed);
    publish(p);
    work(p, 0);
    /* Tasks are short and evenly sized: what is left to wait for is at most one task each, unless
     * other programs have taken a worker's CPU. */
    const int most = p->spin ? MOST_SPINS : 64;
    for (int spins = 0; atomic_load_explicit(&p->busy, memory_order_acquire) > 0;) {
        if (spins < most) {
            spins++;
            relax();
        } else {
            sched_yield();
        }
    }
}
