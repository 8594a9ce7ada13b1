/* Opening models and running sessions through the public interface: what is refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "tests/support/weights_file.h"

enum { OUT = 5, IN = 6 };

static void build_tiny(struct vis_graph *g)
{
    const int fixed[VIS_AXES] = {[VIS_C] = vis_config_int(g, "features", IN, 1, 100)};
    vis_output(g, "y", "NTC", vis_linear(g, vis_input(g, "x", "NTC", fixed), "fc", OUT));
}

static const struct vis_net tiny = {"tiny", build_tiny};

static const struct vis_net *find(const char *name)
{
    return strcmp(name, tiny.name) == 0 ? &tiny : NULL;
}

/* A good file, then one thing changed by `change`. */
static viseme_status open_changed(viseme_model **model, void (*change)(struct weights_file *f),
                                  viseme_error *err)
{
    struct weights_file *f = weights_file_new("tiny");
    weights_file_add(f, "fc.weight", 2, (int[]){OUT, IN}, 1);
    weights_file_add(f, "fc.bias", 1, (int[]){OUT}, 2);
    if (change)
        change(f);
    viseme_status status = vis_model_open(model, weights_file_write(f), NULL, find, err);
    weights_file_free(f); /* the mapping keeps the removed file */
    return status;
}

static void extra(struct weights_file *f)
{
    weights_file_add(f, "stranger", 1, (int[]){2}, 3);
}

static void misshapen(struct weights_file *f)
{
    weights_file_add(f, "fc.weight", 2, (int[]){OUT, IN + 1}, 1); /* replaces the good one */
}

static void other_arch(struct weights_file *f)
{
    weights_file_meta(f, "viseme.arch", "wav3lip");
}

static void newer_format(struct weights_file *f)
{
    weights_file_meta(f, "viseme.format", "2");
}

static void bad_config(struct weights_file *f)
{
    weights_file_meta(f, "viseme.config", "{\"features\": 0}");
}

static void broken_config(struct weights_file *f)
{
    weights_file_meta(f, "viseme.config", "{\"features\": ");
}

static void config_list(struct weights_file *f)
{
    weights_file_meta(f, "viseme.config", "[]");
}

static void bad_vocab(struct weights_file *f)
{
    weights_file_meta(f, "viseme.vocab", "[\"a\", 3]");
}

static void refuses_wrong_weights(void **state)
{
    static const struct {
        void (*change)(struct weights_file *f);
        const char *sentence;
    } cases[] = {
        {extra, "\"stranger\" does not belong to the network tiny"},
        {other_arch, "network \"wav3lip\", which this version does not know"},
        {newer_format, "format 2"},
        {bad_config, "\"features\" is not a whole number from 1 to 100"},
        {broken_config, "viseme.config is not valid JSON"},
        {config_list, "viseme.config is not an object"},
        {bad_vocab, "entry 1 of viseme.vocab"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        viseme_model *model;
        viseme_error err;
        assert_int_equal(open_changed(&model, cases[i].change, &err), VISEME_ERR_MODEL);
        assert_null(model);
        if (!strstr(err.message, cases[i].sentence))
            fail_msg("case %zu says: %s", i, err.message);
    }
}

static void says_which_tensor_is_missing_or_misshapen(void **state)
{
    viseme_model *model;
    viseme_error err;
    (void)state;
    struct weights_file *f = weights_file_new("tiny");
    weights_file_add(f, "fc.bias", 1, (int[]){OUT}, 2);
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find, &err),
                     VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "\"fc.weight\" of the network tiny is missing"));
    misshapen(f);
    assert_int_equal(vis_model_open(&model, weights_file_write(f), NULL, find, &err),
                     VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "\"fc.weight\" is [5 7], the network tiny wants [5 6]"));
    weights_file_free(f);
}

static void refuses_levels_that_do_not_exist(void **state)
{
    viseme_model *model;
    viseme_error err;
    viseme_model_options opts = {.cpu = (viseme_cpu)9};
    (void)state;
    assert_int_equal(viseme_model_open(&model, "x", &opts, &err), VISEME_ERR_ARGUMENT);
    opts = (viseme_model_options){.gemm = (viseme_gemm)7};
    assert_int_equal(viseme_model_open(&model, "x", &opts, &err), VISEME_ERR_ARGUMENT);
    opts = (viseme_model_options){.threads = 257};
    assert_int_equal(viseme_model_open(&model, "x", &opts, &err), VISEME_ERR_ARGUMENT);
    opts = (viseme_model_options){.gemm = VISEME_GEMM_BLAS};
    assert_int_equal(viseme_model_open(&model, "/nonexistent", &opts, &err),
                     vis_gemm_has_blas() ? VISEME_ERR_MODEL : VISEME_ERR_ARGUMENT);
    setenv("VISEME_CPU", "pentium", 1);
    assert_int_equal(viseme_model_open(&model, "/nonexistent", NULL, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "VISEME_CPU=pentium"));
    unsetenv("VISEME_CPU");
    assert_int_equal(viseme_model_open(&model, NULL, NULL, &err), VISEME_ERR_ARGUMENT);
}

static void environment_chooses_the_level(void **state)
{
    viseme_model *model;
    (void)state;
    setenv("VISEME_CPU", "c", 1);
    assert_int_equal(open_changed(&model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_model_cpu(model), VISEME_CPU_C);
    viseme_model_close(model);
    unsetenv("VISEME_CPU");
    assert_int_equal(open_changed(&model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_model_cpu(model), viseme_cpu_best());
    assert_string_equal(viseme_model_metadata(model, "viseme.arch"), "tiny");
    viseme_model_close(model);
}

static void expect_run_refused(viseme_session *s, const viseme_tensor *in, size_t count,
                               viseme_status want, const char *sentence)
{
    viseme_error err = {VISEME_OK, ""};
    assert_int_equal(viseme_session_run(s, in, count, &err), want);
    if (!strstr(err.message, sentence))
        fail_msg("want \"%s\", got: %s", sentence, err.message);
}

static void refuses_wrong_inputs(void **state)
{
    viseme_model *model;
    viseme_session *s;
    viseme_tensor out;
    viseme_error err;
    float data[2 * IN] = {0};
    (void)state;
    assert_int_equal(open_changed(&model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_session_open(&s, model, NULL, NULL), VISEME_OK);
    assert_int_equal(viseme_session_output(s, "y", &out, &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "has not run yet"));
    assert_int_equal(viseme_session_input_count(s), 1);
    assert_string_equal(viseme_session_input_name(s, 0), "x");
    assert_null(viseme_session_input_name(s, 1));
    assert_string_equal(viseme_session_output_name(s, 0), "y");
    viseme_tensor good = {"x", 3, {1, 2, IN}, data}, two[2] = {good, good};
    expect_run_refused(s, NULL, 0, VISEME_ERR_ARGUMENT, "needs inputs");
    expect_run_refused(s, two, 2, VISEME_ERR_ARGUMENT, "given twice");
    two[1].name = "z";
    expect_run_refused(s, two, 2, VISEME_ERR_ARGUMENT, "no input \"z\"");
    expect_run_refused(s, &two[1], 1, VISEME_ERR_ARGUMENT, "input \"x\" of the network is not");
    viseme_tensor bad = good;
    bad.shape[2] = IN + 1;
    expect_run_refused(s, &bad, 1, VISEME_ERR_ARGUMENT,
                       "is [1 2 7], the network tiny wants [N T 6]");
    bad = good;
    bad.rank = 2;
    expect_run_refused(s, &bad, 1, VISEME_ERR_ARGUMENT, "wants [N T 6]");
    bad = good;
    bad.shape[1] = 0;
    expect_run_refused(s, &bad, 1, VISEME_ERR_ARGUMENT, "is [1 0 6]");
    bad = good;
    bad.data = NULL;
    expect_run_refused(s, &bad, 1, VISEME_ERR_ARGUMENT, "input \"x\"");
    bad = good;
    bad.shape[0] = bad.shape[1] = 1 << 20;
    expect_run_refused(s, &bad, 1, VISEME_ERR_LIMIT, "2^31");
    assert_int_equal(viseme_session_run(s, &good, 1, &err), VISEME_OK); /* none of it broke it */
    assert_int_equal(viseme_session_output(s, "z", &out, &err), VISEME_ERR_ARGUMENT);
    assert_int_equal(viseme_session_output(s, "y", &out, &err), VISEME_OK);
    assert_true(out.rank == 3 && out.shape[0] == 1 && out.shape[1] == 2 && out.shape[2] == OUT);
    viseme_profile_node node;
    size_t nodes = 0;
    while (viseme_session_profile(s, nodes, &node))
        nodes++;
    assert_int_equal(nodes, 3); /* x, fc, y */
    assert_true(viseme_session_arena_bytes(s) > 0 && viseme_model_packed_bytes(model) > 0);
    viseme_session_close(s);
    viseme_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_wrong_weights),
        cmocka_unit_test(says_which_tensor_is_missing_or_misshapen),
        cmocka_unit_test(refuses_levels_that_do_not_exist),
        cmocka_unit_test(environment_chooses_the_level),
        cmocka_unit_test(refuses_wrong_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
