/* The sync networks against their goldens, node by node, the first node that diverges named; parts
 * of a network alone; long clips in pieces; narrow variants; the matrix of cosines. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "nets/sync_matrix.h"
#include "tests/support/data.h"
#include "tests/support/taps.h"
#include "tests/support/weights_file.h"

/* Sums of up to 9216 products, and layers upon layers of them. */
#define WITHIN 1e-4

static struct vis_npy load(const char *path)
{
    struct vis_npy array;
    viseme_error err;
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

static viseme_session *open_session(viseme_model **model, const char *path)
{
    viseme_session *s;
    viseme_error err;
    if (viseme_model_open(model, path, NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(viseme_session_open(&s, *model, NULL, NULL), VISEME_OK);
    return s;
}

/* ---- Nodes ------------------------------------------------------------------------------- */

/* The tap of a node: of a convolution the one behind its batch norm and ReLU, where there are any;
 * of a pool the next module. *at: the number of the module before it in its row. */
static int check_node(const char *net, const struct vis_node *node, const struct vis_value *value,
                      const float *data, char *row, size_t size, int *at)
{
    char module[64];
    const char *dot = strrchr(node->name, '.');
    if (dot) {
        snprintf(row, size, "%.*s", (int)(dot - node->name), node->name);
        *at = atoi(dot + 1);
        snprintf(module, sizeof module, "%s.%d", row, *at + 2);
        *at += taps_have(net, module) ? 2 : 0; /* the last layer has neither */
    } else {
        ++*at;
    }
    snprintf(module, sizeof module, "%s.%d", row, *at);
    return taps_check(net, module, value, data, 0, WITHIN);
}

static void check_part(const char *net, const char *input, int taps)
{
    char name[64], row[48] = "";
    viseme_model *model;
    const struct vis_node *node;
    const struct vis_value *value;
    const float *data;
    viseme_error err;
    int checked = 0, at = 0;
    snprintf(name, sizeof name, "%s.%s.npy", net, input);
    struct vis_npy x = load(test_data(name));
    snprintf(name, sizeof name, "%s.safetensors", net);
    viseme_session *s = open_session(&model, test_data(name));
    viseme_tensor in = {.name = input, .rank = x.rank, .data = x.data};
    memcpy(in.shape, x.shape, sizeof in.shape);
    vis_session_keep_all(s);
    if (viseme_session_run(s, &in, 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    for (int i = 0; (node = vis_session_node(s, i, &value, &data)); i++)
        checked += check_node(net, node, value, data, row, sizeof row, &at);
    assert_int_equal(checked, taps);
    viseme_session_close(s);
    viseme_model_close(model);
    vis_npy_free(&x);
}

/* Six convolutions and three pools, two layers of the head. */
static void lip_nodes_match_their_taps(void **state)
{
    (void)state;
    check_part("syncnet", "lip", 11);
}

static void audio_nodes_match_their_taps(void **state)
{
    (void)state;
    check_part("syncnet", "aud", 10); /* one pool does nothing and is left out */
    check_part("synce2e", "aud", 10);
    check_part("synce2e_fbank", "aud", 11);
}

static void classifier_nodes_match_their_taps(void **state)
{
    (void)state;
    check_part("synce2e", "matrix", 4);
    check_part("synce2e_cls_n16", "matrix", 4);
}

/* ---- A narrow network -------------------------------------------------------------------- */

enum { SIZE = 64, HEAD = 6, EMBEDDING = 7, MATRIX = 5, FRAMES = 9 };
static const int lip_widths[6] = {3, 5, 4, 6, 5, 8}, aud_widths[6] = {4, 3, 5, 6, 4, 9};
static const int cls_widths[3] = {5, 4, 3};

static void add_layer(struct weights_file *f, const char *row, int at, int out, int in, int kt,
                      int kh, int kw)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    char name[64];
    snprintf(name, sizeof name, "%s.%d.weight", row, at);
    weights_file_add(f, name, 5, (const int[]){out, in, kt, kh, kw}, (uint32_t)(at + 1));
    snprintf(name, sizeof name, "%s.%d.bias", row, at);
    weights_file_add(f, name, 1, &out, (uint32_t)at + 2);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s.%d.%s", row, at + 1, parts[i]);
        float *values = (float *)weights_file_add(f, name, 1, &out, (uint32_t)(at + i + 3));
        for (int k = 0; i == 3 && k < out; k++)
            values[k] = fabsf(values[k]) + 1;
    }
}

static void add_trunk(struct weights_file *f, const char *row, int in, const int widths[6],
                      const int k[6][3])
{
    static const int at[6] = {0, 4, 8, 11, 14, 18};
    for (int i = 0; i < 6; i++)
        add_layer(f, row, at[i], widths[i], i ? widths[i - 1] : in, k[i][0], k[i][1], k[i][2]);
}

static void add_head(struct weights_file *f, const char *row, int in)
{
    char name[64];
    const int last = EMBEDDING;
    add_layer(f, row, 0, HEAD, in, 1, 1, 1);
    snprintf(name, sizeof name, "%s.3.weight", row);
    weights_file_add(f, name, 2, (const int[]){last, HEAD}, 9);
    snprintf(name, sizeof name, "%s.3.bias", row);
    weights_file_add(f, name, 1, &last, 10);
}

static struct weights_file *narrow(const char *config)
{
    /* 64 x 64 leaves one element for the last convolution of the lip trunk. */
    static const int lip[6][3] = {{5, 7, 7}, {1, 5, 5}, {1, 3, 3}, {1, 3, 3}, {1, 3, 3}, {1, 1, 1}};
    static const int aud[6][3] = {{1, 3, 3}, {1, 3, 3}, {1, 3, 3},
                                  {1, 3, 3}, {1, 3, 3}, {1, 18, 4}};
    const int offsets = 11;
    struct weights_file *f = weights_file_new("synce2e");
    weights_file_meta(f, "viseme.config", config);
    add_trunk(f, "netcnnlip", 3, lip_widths, lip);
    add_trunk(f, "netcnnaud", 1, aud_widths, aud);
    add_head(f, "netfclip", lip_widths[5]);
    add_head(f, "netfcaud", aud_widths[5]);
    add_layer(f, "cls", 0, cls_widths[0], 1, 1, 3, 3);
    add_layer(f, "cls", 3, cls_widths[1], cls_widths[0], 1, MATRIX, MATRIX);
    add_layer(f, "cls", 6, cls_widths[2], cls_widths[1], 1, 1, 1);
    weights_file_add(f, "cls.9.weight", 2, (const int[]){offsets, cls_widths[2]}, 11);
    weights_file_add(f, "cls.9.bias", 1, &offsets, 12);
    return f;
}

#define NARROW                                                                                     \
    "{\"frame_size\":64,\"lip_widths\":[3,5,4,6,5,8],\"aud_widths\":[4,3,5,6,4,9],"                \
    "\"head_widths\":[6,7],\"cls_widths\":[5,4,3],\"matrix\":5"

/* The input `name` of the narrow network; free() it. frames: of "lip". */
static viseme_tensor make_input(float **data, const char *name, int frames)
{
    uint32_t seed = 7;
    viseme_tensor t = {.name = name, .rank = 4, .shape = {3, 1, 40, 20}};
    if (strcmp(name, "lip") == 0)
        t = (viseme_tensor){.name = name, .rank = 5, .shape = {1, 3, frames, SIZE, SIZE}};
    else if (strcmp(name, "matrix") == 0)
        t = (viseme_tensor){.name = name, .rank = 4, .shape = {2, 1, MATRIX, MATRIX}};
    size_t n = 1;
    for (int i = 0; i < t.rank; i++)
        n *= (size_t)t.shape[i];
    *data = malloc(n * sizeof **data);
    assert_non_null(*data);
    for (size_t i = 0; i < n; i++)
        (*data)[i] = test_random(&seed);
    t.data = *data;
    return t;
}

static void parts_run_alone_and_together(void **state)
{
    static const char *const names[] = {"lip", "aud", "matrix"};
    static const char *const outputs[] = {"lip_embedding", "aud_embedding", "logits"};
    static const int64_t shapes[][3] = {{1, FRAMES - 4, EMBEDDING}, {3, EMBEDDING}, {2, 11}};
    static const int ranks[] = {3, 2, 2};
    float *data[3], *alone[3];
    viseme_tensor in[3], out;
    viseme_model *model;
    viseme_error err;
    (void)state;
    struct weights_file *f = narrow(NARROW "}");
    viseme_session *s = open_session(&model, weights_file_write(f));
    assert_int_equal(viseme_session_input_count(s), 3);
    assert_int_equal(viseme_session_output_count(s), 5);
    for (int i = 0; i < 3; i++) {
        in[i] = make_input(&data[i], names[i], FRAMES);
        assert_int_equal(viseme_session_run(s, &in[i], 1, &err), VISEME_OK);
        assert_int_equal(viseme_session_output(s, outputs[(i + 1) % 3], &out, &err),
                         VISEME_ERR_ARGUMENT);
        assert_non_null(strstr(err.message, "no input that the output"));
        assert_int_equal(viseme_session_output(s, outputs[i], &out, &err), VISEME_OK);
        assert_int_equal(out.rank, ranks[i]);
        size_t n = 1;
        for (int k = 0; k < out.rank; k++) {
            assert_int_equal(out.shape[k], shapes[i][k]);
            n *= (size_t)out.shape[k];
        }
        alone[i] = malloc(n * sizeof(float));
        assert_non_null(alone[i]);
        memcpy(alone[i], out.data, n * sizeof(float));
    }
    assert_int_equal(viseme_session_run(s, in, 3, &err), VISEME_OK);
    for (int i = 0; i < 3; i++) {
        size_t n = 1;
        assert_int_equal(viseme_session_output(s, outputs[i], &out, &err), VISEME_OK);
        for (int k = 0; k < out.rank; k++)
            n *= (size_t)out.shape[k];
        assert_memory_equal(out.data, alone[i], n * sizeof(float));
        free(alone[i]);
        free(data[i]);
    }
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

static void clips_in_pieces_have_the_same_bits(void **state)
{
    enum { PIECE = 6 };
    const size_t plane = SIZE * SIZE;
    float *whole, *piece, embeddings[(FRAMES - 4) * EMBEDDING];
    viseme_tensor out;
    viseme_model *model;
    (void)state;
    struct weights_file *f = narrow(NARROW "}");
    viseme_session *s = open_session(&model, weights_file_write(f));
    viseme_tensor clip = make_input(&whole, "lip", FRAMES);
    viseme_tensor cut = make_input(&piece, "lip", PIECE);
    assert_int_equal(viseme_session_run(s, &clip, 1, NULL), VISEME_OK);
    assert_int_equal(viseme_session_output(s, "lip_embedding", &out, NULL), VISEME_OK);
    memcpy(embeddings, out.data, sizeof embeddings);
    for (int first = 0; first + PIECE <= FRAMES; first += PIECE - 4) {
        for (size_t c = 0; c < 3; c++)
            memcpy(piece + c * PIECE * plane, whole + (c * FRAMES + (size_t)first) * plane,
                   PIECE * plane * sizeof *piece);
        assert_int_equal(viseme_session_run(s, &cut, 1, NULL), VISEME_OK);
        assert_int_equal(viseme_session_output(s, "lip_embedding", &out, NULL), VISEME_OK);
        assert_memory_equal(out.data, embeddings + (size_t)first * EMBEDDING,
                            (PIECE - 4) * EMBEDDING * sizeof *embeddings);
    }
    free(whole);
    free(piece);
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *config, *says;
    } cases[] = {
        {NARROW ",\"audio_trunk\":\"t\"}", "\"audio_trunk\" is none that this network has"},
        {NARROW ",\"audio_trunk\":1}", "\"audio_trunk\" is none that this network has"},
        {NARROW ",\"audio_trunk\":\"fbank\"}", "netcnnaud.0.weight"},
        {NARROW ",\"offsets\":10}", "cls.9.weight"},
        {"{\"frame_size\":64}", "netcnnlip.0.weight"},
        {"{\"lip_widths\":[1,2,3]}", "\"lip_widths\" is not a list of 6"},
        {"{\"frame_size\":63}", "\"frame_size\" is not a whole number from 64"},
    };
    float *data;
    viseme_model *model;
    viseme_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weights_file *f = narrow(cases[i].config);
        assert_int_equal(viseme_model_open(&model, weights_file_write(f), NULL, &err),
                         VISEME_ERR_MODEL);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s: %s", cases[i].config, err.message);
        weights_file_free(f);
    }
    struct weights_file *f = narrow(NARROW "}");
    viseme_session *s = open_session(&model, weights_file_write(f));
    viseme_tensor x = make_input(&data, "lip", 4);
    assert_int_equal(viseme_session_run(s, &x, 1, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "is [1 3 4 64 64], the network synce2e wants "
                                        "[N 3 T>4 64 64]"));
    x.name = "mel";
    assert_int_equal(viseme_session_run(s, &x, 1, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "has no input \"mel\""));
    free(data);
    viseme_session_close(s);
    viseme_model_close(model);
    weights_file_free(f);
}

/* ---- Between the streams ----------------------------------------------------------------- */

static void matrix_is_the_goldens(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *net = i ? "synce2e_fbank" : "synce2e";
        char name[96];
        float matrix[11 * 11];
        snprintf(name, sizeof name, "tests/goldens/%s/aud_embedding.npy", net);
        struct vis_npy audio = load(test_repository(name));
        snprintf(name, sizeof name, "tests/goldens/%s/lip_embedding.npy", net);
        struct vis_npy video = load(test_repository(name));
        snprintf(name, sizeof name, "tests/goldens/%s/matrix.npy", net);
        struct vis_npy want = load(test_repository(name));
        vis_sync_matrix(matrix, audio.data, 11, video.data, 11, 1024);
        for (int k = 0; k < 11 * 11; k++)
            assert_float_equal(matrix[k], want.data[k], 1e-6);
        vis_npy_free(&audio);
        vis_npy_free(&video);
        vis_npy_free(&want);
    }
}

static void matrix_of_nothing_is_0(void **state)
{
    static const float audio[2][3] = {{1, 2, 2}, {0, 0, 0}}, video[3][3] = {{2, 4, 4}, {-1, 0, 0}};
    float matrix[6];
    (void)state;
    vis_sync_matrix(matrix, audio[0], 2, video[0], 3, 3);
    assert_float_equal(matrix[0], 1, 1e-7);
    assert_float_equal(matrix[1], -1 / 3.0, 1e-7);
    for (int i = 2; i < 6; i++)
        assert_true(matrix[i] == 0);
}

static void windows_are_20_rows_every_4(void **state)
{
    static const size_t rows[] = {0, 19, 20, 23, 24, 299}, windows[] = {0, 0, 1, 1, 2, 70};
    float features[28 * 3], out[3 * 20];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(vis_sync_windows(rows[i]), windows[i]);
    for (int i = 0; i < 28 * 3; i++)
        features[i] = (float)i;
    vis_sync_window(out, features, 3, 2);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 20; i++)
            assert_float_equal(out[c * 20 + i], (8 + i) * 3 + c, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lip_nodes_match_their_taps),
        cmocka_unit_test(audio_nodes_match_their_taps),
        cmocka_unit_test(classifier_nodes_match_their_taps),
        cmocka_unit_test(parts_run_alone_and_together),
        cmocka_unit_test(clips_in_pieces_have_the_same_bits),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(matrix_is_the_goldens),
        cmocka_unit_test(matrix_of_nothing_is_0),
        cmocka_unit_test(windows_are_20_rows_every_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
