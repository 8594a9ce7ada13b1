/* Word readers: where LRW's window lies and what the landmark reader sees, against what the
 * authors' code makes of the same points; which crops the network is given for a word; the most
 * likely words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/npy.h"
#include "signal/landmark_input.h"
#include "signal/lrw_window.h"
#include "tasks/word_points.h"
#include "tasks/words.h"
#include "tests/support/data.h"

enum { WIDTH = 112, HEIGHT = 96, SIDE = 96, SEEN = 29, WORDS = 9, MESH = 468, ROW = 1434 };

static struct vis_npy read_npy(const char *name)
{
    struct vis_npy array = {0};
    viseme_error err = {0};
    if (vis_npy_read(&array, test_data(name), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

/* ---- Where the window lies ------------------------------------------------------------------- */

static void windows_lie_where_syncvsr_lays_them(void **state)
{
    static const int at[6][2] = {{88, 66}, {92, 87}, {83, 0}, {76, 144}, {0, 70}, {147, 74}};
    struct vis_npy mesh = read_npy("words.mesh.npy");
    (void)state;
    for (int i = 0; i < 6; i++) {
        double centre[2];
        int left, top;
        vis_lrw_centre((const float(*)[3])(mesh.data + ROW * i), 478, centre);
        vis_lrw_window(centre[0], centre[1], 256, 256, &left, &top);
        assert_int_equal(top, at[i][0]);
        assert_int_equal(left, at[i][1]);
    }
    vis_npy_free(&mesh);
}

static void windows_stay_within_frames_of_any_size(void **state)
{
    int left, top;
    (void)state;
    vis_lrw_window(1e8, -1e8, 400.7, 300, &left, &top);
    assert_int_equal(left, 400 - WIDTH);
    assert_int_equal(top, 0);
    vis_lrw_window(40, 40, 80, 60, &left, &top);
    assert_true(left == 0 && top == 0);
}

/* ---- What the landmark reader sees ----------------------------------------------------------- */

static void points_become_what_the_network_sees(void **state)
{
    static const char *const names[2][2] = {{"words.raw29.npy", "words.prepared29.npy"},
                                            {"words.raw33.npy", "words.prepared33.npy"}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct vis_npy raw = read_npy(names[i][0]), want = read_npy(names[i][1]);
        const size_t n = (size_t)(raw.shape[0] * raw.shape[1]);
        vis_landmark_input(raw.data, n, raw.data);
        for (size_t k = 0; k < 3 * n; k++)
            if (!(fabsf(raw.data[k] - want.data[k]) <= 2e-6f))
                fail_msg("%s: number %zu is %g, not %g", names[i][1], k, (double)raw.data[k],
                         (double)want.data[k]);
        vis_npy_free(&raw);
        vis_npy_free(&want);
    }
}

static void points_without_a_face_are_zeros(void **state)
{
    float raw[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
    (void)state;
    vis_landmark_input(raw, 2, raw);
    for (int i = 0; i < 6; i++)
        assert_true(raw[i] == 0);
    for (int i = 0; i < 6; i++)
        raw[i] = 3;
    vis_landmark_input(raw, 2, raw);
    for (int i = 0; i < 6; i++)
        assert_true(raw[i] == 0);
}

/* A face of sorts, that moves and opens its mouth: x, y, z of 468 points. */
static void draw_mesh(float (*mesh)[3], int t, double scale, double x, double y)
{
    for (int i = 0; i < MESH; i++) {
        const double a = i * 0.61803 * 6.28318, r = 60 * sqrt((i + 0.5) / MESH);
        mesh[i][0] = (float)(x + scale * (r * cos(a) + 0.3 * t));
        mesh[i][1] = (float)(y + scale * (1.3 * r * sin(a) + 4 * sin(0.7 * t) * (i % 5 == 0)));
        mesh[i][2] = (float)(scale * (0.2 * r - 20));
    }
}

static void irises_are_guessed_between_the_lids(void **state)
{
    float mesh[MESH][3], out[VIS_WORD_POINTS][3];
    (void)state;
    draw_mesh(mesh, 0, 1, 128, 128);
    for (int i = 0; i < 2; i++) { /* eyes of width 20 around (100 + 50 i, 90), turned by nothing */
        static const short eye[2][16] = {
            {33, 133, 7, 163, 144, 145, 153, 154, 155, 173, 157, 158, 159, 160, 161, 246},
            {362, 263, 249, 390, 373, 374, 380, 381, 382, 398, 384, 385, 386, 387, 388, 466}};
        for (int k = 0; k < 16; k++) {
            mesh[eye[i][k]][0] = (float)(100 + 50 * i + (k == 0 ? -10 : k == 1 ? 10 : 0));
            mesh[eye[i][k]][1] = 90;
            mesh[eye[i][k]][2] = -5;
        }
    }
    vis_word_points((const float(*)[3])mesh, out);
    assert_memory_equal(out, mesh, sizeof mesh);
    for (int i = 0; i < 2; i++) {
        static const float want[5][2] = {{0, 0}, {3.9f, 0}, {0, -3.9f}, {-3.9f, 0}, {0, 3.9f}};
        for (int k = 0; k < 5; k++) {
            const float *p = out[MESH + 5 * i + k];
            assert_true(fabsf(p[0] - (float)(100 + 50 * i) - want[k][0]) < 1e-4f);
            assert_true(fabsf(p[1] - 90 - want[k][1]) < 1e-4f && fabsf(p[2] + 5) < 1e-4f);
        }
    }
}

/* ---- What the network is given --------------------------------------------------------------- */

static viseme_model *open_model(const char *name)
{
    viseme_model *model;
    viseme_error err;
    if (viseme_model_open(&model, test_data(name), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

static void draw_crop(uint8_t *crop, int t)
{
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        crop[i] = (uint8_t)(128 + 60 * sin(0.1 * (i / 3 % WIDTH) + 0.9 * t) +
                            50 * cos(0.13 * (i / 3 / WIDTH) * (1 + t % 4)));
}

/* What a clip is: crops, or points where `scale` is above 0. */
struct clip {
    int count;
    double scale, x, y;
    int lrw_frame, missing; /* missing: a frame without points, or -1 */
};

struct words {
    struct vis_words *words;
    viseme_session *session;
};

static struct words open_words(const viseme_model *model, const viseme_reader_options *opts,
                               int threads)
{
    struct vis_reader_kind kind;
    struct words w = {0};
    viseme_error err;
    const viseme_session_options session = {.threads = threads};
    if (vis_reader_kind_open(&kind, model, &err) != VISEME_OK ||
        vis_words_open(&w.words, opts, model, &kind, 25, &err) != VISEME_OK ||
        viseme_session_open(&w.session, model, &session, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return w;
}

static void close_words(struct words *w)
{
    vis_words_close(w->words);
    viseme_session_close(w->session);
}

static viseme_status push(struct words *w, const struct clip *clip, double start_s,
                          viseme_error *err)
{
    static uint8_t crop[WIDTH * HEIGHT * 3];
    static float mesh[MESH][3];
    viseme_status status = VISEME_OK;
    for (int t = 0; t < clip->count && status == VISEME_OK; t++) {
        struct vis_words_crop one = {.image = {crop, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24},
                                     .lrw_frame = clip->lrw_frame,
                                     .start_s = start_s};
        draw_crop(crop, t);
        draw_mesh(mesh, t, clip->scale, clip->x, clip->y);
        if (clip->scale > 0 && t != clip->missing)
            one.landmarks = mesh[0];
        status = vis_words_add(w->words, w->session, &one, err);
    }
    return status == VISEME_OK ? vis_words_finish(w->words, w->session, err) : status;
}

static void read_clip(struct words *w, const struct clip *clip, double start_s)
{
    viseme_error err;
    if (push(w, clip, start_s, &err) != VISEME_OK)
        fail_msg("%s", err.message);
}

/* The network's own logits for an input [29 row] and the frames of a word. */
static void expect_logits(const viseme_model *model, const float *input, int points, int begin,
                          int length, const float *have)
{
    viseme_session *session;
    viseme_tensor out;
    float mask[SEEN];
    for (int i = 0; i < SEEN; i++)
        mask[i] = i >= begin && i < begin + length;
    const viseme_tensor in[2] = {points
                                     ? (viseme_tensor){"x", 3, {1, SEEN, ROW}, input}
                                     : (viseme_tensor){"video", 5, {1, 1, SEEN, SIDE, SIDE}, input},
                                 {"word_mask", 2, {1, SEEN}, mask}};
    assert_int_equal(viseme_session_open(&session, model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_session_run(session, in, 2, NULL), VISEME_OK);
    assert_int_equal(viseme_session_output(session, "category_logits", &out, NULL), VISEME_OK);
    assert_memory_equal(out.data, have, WORDS * sizeof *have);
    viseme_session_close(session);
}

/* Crops `first` on, cut to the clip, as the network of pictures wants them. */
static float *pictures(int first, int count)
{
    static float input[SEEN * SIDE * SIDE];
    static uint8_t crop[WIDTH * HEIGHT * 3];
    const viseme_image image = {crop, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
    for (int i = 0; i < SEEN; i++) {
        const int t = first + i;
        draw_crop(crop, t < 0 ? 0 : t < count ? t : count - 1);
        vis_vsr_input(&image, VIS_VSR_CENTRE, SIDE, input + (size_t)i * SIDE * SIDE);
    }
    return input;
}

static void words_lie_in_the_middle_of_what_is_seen(void **state)
{
    /* in a clip of 120 crops from 2 s on: near its ends the nearest crop is repeated */
    static const viseme_span spans[] = {{6.4, 6.8}, {2.0, 2.24}, {4.0, 4.4}, {4.2, 4.6},
                                        {1.0, 1.4}, {4.0, 7.0},  {9, 10}};
    static const struct {
        double start_s, end_s;
        int first, begin, length;
    } want[] = {{2.0, 2.24, -11, 11, 6},
                {4.0, 4.4, 41, 9, 10},
                {4.2, 4.6, 46, 9, 10},
                {4.0, 7.0, 73, 0, 29},
                {6.4, 6.8, 101, 9, 10}};
    enum { READ = sizeof want / sizeof *want };
    viseme_model *model = open_model("words_syncvsr_lrw_1.safetensors");
    const viseme_reader_options opts = {.spans = spans, .span_count = sizeof spans / sizeof *spans};
    struct words w = open_words(model, &opts, 1);
    const struct clip clip = {.count = 120};
    struct vis_decoded found;
    int64_t rows;
    (void)state;
    read_clip(&w, &clip, 2.0);
    const float *logits = vis_words_logits(w.words, &rows);
    assert_int_equal(rows, READ);
    for (int i = 0; i < READ; i++)
        expect_logits(model, pictures(want[i].first, clip.count), 0, want[i].begin, want[i].length,
                      logits + i * WORDS);
    assert_int_equal(vis_words_decode(w.words, &found, NULL), VISEME_OK);
    assert_true(found.count == 1 && found.word_count[0] == READ);
    for (int i = 0; i < READ; i++) {
        assert_true(found.words[0][i].start_s == want[i].start_s);
        assert_true(found.words[0][i].end_s == want[i].end_s);
    }
    vis_decoded_free(&found);
    close_words(&w);
    viseme_model_close(model);
}

static void a_clip_has_its_word_in_the_middle(void **state)
{
    static const struct {
        int count;
        double word_s;
        int first, begin, length;
        double start_s, end_s;
    } cases[] = {{29, 0, 0, 8, 13, 0.32, 0.84},    {50, 0, 10, 8, 13, 0.72, 1.24},
                 {40, 0.24, 5, 11, 6, 0.64, 0.88}, {12, 0, -8, 8, 12, 0, 0.48},
                 {5, 0, -12, 12, 5, 0, 0.2},       {29, 9, 0, 0, 29, 0, 1.16}};
    viseme_model *model = open_model("words_syncvsr_lrw_1.safetensors");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const viseme_reader_options opts = {.word_seconds = cases[i].word_s};
        struct words w = open_words(model, &opts, 1);
        const struct clip clip = {.count = cases[i].count};
        struct vis_decoded found;
        int64_t rows;
        read_clip(&w, &clip, 0);
        expect_logits(model, pictures(cases[i].first, clip.count), 0, cases[i].begin,
                      cases[i].length, vis_words_logits(w.words, &rows));
        assert_int_equal(rows, 1);
        assert_int_equal(vis_words_decode(w.words, &found, NULL), VISEME_OK);
        assert_true(fabs(found.words[0][0].start_s - cases[i].start_s) < 1e-9);
        assert_true(fabs(found.words[0][0].end_s - cases[i].end_s) < 1e-9);
        vis_decoded_free(&found);
        close_words(&w);
    }
    viseme_model_close(model);
}

/* Points of crops low to high - 1, prepared together, from row `at` of the input on. */
static float *points(const struct clip *clip, int low, int high, int at)
{
    static float input[SEEN * ROW], raw[64 * ROW];
    static float mesh[MESH][3];
    for (int t = low; t < high; t++) {
        float *row = raw + (size_t)(t - low) * ROW;
        draw_mesh(mesh, t, clip->scale, clip->x, clip->y);
        vis_word_points((const float(*)[3])mesh, (float(*)[3])row);
        for (int i = 0; i < ROW && t == clip->missing; i++)
            row[i] = NAN;
    }
    if (!clip->lrw_frame)
        vis_word_points_place(raw, (size_t)(high - low));
    vis_landmark_input(raw, (size_t)(high - low) * VIS_WORD_POINTS, raw);
    for (int i = 0; i < SEEN * ROW; i++) {
        const int t = i / ROW - at;
        input[i] = t >= 0 && t < high - low ? raw[t * ROW + i % ROW] : -100;
    }
    return input;
}

static void points_of_short_clips_begin_at_once(void **state)
{
    static const struct clip clips[] = {{25, 1, 120, 110, 1, 7}, {33, 1, 120, 110, 1, 4}};
    viseme_model *model = open_model("words_syncvsr_landmark_1.safetensors");
    (void)state;
    for (int i = 0; i < 2; i++) {
        const int n = clips[i].count, skipped = n > SEEN ? (n - SEEN) / 2 : 0;
        struct words w = open_words(model, &(viseme_reader_options){.nbest = 1}, 1);
        int64_t rows;
        read_clip(&w, &clips[i], 0);
        expect_logits(model, points(&clips[i], 0, n, -skipped), 1, i ? 8 : 6, 13,
                      vis_words_logits(w.words, &rows));
        close_words(&w);
    }
    viseme_model_close(model);
}

static void points_of_a_word_are_those_around_it(void **state)
{
    static const viseme_span spans[] = {{0.1, 0.34}, {2.0, 2.4}, {3.6, 4.0}};
    static const struct clip clip = {100, 2.2, 500, 300, 0, 50};
    static const struct {
        int low, high, at, begin, length;
    } want[] = {{0, 20, 9, 11, 6}, {41, 70, 0, 9, 10}, {81, 100, 0, 9, 10}};
    viseme_model *model = open_model("words_syncvsr_landmark_1.safetensors");
    const viseme_reader_options opts = {.spans = spans, .span_count = 3};
    struct words w = open_words(model, &opts, 1);
    int64_t rows;
    (void)state;
    read_clip(&w, &clip, 0);
    const float *logits = vis_words_logits(w.words, &rows);
    assert_int_equal(rows, 3);
    for (int i = 0; i < 3; i++)
        expect_logits(model, points(&clip, want[i].low, want[i].high, want[i].at), 1, want[i].begin,
                      want[i].length, logits + i * WORDS);
    close_words(&w);
    viseme_model_close(model);
}

static void size_and_place_of_the_face_do_not_matter(void **state)
{
    static const struct clip clips[2] = {{29, 1, 120, 110, 0, 3}, {29, 3.5, 900, 410, 0, 3}};
    viseme_model *model = open_model("words_syncvsr_landmark_1.safetensors");
    float first[WORDS];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct words w = open_words(model, &(viseme_reader_options){.nbest = 1}, 1);
        int64_t rows;
        read_clip(&w, &clips[i], 0);
        const float *logits = vis_words_logits(w.words, &rows);
        for (int k = 0; k < WORDS; k++)
            assert_true(i == 0 || fabsf(logits[k] - first[k]) < 1e-4f);
        memcpy(first, logits, sizeof first);
        close_words(&w);
    }
    viseme_model_close(model);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void the_most_likely_words_come_first(void **state)
{
    static const viseme_span spans[] = {{1.0, 1.4}, {2.0, 2.4}};
    viseme_model *model = open_model("words_syncvsr_lrw_0.safetensors");
    const viseme_reader_options opts = {.spans = spans, .span_count = 2, .nbest = WORDS};
    const struct clip clip = {.count = 75};
    struct vis_decoded found, again;
    double sum[2] = {0, 0};
    int seen[2] = {0, 0};
    (void)state;
    struct words w = open_words(model, &opts, 1), more = open_words(model, &opts, 3);
    read_clip(&w, &clip, 0);
    read_clip(&more, &clip, 0);
    assert_int_equal(vis_words_decode(w.words, &found, NULL), VISEME_OK);
    assert_int_equal(vis_words_decode(more.words, &again, NULL), VISEME_OK);
    assert_true(found.count == WORDS && again.count == WORDS);
    for (size_t i = 0; i < WORDS; i++) {
        const viseme_word *words = found.words[i];
        char text[64];
        assert_int_equal(found.word_count[i], 2);
        for (int k = 0; k < 2; k++) {
            const int index = words[k].text[4] - '0';
            sum[k] += words[k].confidence;
            assert_false(seen[k] & 1 << index);
            seen[k] |= 1 << index;
            assert_true(i == 0 || words[k].confidence <= found.words[i - 1][k].confidence);
            assert_true(words[k].confidence == again.words[i][k].confidence);
        }
        snprintf(text, sizeof text, "%s %s", words[0].text, words[1].text);
        assert_string_equal(found.best[i].text, text);
        assert_true(fabs(found.best[i].log_probability -
                         log(words[0].confidence * words[1].confidence)) < 1e-6);
        assert_true(fabs(found.best[i].confidence -
                         sqrt(words[0].confidence * words[1].confidence)) < 1e-6);
        assert_true(found.best[i].score == found.best[i].log_probability);
    }
    assert_true(fabs(sum[0] - 1) < 1e-5 && fabs(sum[1] - 1) < 1e-5);
    vis_decoded_free(&found);
    vis_decoded_free(&again);
    close_words(&w);
    close_words(&more);
    viseme_model_close(model);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void refuse_options(const viseme_model *model, const viseme_reader_options *opts,
                           const char *words)
{
    viseme_reader *reader;
    viseme_error err;
    assert_int_equal(viseme_reader_open(&reader, model, opts, &err), VISEME_ERR_ARGUMENT);
    assert_null(reader);
    if (!strstr(err.message, words))
        fail_msg("%s", err.message);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    static const viseme_span backwards = {2, 1}, nowhere = {NAN, 1}, good = {1, 2};
    viseme_model *model = open_model("words_syncvsr_lrw_1.safetensors");
    viseme_model *points = open_model("words_syncvsr_landmark_1.safetensors");
    viseme_model *lipnet;
    (void)state;
    refuse_options(model, &(viseme_reader_options){.beam = 4}, "nothing to search");
    refuse_options(model, &(viseme_reader_options){.grammar = "a", .grammar_bytes = 1},
                   "nothing to search");
    refuse_options(model, &(viseme_reader_options){.nbest = WORDS + 1}, "knows 9 words");
    refuse_options(model, &(viseme_reader_options){.spans = &backwards, .span_count = 1}, "word 1");
    refuse_options(model, &(viseme_reader_options){.spans = &nowhere, .span_count = 1}, "word 1");
    refuse_options(model, &(viseme_reader_options){.spans = &good}, "without any word");
    refuse_options(model,
                   &(viseme_reader_options){.spans = &good, .span_count = 1, .word_seconds = 1},
                   "beside its times");
    refuse_options(model, &(viseme_reader_options){.word_seconds = -1}, "more than 0 s");
    refuse_options(points, &(viseme_reader_options){.crop = {.cascade_xml = "x"}}, "FaceMesh");
    assert_int_equal(
        viseme_model_open(&lipnet, test_repository("weights/lipnet.safetensors"), NULL, NULL),
        VISEME_OK);
    refuse_options(lipnet, &(viseme_reader_options){.spans = &good, .span_count = 1},
                   "with word readers");
    viseme_model_close(lipnet);
    viseme_model_close(points);
    viseme_model_close(model);
}

static void clips_that_cannot_be_read_are_refused(void **state)
{
    static const viseme_span late = {7, 8};
    static const struct {
        int count;
        const viseme_span *span;
        viseme_status status;
        const char *words;
    } cases[] = {{51, NULL, VISEME_ERR_LIMIT, "longer than 2 s"},
                 {4, NULL, VISEME_ERR_INPUT, "0.16 s long"},
                 {60, &late, VISEME_ERR_INPUT, "none of the words"}};
    viseme_model *model = open_model("words_syncvsr_lrw_1.safetensors");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const viseme_reader_options opts = {.spans = cases[i].span,
                                            .span_count = cases[i].span ? 1 : 0};
        struct words w = open_words(model, &opts, 1);
        const struct clip clip = {.count = cases[i].count};
        viseme_error err;
        assert_int_equal(push(&w, &clip, 0, &err), cases[i].status);
        if (!strstr(err.message, cases[i].words))
            fail_msg("%s", err.message);
        close_words(&w);
    }
    viseme_model_close(model);
}

static void crops_are_read_by_the_public_interface(void **state)
{
    static uint8_t crop[WIDTH * HEIGHT * 3];
    const viseme_image image = {crop, WIDTH, HEIGHT, WIDTH * 3, VISEME_BGR24};
    viseme_model *model = open_model("words_syncvsr_lrw_1.safetensors");
    viseme_model *points = open_model("words_syncvsr_landmark_1.safetensors");
    viseme_reader *reader;
    viseme_reader_stats stats;
    size_t count;
    int64_t rows;
    int classes;
    (void)state;
    assert_int_equal(viseme_reader_open(&reader, model, NULL, NULL), VISEME_OK);
    for (int t = 0; t < SEEN; t++) {
        draw_crop(crop, t);
        assert_int_equal(viseme_reader_push_crop(reader, &image, NULL), VISEME_OK);
    }
    assert_int_equal(viseme_reader_finish(reader, NULL), VISEME_OK);
    const float *logits = viseme_reader_logits(reader, &rows, &classes);
    assert_true(rows == 1 && classes == WORDS);
    expect_logits(model, pictures(0, SEEN), 0, 8, 13, logits);
    assert_string_equal(viseme_reader_hypothesis(reader, 0)->text,
                        viseme_reader_words(reader, 0, &count)[0].text);
    assert_int_equal(count, 1);
    viseme_reader_get_stats(reader, &stats);
    assert_true(stats.crops == SEEN && !stats.out_of_domain && stats.net_seconds > 0);
    viseme_reader_close(reader);
    assert_int_equal(viseme_reader_open(&reader, model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_reader_finish(reader, NULL), VISEME_ERR_INPUT);
    viseme_reader_close(reader);
    assert_int_equal(viseme_reader_open(&reader, points, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_reader_push_crop(reader, &image, NULL), VISEME_ERR_ARGUMENT);
    viseme_reader_close(reader);
    viseme_model_close(model);
    viseme_model_close(points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_lie_where_syncvsr_lays_them),
        cmocka_unit_test(windows_stay_within_frames_of_any_size),
        cmocka_unit_test(points_become_what_the_network_sees),
        cmocka_unit_test(points_without_a_face_are_zeros),
        cmocka_unit_test(irises_are_guessed_between_the_lids),
        cmocka_unit_test(words_lie_in_the_middle_of_what_is_seen),
        cmocka_unit_test(a_clip_has_its_word_in_the_middle),
        cmocka_unit_test(points_of_short_clips_begin_at_once),
        cmocka_unit_test(points_of_a_word_are_those_around_it),
        cmocka_unit_test(size_and_place_of_the_face_do_not_matter),
        cmocka_unit_test(the_most_likely_words_come_first),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(clips_that_cannot_be_read_are_refused),
        cmocka_unit_test(crops_are_read_by_the_public_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
