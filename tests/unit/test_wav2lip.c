/* Wav2Lip's generator, discriminator and expert against their goldens, node by node, the first node
 * that diverges named; one item alone and more than the golden's; what does not fit together. */
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

enum { MAX_INPUTS = 2 };
/* Sums of up to 9216 products, and layers upon layers of them. */
#define WITHIN 1e-4

struct net {
    const char *name;
    const char *inputs[MAX_INPUTS];
    int taps; /* so many nodes have one */
};

static const struct net generator = {"wav2lip", {"mel", "face"}, 29};
static const struct net discriminator = {"wav2lip_disc", {"face"}, 8};
static const struct net expert = {"syncnet_color", {"audio", "face"}, 31};

struct open_net {
    const struct net *net;
    viseme_model *model;
    viseme_session *session;
    struct vis_npy arrays[MAX_INPUTS];
    viseme_tensor inputs[MAX_INPUTS];
    size_t count;
};

static struct vis_npy load(const char *path)
{
    struct vis_npy array;
    viseme_error err;
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

static void open_net(struct open_net *o, const struct net *net)
{
    char name[64];
    viseme_error err;
    *o = (struct open_net){.net = net};
    snprintf(name, sizeof name, "%s.safetensors", net->name);
    if (viseme_model_open(&o->model, test_data(name), NULL, &err) != VISEME_OK)
        fail_msg("%s (make units writes it)", err.message);
    assert_int_equal(viseme_session_open(&o->session, o->model, NULL, NULL), VISEME_OK);
    for (; o->count < MAX_INPUTS && net->inputs[o->count]; o->count++) {
        const size_t i = o->count;
        snprintf(name, sizeof name, "%s.%s.npy", net->name, net->inputs[i]);
        o->arrays[i] = load(test_data(name));
        o->inputs[i] = (viseme_tensor){
            .name = net->inputs[i], .rank = o->arrays[i].rank, .data = o->arrays[i].data};
        memcpy(o->inputs[i].shape, o->arrays[i].shape, sizeof o->inputs[i].shape);
    }
}

static void close_net(struct open_net *o)
{
    viseme_session_close(o->session);
    viseme_model_close(o->model);
    for (size_t i = 0; i < o->count; i++)
        vis_npy_free(&o->arrays[i]);
}

static void run_net(struct open_net *o)
{
    viseme_error err;
    if (viseme_session_run(o->session, o->inputs, o->count, &err) != VISEME_OK)
        fail_msg("%s", err.message);
}

static size_t elements(const int64_t *shape, int rank)
{
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)shape[i];
    return n;
}

/* Cuts the last ".<something>" off; 0 when there is none. */
static int shorten(char *name)
{
    char *dot = strrchr(name, '.');
    if (dot)
        *dot = 0;
    return dot != NULL;
}

/* The tap of a node: of its block, or of the stage whose last block it is. */
static void module_of(char *module, size_t size, const struct open_net *o, int i)
{
    const struct vis_value *value;
    const float *data;
    const struct vis_node *node = vis_session_node(o->session, i, &value, &data);
    const struct vis_node *next = vis_session_node(o->session, i + 1, &value, &data);
    snprintf(module, size, "%s", node->name);
    char *inner = strstr(module, ".conv_block.0");
    if (inner)
        *inner = 0;
    if (taps_have(o->net->name, module) || !shorten(module))
        return;
    const size_t length = strlen(module);
    if (next && strncmp(next->name, module, length) == 0 && next->name[length] == '.')
        *module = 0;
}

static void check_nodes(const struct net *net)
{
    struct open_net o;
    const struct vis_node *node;
    const struct vis_value *value;
    const float *data;
    int checked = 0;
    open_net(&o, net);
    vis_session_keep_all(o.session);
    run_net(&o);
    for (int i = 0; (node = vis_session_node(o.session, i, &value, &data)); i++) {
        char module[128];
        module_of(module, sizeof module, &o, i);
        checked += taps_check(net->name, module, value, data, 0, WITHIN);
    }
    assert_int_equal(checked, net->taps);
    close_net(&o);
}

static void generator_nodes_match_their_taps(void **state)
{
    (void)state;
    check_nodes(&generator);
}

static void discriminator_nodes_match_their_taps(void **state)
{
    (void)state;
    check_nodes(&discriminator);
}

static void expert_nodes_match_their_taps(void **state)
{
    (void)state;
    check_nodes(&expert);
}

/* The output of a run, to be freed. */
static float *copy_output(const struct open_net *o, const char *name, size_t *count)
{
    viseme_tensor t;
    assert_int_equal(viseme_session_output(o->session, name, &t, NULL), VISEME_OK);
    *count = elements(t.shape, t.rank);
    float *copy = malloc(*count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, t.data, *count * sizeof *copy);
    return copy;
}

/* Runs on `batch` items, the golden's over and over; each must give the bits it gave there. */
static void check_batch(struct open_net *o, const char *output, const float *want, size_t per_item,
                        int64_t items, int64_t batch)
{
    viseme_tensor given[MAX_INPUTS];
    float *data[MAX_INPUTS];
    size_t got_count;
    memcpy(given, o->inputs, sizeof given);
    for (size_t i = 0; i < o->count; i++) {
        const size_t item = elements(given[i].shape + 1, given[i].rank - 1);
        data[i] = malloc((size_t)batch * item * sizeof *data[i]);
        assert_non_null(data[i]);
        for (int64_t b = 0; b < batch; b++)
            memcpy(data[i] + (size_t)b * item, given[i].data + (size_t)(b % items) * item,
                   item * sizeof *data[i]);
        o->inputs[i].data = data[i];
        o->inputs[i].shape[0] = batch;
    }
    run_net(o);
    float *got = copy_output(o, output, &got_count);
    assert_int_equal(got_count, (size_t)batch * per_item);
    for (int64_t b = 0; b < batch; b++)
        assert_memory_equal(got + (size_t)b * per_item, want + (size_t)(b % items) * per_item,
                            per_item * sizeof *got);
    free(got);
    for (size_t i = 0; i < o->count; i++)
        free(data[i]);
    memcpy(o->inputs, given, sizeof given);
}

static void any_batch_gives_the_same_bits(void **state)
{
    (void)state;
    static const struct net *const nets[] = {&generator, &expert};
    static const char *const outputs[] = {"frames", "face_embedding"};
    for (int n = 0; n < 2; n++) {
        struct open_net o;
        size_t count;
        open_net(&o, nets[n]);
        run_net(&o);
        const int64_t items = o.inputs[0].shape[0];
        float *want = copy_output(&o, outputs[n], &count);
        check_batch(&o, outputs[n], want, count / (size_t)items, items, 1);
        check_batch(&o, outputs[n], want, count / (size_t)items, items, 3);
        free(want);
        close_net(&o);
    }
}

static void sound_and_faces_must_be_as_many(void **state)
{
    (void)state;
    struct open_net o;
    viseme_error err;
    open_net(&o, &generator);
    o.inputs[0].shape[0] = 1;
    assert_int_equal(viseme_session_run(o.session, o.inputs, 2, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "do not belong together"));
    assert_int_equal(viseme_session_run(o.session, o.inputs, 1, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "\"face\" of the network is not given"));
    close_net(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_nodes_match_their_taps),
        cmocka_unit_test(discriminator_nodes_match_their_taps),
        cmocka_unit_test(expert_nodes_match_their_taps),
        cmocka_unit_test(any_batch_gives_the_same_bits),
        cmocka_unit_test(sound_and_faces_must_be_as_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
