/* Every allocation fails once while crops become words whose times a file states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/word_times.h"
#include "tests/support/data.h"
#include "tests/support/failing_memory.h"

static viseme_model *model; /* opened without failures */

static viseme_status read_crops(const viseme_reader_options *opts, viseme_error *err)
{
    enum { WIDTH = 112, HEIGHT = 96, COUNT = 40 };
    static uint8_t bytes[WIDTH * HEIGHT * 3];
    const viseme_image crop = {bytes, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
    viseme_reader *reader;
    viseme_status status = viseme_reader_open(&reader, model, opts, err);
    for (int i = 0; i < COUNT && status == VISEME_OK; i++)
        status = viseme_reader_push_crop(reader, &crop, err);
    if (status == VISEME_OK)
        status = viseme_reader_finish(reader, err);
    viseme_reader_close(reader);
    return status;
}

static viseme_status read_a_clip(viseme_error *err)
{
    return read_crops(&(viseme_reader_options){.threads = 1, .nbest = 3}, err);
}

static viseme_status read_at_times(viseme_error *err)
{
    static const char text[] = "0.1 0.3 a\n0.2 0.4 b\n0.3 0.5 c\n0.4 0.6 d\n0.5 0.7 e\n"
                               "0.6 0.8 f\n0.7 0.9 g\n0.8 1.0 h\n0.9 1.1 i\n1.0 1.2 j\n";
    struct vis_word_times times;
    viseme_status status = vis_word_times_parse(&times, text, strlen(text), 1, "text", err);
    if (status == VISEME_OK)
        status = read_crops(
            &(viseme_reader_options){
                .threads = 1, .nbest = 2, .spans = times.spans, .span_count = times.count},
            err);
    vis_word_times_free(&times);
    return status;
}

static int set_up(void **state)
{
    (void)state;
    const char *path = test_data("words_syncvsr_lrw_1.safetensors");
    viseme_error err;
    if (viseme_model_open(&model, path, NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(read_a_clip(&err), VISEME_OK); /* packs the weights */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    viseme_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(read_a_clip, 20),
        SCENE(read_at_times, 40),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
