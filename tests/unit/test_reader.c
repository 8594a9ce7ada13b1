/* The task behind `viseme read`, driven by crops: the default weights, windows, refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/data.h"
#include "viseme.h"

enum { WIDTH = 128, HEIGHT = 64, CLASSES = 28 };

static viseme_model *open_model(void)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_repository("weights/lipnet.safetensors"), NULL, &err) !=
        VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

/* A mouth of sorts: a dark ellipse on skin that opens and closes with t. */
static void draw(uint8_t *bgr, int t, int rgb)
{
    double open = 6 + 5 * sin(t * 0.7) + 3 * sin(t * 0.23), wide = 30 + 6 * sin(t * 0.41);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double dx = (x - 64) / wide, dy = (y - 32) / open, d = dx * dx + dy * dy;
            uint8_t *p = bgr + 3 * (y * WIDTH + x);
            int shade = d < 1 ? 40 : d < 2 ? 90 : 150 + (x * 7 + y * 13) % 9;
            p[rgb ? 2 : 0] = (uint8_t)(shade * 3 / 5);
            p[1] = (uint8_t)(shade * 4 / 5);
            p[rgb ? 0 : 2] = (uint8_t)shade;
        }
}

static viseme_reader *open_reader(const viseme_model *model, const viseme_reader_options *opts)
{
    viseme_reader *reader;
    viseme_error err;
    if (viseme_reader_open(&reader, model, opts, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return reader;
}

static void push(viseme_reader *reader, int count, int rgb)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    viseme_image crop = {pixels, WIDTH, HEIGHT, 3 * WIDTH, rgb ? VISEME_RGB24 : VISEME_BGR24};
    viseme_error err;
    for (int t = 0; t < count; t++) {
        draw(pixels, t, rgb);
        if (viseme_reader_push_crop(reader, &crop, &err) != VISEME_OK)
            fail_msg("%s", err.message);
    }
}

static void reads_rgb_as_bgr(void **state)
{
    (void)state;
    viseme_model *model = open_model();
    viseme_reader *a = open_reader(model, NULL), *b = open_reader(model, NULL);
    push(a, 40, 0);
    push(b, 40, 1);
    assert_int_equal(viseme_reader_finish(a, NULL), VISEME_OK);
    assert_int_equal(viseme_reader_finish(b, NULL), VISEME_OK);
    int64_t frames;
    int classes;
    const float *x = viseme_reader_logits(a, &frames, &classes);
    assert_int_equal(frames, 40);
    assert_int_equal(classes, CLASSES);
    assert_memory_equal(x, viseme_reader_logits(b, NULL, NULL), sizeof(float) * 40 * CLASSES);
    assert_non_null(viseme_reader_hypothesis(a, 0)->text);
    assert_null(viseme_reader_hypothesis(a, 1));
    viseme_reader_stats stats;
    viseme_reader_get_stats(a, &stats);
    assert_true(stats.crops == 40 && stats.frames == 40 && stats.crops_held == 0);
    assert_true(fabs(stats.duration_s - 1.6) < 1e-9 && stats.net_seconds > 0);
    viseme_reader_close(a);
    viseme_reader_close(b);
    viseme_model_close(model);
}

static int best_class(const float *row)
{
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}

/* A clip of several windows gives what one run over the whole gives, but for what the recurrent
 * layers lose at the cuts. */
static void windows_agree_with_one_run(void **state)
{
    enum { PLANE = WIDTH * HEIGHT };
    const int count = getenv("VISEME_TEST_SMALL") ? 340 : 650; /* two windows, or three */
    (void)state;
    viseme_model *model = open_model();
    viseme_reader *reader = open_reader(model, NULL);
    viseme_session *session;
    viseme_tensor out, in = {"x", 5, {1, 3, count, HEIGHT, WIDTH}, NULL};
    float *x = malloc(sizeof *x * 3 * (size_t)count * PLANE);
    static uint8_t pixels[PLANE * 3];
    assert_non_null(x);
    for (int t = 0; t < count; t++) {
        draw(pixels, t, 0);
        for (int i = 0; i < 3 * PLANE; i++)
            x[(i % 3 * count + t) * PLANE + i / 3] = (float)pixels[i] / 255.0f;
    }
    in.data = x;
    assert_int_equal(viseme_session_open(&session, model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_session_run(session, &in, 1, NULL), VISEME_OK);
    assert_int_equal(viseme_session_output(session, "logits", &out, NULL), VISEME_OK);
    push(reader, count, 0);
    assert_int_equal(viseme_reader_finish(reader, NULL), VISEME_OK);
    int64_t frames;
    const float *logits = viseme_reader_logits(reader, &frames, NULL);
    assert_int_equal(frames, count);
    int same = 0;
    for (int t = 0; t < count; t++)
        same += best_class(logits + t * CLASSES) == best_class(out.data + t * CLASSES);
    print_message("%d of %d frames have the same best class\n", same, count);
    assert_true(same >= count * 95 / 100);
    free(x);
    viseme_session_close(session);
    viseme_reader_close(reader);
    viseme_model_close(model);
}

static void beam_gives_readings_best_first(void **state)
{
    (void)state;
    viseme_model *model = open_model();
    viseme_reader_options opts = {.beam = 20, .nbest = 5};
    viseme_reader *reader = open_reader(model, &opts);
    push(reader, 60, 0);
    assert_int_equal(viseme_reader_finish(reader, NULL), VISEME_OK);
    double last = 0;
    size_t count = 0;
    for (const viseme_hypothesis *h; (h = viseme_reader_hypothesis(reader, count)); count++) {
        assert_true(h->log_probability <= last);
        last = h->log_probability;
    }
    assert_int_equal(count, 5);
    viseme_reader_close(reader);
    viseme_model_close(model);
}

static void refuses_wrong_calls(void **state)
{
    (void)state;
    viseme_model *model = open_model();
    viseme_reader *reader;
    viseme_error err;
    viseme_reader_options opts = {.beam = 1001};
    assert_int_equal(viseme_reader_open(&reader, model, &opts, &err), VISEME_ERR_ARGUMENT);
    opts = (viseme_reader_options){.nbest = 2};
    assert_int_equal(viseme_reader_open(&reader, model, &opts, &err), VISEME_ERR_ARGUMENT);
    opts = (viseme_reader_options){.crop = {.cascade_xml = "<x/>", .cascade_bytes = 4}};
    assert_int_equal(viseme_reader_open(&reader, model, &opts, &err), VISEME_ERR_MODEL);
    assert_int_equal(viseme_reader_open(&reader, NULL, NULL, &err), VISEME_ERR_ARGUMENT);
    assert_null(reader);

    reader = open_reader(model, NULL);
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    viseme_image crop = {pixels, WIDTH, HEIGHT, 3 * WIDTH, VISEME_BGR24};
    assert_int_equal(viseme_reader_push(reader, &crop, 0, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "without a face cascade"));
    crop.width = 127;
    assert_int_equal(viseme_reader_push_crop(reader, &crop, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_reader_finish(reader, &err), VISEME_ERR_INPUT);
    assert_non_null(strstr(err.message, "no frame"));
    assert_int_equal(viseme_reader_finish(reader, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_reader_push_crop(reader, &crop, &err), VISEME_ERR_ARGUMENT);
    assert_null(viseme_reader_hypothesis(reader, 0));
    viseme_reader_close(reader);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rgb_as_bgr),
        cmocka_unit_test(windows_agree_with_one_run),
        cmocka_unit_test(beam_gives_readings_best_first),
        cmocka_unit_test(refuses_wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
