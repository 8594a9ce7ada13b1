/* Every allocation fails once while models are opened, checked and run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "engine/model.h"
#include "nets/joint_beam.h"
#include "nets/tokens.h"
#include "tests/support/data.h"
#include "tests/support/failing_memory.h"
#include "tests/support/token_model.h"
#include "tests/support/weights_file.h"

static const char *weights(void)
{
    return test_repository("weights/lipnet.safetensors");
}

static viseme_status open_a_model(viseme_error *err)
{
    viseme_model *model;
    viseme_status status = viseme_model_open(&model, weights(), NULL, err);
    viseme_model_close(model);
    return status;
}

/* Names and texts that outgrow whatever buffer a parser has: with their quotes they have 16, 32 ...
 * 8192 bytes, so that the last one is the quote that no longer fits. */
enum { FIRST = 16, LAST = 8192 };
static struct weights_file *long_file;
static const char *long_path;

static const char *long_text(int quoted, char letter)
{
    static char text[LAST];
    memset(text, letter, (size_t)quoted - 2);
    text[quoted - 2] = '\0';
    return text;
}

static void write_long_config(void)
{
    json_t *object = json_object();
    char *config;
    for (int n = FIRST; n <= LAST; n *= 2) {
        json_t *text = json_string(long_text(n, 't'));
        json_object_set_new(object, long_text(n, 'n'), text);
    }
    json_object_set_new(object, "lines", json_string(long_text(LAST, '\n')));
    json_object_set_new(object, "whole", json_integer(1234567890123456789));
    json_object_set_new(object, "real", json_real(0.12345678901234567));
    config = json_dumps(object, JSON_REAL_PRECISION(17));
    assert_non_null(config);
    long_file = weights_file_new("token_list");
    weights_file_meta(long_file, "viseme.config", config);
    weights_file_add(long_file, "w", 1, (const int[1]){1}, 1);
    long_path = weights_file_write(long_file);
    json_decref(object);
    free(config);
}

/* What was opened is what was written, or nothing is. */
static viseme_status open_long_config(viseme_error *err)
{
    viseme_model *model;
    viseme_status status = vis_model_open(&model, long_path, NULL, token_model_find, err);
    if (status != VISEME_OK)
        return status;
    const json_t *config = vis_model_config(model);
    for (int n = FIRST; n <= LAST; n *= 2) {
        const char *text = json_string_value(json_object_get(config, long_text(n, 'n')));
        assert_non_null(text);
        assert_string_equal(text, long_text(n, 't'));
    }
    assert_string_equal(json_string_value(json_object_get(config, "lines")), long_text(LAST, '\n'));
    assert_int_equal(json_integer_value(json_object_get(config, "whole")), 1234567890123456789);
    assert_true(json_real_value(json_object_get(config, "real")) == 0.12345678901234567);
    viseme_model_close(model);
    return VISEME_OK;
}

static viseme_status verify_weights(viseme_error *err)
{
    viseme_weights *file;
    viseme_weights_check check;
    viseme_status status = viseme_weights_open(&file, weights(), err);
    if (status == VISEME_OK)
        status = viseme_weights_verify(file, &check, err);
    viseme_weights_close(file);
    return status;
}

static viseme_model *shared; /* opened without failures */

static viseme_status run_a_session(viseme_error *err)
{
    static float x[3 * 2 * 64 * 128];
    const viseme_tensor input = {"x", 5, {1, 3, 2, 64, 128}, x};
    const viseme_session_options opts = {.threads = 2};
    viseme_session *session;
    viseme_tensor output;
    viseme_status status = viseme_session_open(&session, shared, &opts, err);
    if (status == VISEME_OK)
        status = viseme_session_run(session, &input, 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(session, "logits", &output, err);
    viseme_session_close(session);
    return status;
}

/* Packs a decoder and a language model and searches; files are opened without failures, which
 * open_a_model() has had. */
static viseme_status search_for_tokens(viseme_error *err)
{
    enum { FRAMES = 5, WIDTH = 64, TOKENS = 41 };
    static const float encoder[FRAMES * WIDTH], ctc_logp[FRAMES * TOKENS];
    static const int ids[] = {5, 17, 40};
    const struct vis_joint_options options = {
        .beam = 3, .nbest = 2, .ctc_weight = 0.5, .lm_weight = 0.5};
    const struct vis_token_net *decoder = NULL, *lm = NULL;
    struct vis_threads *threads = NULL;
    struct vis_joint_result result = {0};
    struct vis_ctc_words words = {0};
    struct vis_tokens tokens;
    int watched = failures_off();
    viseme_model *decoder_model = token_model_open("token_decoder.safetensors", VISEME_CPU_AUTO);
    viseme_model *lm_model = token_model_open("token_lm_none.safetensors", VISEME_CPU_AUTO);
    failures_back(watched);
    viseme_status status = vis_token_net_open(&decoder, decoder_model, VIS_TOKEN_DECODER, err);
    if (status == VISEME_OK)
        status = vis_token_net_open(&lm, lm_model, VIS_TOKEN_LM, err);
    if (status == VISEME_OK)
        status = vis_threads_open(&threads, 1, err);
    if (status == VISEME_OK)
        status =
            vis_joint_beam(&result, decoder, lm, encoder, ctc_logp, FRAMES, &options, threads, err);
    if (status == VISEME_OK)
        status = vis_tokens_open(&tokens, decoder_model, TOKENS, err);
    if (status == VISEME_OK)
        status = vis_tokens_words(&words, &tokens, ids, 3, ctc_logp, FRAMES, err);
    vis_ctc_words_free(&words);
    vis_joint_beam_free(&result);
    vis_threads_close(threads);
    viseme_model_close(decoder_model);
    viseme_model_close(lm_model);
    return status;
}

static int set_up(void **state)
{
    (void)state;
    viseme_error err;
    write_long_config();
    if (viseme_model_open(&shared, weights(), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(run_a_session(&err), VISEME_OK); /* packs the weights */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    viseme_model_close(shared);
    weights_file_free(long_file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(open_a_model, 100), SCENE(open_long_config, 60),   SCENE(verify_weights, 20),
        SCENE(run_a_session, 20), SCENE(search_for_tokens, 100),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
