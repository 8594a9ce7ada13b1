/* SyncVSR's networks against their goldens, the first diverging node named; sizes that may be and
 * that may not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/session.h"
#include "io/npy.h"
#include "tests/support/data.h"
#include "tests/support/taps.h"
#include "tests/support/weights_file.h"

/* A node and the tap of what it gives. */
struct pair {
    const char *node, *tap;
};

static const struct pair sentence[] = {
    {"maxpool", "frontend.frontend3D"},
    {"encoder.frontend.trunk.layer1.1.conv2", "frontend.layer1"},
    {"encoder.frontend.trunk.layer2.1.conv2", "frontend.layer2"},
    {"encoder.frontend.trunk.layer3.1.conv2", "frontend.layer3"},
    {"encoder.frontend.trunk.layer4.1.conv2", "frontend.layer4"},
    {"mean", "frontend"},
    {"encoder.embed.0", "embed.scaled"},
    {"encoder.encoders.0.norm_ff_macaron.weight", "enc0.norm_ff_macaron"},
    {"encoder.encoders.0.norm_mha.weight", "enc0.norm_mha"},
    {"encoder.encoders.0.self_attn.linear_pos", "enc0.linear_pos"},
    {"encoder.encoders.0.norm_conv.weight", "enc0.norm_conv"},
    {"encoder.encoders.0.norm_final.weight", "enc0"},
    {"encoder.encoders.1.norm_final.weight", "enc1"},
    {"encoder.after_norm.weight", "after_norm"},
};

static const struct pair word[] = {
    {"maxpool", "stem3d"},
    {"resnet.layer1.1.conv2", "resnet.layer1"},
    {"resnet.layer2.1.conv2", "resnet.layer2"},
    {"resnet.layer3.1.conv2", "resnet.layer3"},
    {"resnet.layer4.1.conv2", "resnet.layer4"},
    {"encoder.layers.0.0.0.g", "enc.layer0.norm"},
    {"encoder.layers.0.1.to_out", "enc.layer0.out"},
    {"encoder.layers.1.0.0.g", "enc.layer1.norm"},
    {"encoder.layers.1.1.ff.3", "enc.layer1.out"},
    {"encoder.layers.2.1.to_out", "enc.layer2.out"},
    {"encoder.layers.7.1.ff.3", "enc.layer7.out"},
    {"encoder.layers.15.1.ff.3", "enc.layer15.out"},
    {"encoder.layers.23.1.ff.3", "enc.layer23.out"},
};

static const struct pair points[] = {
    {"params/model/wte", "wte"},
    {"params/model/layer_0/norm_attn/scale", "layer_0.norm_attn"},
    {"params/model/layer_0/ff/w2", "layer_0"},
    {"params/model/layer_1/ff/w2", "layer_1"},
    {"params/model/layer_4/ff/w2", "layer_4"},
    {"params/model/layer_7/ff/w2", "layer_7"},
    {"params/model/norm/scale", "norm"},
};

struct golden {
    const char *net;
    const char *inputs[2]; /* NULL: none */
    const struct pair *pairs;
    int count;
};

static const struct golden goldens[] = {
    {"syncvsr_small", {"video"}, sentence, sizeof sentence / sizeof *sentence},
    {"syncvsr_lrw", {"video", "word_mask"}, word, sizeof word / sizeof *word},
    {"syncvsr_landmark", {"x", "word_mask"}, points, sizeof points / sizeof *points},
};

static viseme_model *open_model(const char *net)
{
    viseme_model *model;
    viseme_error err;
    char name[64];
    snprintf(name, sizeof name, "%s.safetensors", net);
    if (viseme_model_open(&model, test_data(name), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    return model;
}

static viseme_session *open_session(const viseme_model *model)
{
    viseme_session *s;
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    return s;
}

static void check_golden(const struct golden *golden)
{
    struct vis_npy arrays[2] = {{0}};
    viseme_tensor inputs[2];
    size_t count = 0;
    viseme_error err;
    for (; count < 2 && golden->inputs[count]; count++) {
        char name[64];
        struct vis_npy *a = &arrays[count];
        snprintf(name, sizeof name, "%s.%s.npy", golden->net, golden->inputs[count]);
        if (vis_npy_read(a, test_data(name), &err) != VISEME_OK)
            fail_msg("%s", err.message);
        inputs[count] =
            (viseme_tensor){.name = golden->inputs[count], .rank = a->rank, .data = a->data};
        memcpy(inputs[count].shape, a->shape, sizeof inputs[count].shape);
    }
    viseme_model *model = open_model(golden->net);
    viseme_session *s = open_session(model);
    vis_session_keep_all(s);
    if (viseme_session_run(s, inputs, count, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    const struct vis_value *value;
    const struct vis_node *node;
    const float *data;
    int checked = 0;
    for (int i = 0; (node = vis_session_node(s, i, &value, &data)); i++)
        for (int k = 0; k < golden->count; k++)
            if (strcmp(golden->pairs[k].node, node->name) == 0)
                checked += taps_check(golden->net, golden->pairs[k].tap, value, data, 0, 2e-5);
    if (checked != golden->count)
        fail_msg("%s: %d of %d nodes have taps", golden->net, checked, golden->count);
    viseme_session_close(s);
    viseme_model_close(model);
    for (size_t i = 0; i < count; i++)
        vis_npy_free(&arrays[i]);
}

/* Under a sanitizer the smallest, which has all but what the unit tests of operations run. */
static void nodes_match_their_taps(void **state)
{
    (void)state;
    const size_t count = getenv("VISEME_TEST_SMALL") ? 1 : sizeof goldens / sizeof *goldens;
    for (size_t i = 0; i < count; i++)
        check_golden(&goldens[i]);
}

/* One frame, pictures of any size, several clips at once: each clip as if alone. */
static void clips_of_other_sizes(void **state)
{
    enum { FRAMES = 3, SIDE = 40 };
    static float video[2][FRAMES][SIDE][SIDE];
    viseme_model *model = open_model("syncvsr_small");
    viseme_session *both = open_session(model), *second = open_session(model);
    viseme_tensor all, alone;
    viseme_error err;
    uint32_t seed = 3;
    (void)state;
    for (size_t i = 0; i < sizeof video / sizeof(float); i++)
        (&video[0][0][0][0])[i] = test_random(&seed);
    const viseme_tensor inputs[3] = {
        {"video", 5, {2, FRAMES, 1, SIDE, SIDE}, &video[0][0][0][0]},
        {"video", 5, {1, FRAMES, 1, SIDE, SIDE}, &video[1][0][0][0]},
        {"video", 5, {1, 1, 1, SIDE, SIDE}, &video[0][0][0][0]},
    };
    if (viseme_session_run(both, &inputs[0], 1, &err) != VISEME_OK ||
        viseme_session_run(second, &inputs[2], 1, &err) != VISEME_OK ||
        viseme_session_run(second, &inputs[1], 1, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(viseme_session_output(both, "encoder", &all, NULL), VISEME_OK);
    assert_int_equal(viseme_session_output(second, "encoder", &alone, NULL), VISEME_OK);
    const size_t floats = (size_t)(alone.shape[1] * alone.shape[2]);
    assert_memory_equal(all.data + floats, alone.data, floats * sizeof(float));
    viseme_session_close(both);
    viseme_session_close(second);
    viseme_model_close(model);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *config, *says;
    } wrong[] = {
        {"{\"adim\":64,\"aheads\":5}", "adim must be a multiple of aheads"},
        {"{\"cnn_module_kernel\":30}", "cnn_module_kernel odd"},
        {"{\"elayers\":0}", "\"elayers\" is not a whole number"},
        {"{\"frontend_widths\":[64,128]}", "is not a list of 4 whole numbers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct weights_file *f = weights_file_new("syncvsr");
        viseme_model *model;
        viseme_error err;
        weights_file_add(f, "encoder.embed.0.bias", 1, (int[]){64}, 1);
        weights_file_meta(f, "viseme.config", wrong[i].config);
        assert_int_equal(viseme_model_open(&model, weights_file_write(f), NULL, &err),
                         VISEME_ERR_MODEL);
        if (!strstr(err.message, wrong[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, wrong[i].says);
        weights_file_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_match_their_taps),
        cmocka_unit_test(clips_of_other_sizes),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
