/* Every allocation fails once while a face is dubbed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/data.h"
#include "tests/support/dubbing.h"
#include "tests/support/failing_memory.h"

enum { FRAMES = 6 }; /* the last one without a face */
static struct canvas frames[FRAMES];
static viseme_model *generator, *expert;

/* The face is searched, found again, lost; a judge listens. */
static viseme_status dub_found_faces(viseme_error *err)
{
    struct dubbing d = {
        .generator = generator,
        .options = {.crop = {.cascade_xml = drawn_cascade, .cascade_bytes = strlen(drawn_cascade)},
                    .silence = VISEME_SILENCE_KEEP,
                    .threads = 1,
                    .batch = 2,
                    .sync_judge = expert},
        .frames = frames,
        .count = FRAMES,
        .looped = 1};
    return dubbing_run(&d, err);
}

static viseme_status dub_a_box(viseme_error *err)
{
    static const int box[4] = {30, 90, 50, 110};
    struct dubbing d = {
        .generator = generator,
        .options = {.box = box, .blend = VISEME_BLEND_HARD, .threads = 1, .batch = 2},
        .frames = frames,
        .count = FRAMES};
    return dubbing_run(&d, err);
}

static viseme_model *open_model(const char *name)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data(name), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

static int set_up(void **state)
{
    viseme_error err;
    (void)state;
    generator = open_model("narrow_wav2lip.safetensors");
    expert = open_model("narrow_syncnet_color.safetensors");
    for (int i = 0; i < FRAMES; i++) {
        frames[i] = blank(160, 120);
        if (i < FRAMES - 1)
            draw_face(&frames[i], 80 + i, 60, 60);
    }
    assert_int_equal(dub_found_faces(&err), VISEME_OK); /* packs the weights */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < FRAMES; i++)
        free(frames[i].bytes);
    viseme_model_close(generator);
    viseme_model_close(expert);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(dub_found_faces, 100),
        SCENE(dub_a_box, 40),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
