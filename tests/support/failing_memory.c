#include "tests/support/failing_memory.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <expat.h>
#include <jansson.h>

/* ---- Allocations that fail --------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int watching;      /* allocations are counted, and may fail */
static long count;        /* of allocations since the watch began */
static long failing = -1; /* the first one that fails, -1: none */
static int all_after;     /* and all after it */
static int fired;

/* What is allocated while watching and not freed yet. */
enum { SLOTS = 1 << 16 };
static void *live[SLOTS];
static long live_count;

static size_t slot_of(const void *p)
{
    size_t i = ((uintptr_t)p >> 4) * 2654435761u % SLOTS;
    while (live[i] && live[i] != p)
        i = (i + 1) % SLOTS;
    return i;
}

static void forget(void *p)
{
    size_t hole = slot_of(p);
    if (!p || !live[hole])
        return;
    live[hole] = NULL;
    live_count--;
    /* What was pushed on by the entry that is gone moves back. */
    for (size_t i = (hole + 1) % SLOTS; live[i]; i = (i + 1) % SLOTS) {
        void *moved = live[i];
        live[i] = NULL;
        live[slot_of(moved)] = moved;
    }
}

/* Whether the next allocation fails. */
static int fails(void)
{
    int result = 0;
    pthread_mutex_lock(&lock);
    if (watching) {
        result = failing >= 0 && (count == failing || (all_after && count > failing));
        fired |= result;
        count++;
    }
    pthread_mutex_unlock(&lock);
    if (result)
        errno = ENOMEM;
    return result;
}

static void *keep(void *p)
{
    pthread_mutex_lock(&lock);
    if (watching && p && live_count < SLOTS / 2) {
        live[slot_of(p)] = p;
        live_count++;
    }
    pthread_mutex_unlock(&lock);
    return p;
}

static void drop(void *p)
{
    pthread_mutex_lock(&lock);
    forget(p);
    pthread_mutex_unlock(&lock);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
XML_Parser __real_XML_ParserCreate(const XML_Char *encoding);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);

#pragma GCC visibility push(default) /* the linker looks for them from shared libraries too */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);
XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);
#pragma GCC visibility pop

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (fails())
        return NULL;
    void *moved;
    pthread_mutex_lock(&lock);
    int known = p && live[slot_of(p)];
    if (known)
        forget(p);
    moved = __real_realloc(p, size);
    if ((known || (watching && !p)) && moved && live_count < SLOTS / 2) {
        live[slot_of(moved)] = moved;
        live_count++;
    }
    pthread_mutex_unlock(&lock);
    return moved;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : keep(__real_aligned_alloc(align, size));
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : keep(__real_strdup(s));
}

void __wrap_free(void *p)
{
    drop(p);
    __real_free(p);
}

/* Before jansson has a block of its own. */
__attribute__((constructor)) static void take_jansson(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding)
{
    static const XML_Memory_Handling_Suite suite = {__wrap_malloc, __wrap_realloc, __wrap_free};
    return XML_ParserCreate_MM(encoding, &suite, NULL);
}

/* A thread that cannot be had is a want of memory too. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg)
{
    return fails() ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

/* ---- Running something with every allocation failing in turn ------------------------------- */

static void watch(long fail_at, int and_all_after)
{
    pthread_mutex_lock(&lock);
    count = 0;
    fired = 0;
    failing = fail_at;
    all_after = and_all_after;
    watching = 1;
    pthread_mutex_unlock(&lock);
}

static void unwatch(void)
{
    pthread_mutex_lock(&lock);
    watching = 0;
    pthread_mutex_unlock(&lock);
}

int failures_off(void)
{
    int were_on = watching;
    unwatch();
    return were_on;
}

void failures_back(int were_on)
{
    pthread_mutex_lock(&lock);
    watching = were_on;
    pthread_mutex_unlock(&lock);
}

/* Each allocation, alone and with all after it. */
void play_with_failures(const struct scene *scene)
{
    viseme_error err;
    live_count = 0;
    memset(live, 0, sizeof live);
    watch(-1, 0);
    viseme_status status = scene->play(&err);
    unwatch();
    if (status != VISEME_OK)
        fail_msg("%s: %s", scene->name, err.message);
    long total = count, tolerated = 0, tried = 0;
    assert_int_equal(live_count, 0);
    assert_true(total >= scene->at_least);
    /* Where everything is slow, 60 of them will do beside the first and the last ones. */
    long stride = getenv("VISEME_TEST_SMALL") ? total / 60 + 1 : 1;
    for (int all = 0; all < 2; all++)
        for (long i = 0; i < total; i += i < 20 || i + 20 >= total ? 1 : stride) {
            err = (viseme_error){0};
            watch(i, all);
            status = scene->play(&err);
            unwatch();
            if (live_count != 0)
                fail_msg("%s: %ld blocks leak when allocation %ld%s fails (%s)", scene->name,
                         live_count, i, all ? " and all after it" : "", err.message);
            tried++;
            if (fired && status == VISEME_OK && !all) {
                tolerated++; /* something that could be done without */
                continue;
            }
            if (fired && (status != VISEME_ERR_NOMEM || err.status != status || !err.message[0]))
                fail_msg("%s: status %d (%s) when allocation %ld%s fails", scene->name, (int)status,
                         err.message, i, all ? " and all after it" : "");
        }
    print_message("%s: %ld allocations, %ld failures tried, %ld of them done without\n",
                  scene->name, total, tried, tolerated);
    assert_int_equal(tolerated, 0);
    watch(-1, 0);
    assert_int_equal(scene->play(&err), VISEME_OK);
    unwatch();
}

void play_scene(void **state)
{
    play_with_failures(*state);
}
