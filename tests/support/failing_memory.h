/* Something is done again and again, each time with another one of its allocations failing.
 *
 * The linker's --wrap sends the allocations of viseme's objects here (see tests.mk, which does so
 * for tests/unit/test_alloc_*); jansson and expat, which are shared libraries, are given the same
 * functions. What libc, FFmpeg, libpng and OpenBLAS allocate for themselves is left alone. */
#ifndef TESTS_SUPPORT_FAILING_MEMORY_H
#define TESTS_SUPPORT_FAILING_MEMORY_H

#include "viseme.h"

struct scene {
    const char *name;
    /* Does it all and frees it all. */
    viseme_status (*play)(viseme_error *err);
    long at_least; /* allocations that it makes */
};

/* Plays the scene once to count its allocations, then for each of them with that one failing, and
 * with it and all after it: the scene must end with VISEME_ERR_NOMEM and a sentence, and leave
 * nothing behind. At last it is played again with all the memory it wants. Under
 * VISEME_TEST_SMALL=1 some 100 of the allocations fail. */
void play_with_failures(const struct scene *scene);
/* The same as a test of cmocka, *state being the scene. */
void play_scene(void **state);

/* A row of cmocka's table. */
#define SCENE(function, least)                                                                     \
    {                                                                                              \
        .name = #function, .test_func = play_scene, .initial_state = &(struct scene)               \
        {                                                                                          \
            .name = #function, .play = function, .at_least = least                                 \
        }                                                                                          \
    }

/* For what belongs to the stage: from the first call to the second nothing fails, and nothing is
 * missed that stays. The second takes what the first gave. */
int failures_off(void);
void failures_back(int were_on);

#endif
