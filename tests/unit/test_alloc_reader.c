/* Every allocation fails once while frames become crops and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tasks/sentences.h"
#include "tests/support/data.h"
#include "tests/support/drawn_face.h"
#include "tests/support/failing_memory.h"
#include "tests/support/token_model.h"

static viseme_model *lipnet; /* opened without failures */
static const char grammar[] = "$all = A+ [B] | (C $d)*\n$d = D | [E] F\n";
static char arpa[4096];
/* Frames with a face, one without, to words. */
static viseme_status read_frames(const viseme_reader_options *how, viseme_error *err)
{
    static struct canvas frames[2];
    viseme_reader_options opts = *how;
    viseme_reader *reader;
    opts.crop.cascade_xml = drawn_cascade;
    opts.crop.cascade_bytes = strlen(drawn_cascade);
    opts.threads = 1;
    if (!frames[0].bytes) {
        int watched = failures_off();
        frames[0] = blank(160, 120);
        draw_face(&frames[0], 80, 60, 60);
        frames[1] = blank(160, 120);
        failures_back(watched);
    }
    viseme_status status = viseme_reader_open(&reader, lipnet, &opts, err);
    for (int i = 0; i < 6 && status == VISEME_OK; i++)
        status = viseme_reader_push(reader, &frames[i == 5].image, i * 0.04, err);
    if (status == VISEME_OK)
        status = viseme_reader_finish(reader, err);
    viseme_reader_close(reader);
    return status;
}

static viseme_status read_greedily(viseme_error *err)
{
    return read_frames(&(viseme_reader_options){.nbest = 1}, err);
}

static viseme_status read_with_a_beam(viseme_error *err)
{
    return read_frames(&(viseme_reader_options){.beam = 8, .nbest = 3}, err);
}

static viseme_status read_with_a_grammar(viseme_error *err)
{
    return read_frames(
        &(viseme_reader_options){.grammar = grammar, .grammar_bytes = strlen(grammar)}, err);
}

static viseme_status read_with_a_language_model(viseme_error *err)
{
    return read_frames(
        &(viseme_reader_options){.beam = 8, .lm_arpa = arpa, .lm_bytes = strlen(arpa)}, err);
}

/* Two windows of sentences, put together. */
static viseme_status write_sentences(viseme_error *err)
{
    enum { ROWS = 6, WIDTH = 64, TOKENS = 41 };
    static const float encoder[ROWS * WIDTH], ctc_logp[ROWS * TOKENS];
    const viseme_reader_options opts = {.beam = 2, .nbest = 2, .threads = 1};
    struct vis_sentences *s = NULL;
    struct vis_decoded found = {0};
    int watched = failures_off();
    viseme_model *model = token_model_open("token_decoder.safetensors", VISEME_CPU_AUTO);
    failures_back(watched);
    viseme_status status = vis_sentences_open(&s, &opts, model, TOKENS, err);
    for (int i = 0; i < 2 && status == VISEME_OK; i++)
        status = vis_sentences_add(s, encoder, ctc_logp, ROWS, 3 * i, err);
    if (status == VISEME_OK)
        status = vis_sentences_finish(s, 0, 25, &found, err);
    vis_decoded_free(&found);
    vis_sentences_close(s);
    viseme_model_close(model);
    return status;
}

/* Frames with a face to crops of every kind. */
static viseme_status cut_crops(viseme_error *err)
{
    static struct canvas frame;
    viseme_status status = VISEME_OK;
    if (!frame.bytes) {
        int watched = failures_off();
        frame = blank(160, 120);
        draw_face(&frame, 80, 60, 60);
        failures_back(watched);
    }
    for (int kind = VISEME_CROP_LIPNET; kind <= VISEME_CROP_SYNCVSR_LRW && status == VISEME_OK;
         kind++) {
        const viseme_crop_options opts = {.cascade_xml = drawn_cascade,
                                          .cascade_bytes = strlen(drawn_cascade),
                                          .kind = (viseme_crop_kind)kind};
        viseme_cropper *cropper;
        viseme_crop crop;
        status = viseme_cropper_open(&cropper, &opts, err);
        for (int i = 0; i < 4 && status == VISEME_OK; i++) {
            status = i < 3 ? viseme_cropper_push(cropper, &frame.image, i * 0.04, err)
                           : viseme_cropper_finish(cropper, err);
            while (status == VISEME_OK && viseme_cropper_next(cropper, &crop))
                ;
        }
        viseme_cropper_close(cropper);
    }
    return status;
}

static void make_language_model(void)
{
    int at = snprintf(arpa, sizeof arpa,
                      "\\data\\\nngram 1=29\nngram 2=1\n\n\\1-grams:\n"
                      "-99\t<s>\t-0.1\n-1.4\t</s>\n-1.4\t<sp>\t-0.2\n");
    for (char c = 'A'; c <= 'Z'; c++)
        at += snprintf(arpa + at, sizeof arpa - (size_t)at, "-1.4\t%c\t-0.3\n", c);
    snprintf(arpa + at, sizeof arpa - (size_t)at, "\n\\2-grams:\n-0.5\tI N\n\n\\end\\\n");
}

static int set_up(void **state)
{
    (void)state;
    const char *path = test_repository("weights/lipnet.safetensors");
    viseme_error err;
    make_language_model();
    if (viseme_model_open(&lipnet, path, NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(read_greedily(&err), VISEME_OK); /* packs the weights */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    viseme_model_close(lipnet);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(read_greedily, 40),       SCENE(read_with_a_beam, 40),
        SCENE(read_with_a_grammar, 60), SCENE(read_with_a_language_model, 60),
        SCENE(write_sentences, 60),     SCENE(cut_crops, 60),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
