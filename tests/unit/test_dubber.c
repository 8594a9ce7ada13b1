/* Dubbers of the public interface: any number of threads, and several dubbers of one model at the
 * same time, make the same patches. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/data.h"
#include "tests/support/dubbing.h"

enum { FRAMES = 7, USERS = 3 };

static viseme_model *open_model(const char *name)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data(name), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

struct user {
    pthread_t thread;
    struct dubbing dubbing;
    viseme_status status;
    viseme_error err;
};

static void *dub(void *arg)
{
    struct user *u = arg;
    u->status = dubbing_run(&u->dubbing, &u->err);
    return NULL;
}

static void dubbers_share_models(void **state)
{
    struct canvas frames[FRAMES];
    struct user users[USERS];
    (void)state;
    viseme_model *generator = open_model("narrow_wav2lip.safetensors");
    viseme_model *expert = open_model("narrow_syncnet_color.safetensors");
    for (int i = 0; i < FRAMES; i++) {
        frames[i] = blank(160, 120);
        draw_face(&frames[i], 80 + i, 60, 60);
    }
    for (int i = 0; i < USERS; i++) { /* whoever is first packs the weights */
        users[i].dubbing =
            (struct dubbing){.generator = generator,
                             .options = {.crop = {.cascade_xml = drawn_cascade,
                                                  .cascade_bytes = strlen(drawn_cascade)},
                                         .threads = 1 + i,
                                         .sync_judge = expert},
                             .frames = frames,
                             .count = FRAMES};
        assert_int_equal(pthread_create(&users[i].thread, NULL, dub, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++)
        pthread_join(users[i].thread, NULL);
    for (int i = 0; i < USERS; i++) {
        const struct dubbing *d = &users[i].dubbing;
        if (users[i].status != VISEME_OK)
            fail_msg("%s", users[i].err.message);
        assert_int_equal(d->changed, FRAMES);
        assert_int_equal(d->judged, FRAMES / 5);
        assert_true(d->crc == users[0].dubbing.crc);
    }
    for (int i = 0; i < FRAMES; i++)
        free(frames[i].bytes);
    viseme_model_close(generator);
    viseme_model_close(expert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dubbers_share_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
