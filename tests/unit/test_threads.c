/* The thread pool: every task once, at any number of threads, many times in a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/threads.h"

enum { TASKS = 1000 };

struct count {
    atomic_int times[TASKS];
    atomic_int inside[256]; /* calls now running as that thread */
    atomic_int wrong;
    int threads;
};

static void count_task(void *context, int task, int thread)
{
    struct count *c = context;
    if (thread < 0 || thread >= c->threads || atomic_fetch_add(&c->inside[thread], 1) != 0)
        atomic_fetch_add(&c->wrong, 1);
    atomic_fetch_add(&c->times[task], 1);
    atomic_fetch_sub(&c->inside[thread], 1);
}

static void runs_every_task_once(void **state)
{
    static const int threads[] = {1, 2, 3, 8};
    static const int tasks[] = {0, 1, 2, 7, TASKS};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct vis_threads *pool;
        assert_int_equal(vis_threads_open(&pool, threads[i], NULL), VISEME_OK);
        assert_int_equal(vis_threads_count(pool), threads[i]);
        for (int round = 0; round < 50; round++)
            for (int j = 0; j < 5; j++) {
                struct count *c = calloc(1, sizeof *c);
                assert_non_null(c);
                c->threads = threads[i];
                vis_threads_run(pool, tasks[j], count_task, c);
                for (int k = 0; k < TASKS; k++)
                    assert_int_equal(atomic_load(&c->times[k]), k < tasks[j]);
                assert_int_equal(atomic_load(&c->wrong), 0);
                free(c);
            }
        vis_threads_close(pool);
    }
}

/* What one loop wrote without any atomics, the next loop and the caller must see. */
static void add_task(void *context, int task, int thread)
{
    int *values = context;
    (void)thread;
    values[task]++;
}

static void loops_see_what_loops_before_wrote(void **state)
{
    (void)state;
    struct vis_threads *pool;
    int values[64] = {0};
    assert_int_equal(vis_threads_open(&pool, 4, NULL), VISEME_OK);
    for (int round = 0; round < 500; round++)
        vis_threads_run(pool, 64, add_task, values);
    for (int i = 0; i < 64; i++)
        assert_int_equal(values[i], 500);
    vis_threads_close(pool);
}

static void refuses_absurd_counts(void **state)
{
    (void)state;
    struct vis_threads *pool;
    assert_int_equal(vis_threads_open(&pool, -1, NULL), VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_threads_open(&pool, 257, NULL), VISEME_ERR_ARGUMENT);
    assert_null(pool);
    assert_int_equal(vis_threads_open(&pool, 0, NULL), VISEME_OK);
    assert_int_equal(vis_threads_count(pool), vis_cpu_count());
    vis_threads_close(pool);
    vis_threads_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_task_once),
        cmocka_unit_test(loops_see_what_loops_before_wrote),
        cmocka_unit_test(refuses_absurd_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
