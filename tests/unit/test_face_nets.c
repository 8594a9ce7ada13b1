/* BlazeFace and FaceMesh against their goldens, node by node, the first node that diverges named:
 * with stand-in weights, and with the original ones where ../shared has them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "tests/support/data.h"
#include "tests/support/taps.h"

#define GOLDENS "../shared/goldens/"

enum { FRAMES = 6 };

static struct vis_npy load(const char *path)
{
    struct vis_npy array;
    viseme_error err;
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

static viseme_session *open_session(viseme_model **model, const char *weights)
{
    viseme_session *s;
    viseme_error err;
    if (viseme_model_open(model, test_data(weights), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    assert_int_equal(viseme_session_open(&s, *model, NULL, NULL), VISEME_OK);
    return s;
}

static void run_on(viseme_session *s, const float *data, const int64_t shape[4], int batch)
{
    viseme_error err;
    viseme_tensor x = {"x", 4, {batch, shape[1], shape[2], shape[3]}, data};
    if (viseme_session_run(s, &x, 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
}

/* Module "backbone1.2" for our node "backbone1.2.convs.1". */
static void module_of(char *module, size_t size, const struct vis_node *node)
{
    snprintf(module, size, "%s", node->name);
    char *inner = strstr(module, ".convs.");
    if (inner)
        *inner = 0;
}

/* A tap of a convolution is before its activation, our node behind it; then only what stays as it
 * is can be compared. */
static int has_activation(const char *module)
{
    static const char *const names[] = {"backbone1.0", "backbone2a.3", "backbone2b.1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(module, names[i]) == 0)
            return 1;
    return 0;
}

/* Every node that has a tap matches it; `least` of them must have one. */
static void check_nodes(viseme_session *s, const char *net, int least)
{
    const struct vis_value *value;
    const struct vis_node *node;
    const float *data;
    int checked = 0;
    for (int i = 0; (node = vis_session_node(s, i, &value, &data)); i++) {
        char module[64];
        module_of(module, sizeof module, node);
        checked += taps_check(net, module, value, data, has_activation(module), 2e-5);
    }
    if (checked < least)
        fail_msg("%s: only %d nodes have taps", net, checked);
}

static void check_seeded(const char *net, int least)
{
    char name[64];
    viseme_model *model;
    snprintf(name, sizeof name, "%s.safetensors", net);
    viseme_session *s = open_session(&model, name);
    snprintf(name, sizeof name, "%s.x.npy", net);
    struct vis_npy x = load(test_data(name));
    vis_session_keep_all(s);
    run_on(s, x.data, x.shape, (int)x.shape[0]);
    check_nodes(s, net, least);
    viseme_session_close(s);
    viseme_model_close(model);
    vis_npy_free(&x);
}

static void seeded_nodes_match_their_taps(void **state)
{
    (void)state;
    check_seeded("blazeface", 17);
    check_seeded("facemesh", 25);
}

struct output {
    const char *name, *golden;
    double within;
};

/* Pictures [6 H W 3] of bytes -> [6 3 H W] from 0 to 1. */
static float *network_input(const char *golden, int64_t shape[4])
{
    struct vis_npy pictures = load(golden);
    const size_t pixels = (size_t)(pictures.shape[1] * pictures.shape[2]);
    float *x = malloc(pixels * 3 * FRAMES * sizeof *x);
    assert_non_null(x);
    assert_int_equal(pictures.shape[0], FRAMES);
    for (size_t f = 0; f < FRAMES; f++)
        for (size_t i = 0; i < pixels; i++)
            for (size_t c = 0; c < 3; c++)
                x[(f * 3 + c) * pixels + i] = pictures.data[(f * pixels + i) * 3 + c] / 255;
    const int64_t dims[4] = {FRAMES, 3, pictures.shape[1], pictures.shape[2]};
    memcpy(shape, dims, sizeof dims);
    vis_npy_free(&pictures);
    return x;
}

static void check_real(const char *net, const char *input, const struct output *outputs, int count,
                       int least)
{
    char name[64];
    int64_t shape[4];
    snprintf(name, sizeof name, "%s.safetensors", net);
    if (access(test_data(name), R_OK) != 0 || access(input, R_OK) != 0) {
        print_message("1 skipped: %s is not here\n", input);
        skip();
    }
    viseme_model *model;
    viseme_session *s = open_session(&model, name);
    float *x = network_input(input, shape);
    run_on(s, x, shape, FRAMES);
    for (int i = 0; i < count; i++) {
        struct vis_npy want = load(outputs[i].golden);
        viseme_tensor got;
        assert_int_equal(viseme_session_output(s, outputs[i].name, &got, NULL), VISEME_OK);
        int64_t elements = 1;
        for (int k = 0; k < want.rank; k++) {
            assert_int_equal(got.shape[k], want.shape[k]);
            elements *= want.shape[k];
        }
        for (int64_t k = 0; k < elements; k++)
            if (!(fabs((double)got.data[k] - (double)want.data[k]) <= outputs[i].within))
                fail_msg("%s %s[%d] is %.9g, want %.9g", net, outputs[i].name, (int)k,
                         (double)got.data[k], (double)want.data[k]);
        vis_npy_free(&want);
    }
    vis_session_keep_all(s);
    run_on(s, x, shape, 1); /* the taps are of the first picture */
    check_nodes(s, net, least);
    free(x);
    viseme_session_close(s);
    viseme_model_close(model);
}

/* Within four times the distance of PyTorch's float32 run from float64. */
static void blazeface_matches_real_pictures(void **state)
{
    static const struct output outputs[] = {
        {"raw_boxes", GOLDENS "blazeface/raw_boxes.npy", 4 * 1.2e-4},
        {"raw_scores", GOLDENS "blazeface/raw_scores.npy", 4 * 1.1e-4},
    };
    (void)state;
    check_real("real_blazeface", GOLDENS "blazeface/input.npy", outputs, 2, 17);
}

static void facemesh_matches_real_pictures(void **state)
{
    static const struct output outputs[] = {
        {"raw", GOLDENS "facemesh/raw.npy", 4 * 7.5e-7},
        {"flag", GOLDENS "facemesh/flag.npy", 1e-7},
        {"flag_logit", GOLDENS "facemesh/flag_logit.npy", 1e-4},
    };
    (void)state;
    check_real("real_facemesh", GOLDENS "facemesh/crop.npy", outputs, 3, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_nodes_match_their_taps),
        cmocka_unit_test(blazeface_matches_real_pictures),
        cmocka_unit_test(facemesh_matches_real_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
