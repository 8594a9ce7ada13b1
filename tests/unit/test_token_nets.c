/* Decoder and language model, a position at a time, against their goldens, which PyTorch computed
 * from whole prefixes; hypotheses that share positions; memory that comes back; refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "nets/token_stepper.h"
#include "tests/support/data.h"
#include "tests/support/token_model.h"
#include "tests/support/weights_file.h"

enum { TOKENS = 41, STEPS = 12 };
#define WITHIN 3e-5 /* log-probabilities down to -15 */

static const int prefix[STEPS] = {40, 5, 17, 9, 9, 30, 12, 3, 22, 14, 6, 33};

struct opened {
    viseme_model *model;
    const struct vis_token_net *net;
    struct vis_threads *threads;
    struct vis_token_stepper *stepper;
};

static struct opened open_with(viseme_model *model, enum vis_token_kind kind, int threads, int rows)
{
    struct opened o = {.model = model};
    struct vis_npy encoder = token_golden("encoder.npy");
    const int decoder = kind == VIS_TOKEN_DECODER;
    viseme_error err;
    assert_int_equal(vis_threads_open(&o.threads, threads, NULL), VISEME_OK);
    if (vis_token_net_open(&o.net, o.model, kind, &err) != VISEME_OK ||
        vis_token_stepper_open(&o.stepper, o.net, decoder ? encoder.data : NULL,
                               decoder ? (int)encoder.shape[1] : 0, rows, o.threads,
                               &err) != VISEME_OK)
        fail_msg("%s", err.message);
    vis_npy_free(&encoder);
    assert_int_equal(o.net->tokens, TOKENS);
    return o;
}

static struct opened open_net(const char *file, enum vis_token_kind kind, viseme_cpu cpu,
                              int threads, int rows)
{
    return open_with(token_model_open(file, cpu), kind, threads, rows);
}

static void close_net(struct opened *o)
{
    vis_token_stepper_free(o->stepper);
    vis_threads_close(o->threads);
    viseme_model_close(o->model);
}

static void check_row(const float *got, const float *want, int step, int row)
{
    for (int c = 0; c < TOKENS; c++)
        if (!(fabs((double)got[c] - (double)want[c]) <= WITHIN))
            fail_msg("step %d, hypothesis %d, token %d: %.9g, not %.9g", step, row, c,
                     (double)got[c], (double)want[c]);
}

/* The golden's prefix as one hypothesis. */
static void follow_with(struct opened o, const char *golden)
{
    struct vis_npy want = token_golden(golden);
    assert_int_equal(want.shape[want.rank - 1], TOKENS);
    int at = VIS_TOKEN_NONE;
    float logp[TOKENS];
    for (int i = 0; i < STEPS; i++) {
        const int before = at;
        assert_int_equal(vis_token_stepper_step(o.stepper, 1, &before, &prefix[i], &at, logp, NULL),
                         VISEME_OK);
        check_row(logp, want.data + (ptrdiff_t)i * TOKENS, i, 0);
        vis_token_stepper_release(o.stepper, before);
    }
    assert_int_equal(vis_token_stepper_kept(o.stepper), STEPS);
    vis_token_stepper_release(o.stepper, at);
    assert_int_equal(vis_token_stepper_kept(o.stepper), 0);
    vis_npy_free(&want);
    close_net(&o);
}

/* At every CPU level. */
static void follow_prefix(const char *file, enum vis_token_kind kind, const char *golden)
{
    for (int cpu = VISEME_CPU_C; cpu <= (int)viseme_cpu_best(); cpu++)
        follow_with(open_net(file, kind, (viseme_cpu)cpu, 2, 1), golden);
}

static void decoder_follows_prefix(void **state)
{
    (void)state;
    follow_prefix("token_decoder.safetensors", VIS_TOKEN_DECODER, "decoder_logp.npy");
}

static void lm_follows_prefix(void **state)
{
    (void)state;
    follow_prefix("token_lm_none.safetensors", VIS_TOKEN_LM, "lm_logp_none.npy");
}

static void lm_with_positions(void **state)
{
    (void)state;
    follow_prefix("token_lm_sinusoidal.safetensors", VIS_TOKEN_LM, "lm_logp_sinusoidal.npy");
}

static void with_blas(void **state)
{
    (void)state;
    static const char *const files[2] = {"token_decoder.safetensors", "token_lm_none.safetensors"};
    static const char *const goldens[2] = {"decoder_logp.npy", "lm_logp_none.npy"};
    const viseme_model_options options = {.gemm = VISEME_GEMM_BLAS};
    if (!vis_gemm_has_blas())
        skip();
    for (int i = 0; i < 2; i++) {
        viseme_model *model;
        viseme_error err;
        if (vis_model_open(&model, test_data(files[i]), &options, token_model_find, &err) !=
            VISEME_OK)
            fail_msg("%s", err.message);
        follow_with(open_with(model, i == 0 ? VIS_TOKEN_DECODER : VIS_TOKEN_LM, 2, 1), goldens[i]);
    }
}

/* Three prefixes side by side: their first tokens are one position, in turns in another order. */
static void shared_beginnings(void **state)
{
    (void)state;
    static const int prefixes[3][4] = {{40, 5, 17, 9}, {40, 8, 21, 33}, {40, 39, 1, 1}};
    struct vis_npy want = token_golden("decoder_batch_score.npy");
    struct opened o =
        open_net("token_decoder.safetensors", VIS_TOKEN_DECODER, VISEME_CPU_AUTO, 3, 3);
    int at[3], before[3] = {VIS_TOKEN_NONE, VIS_TOKEN_NONE, VIS_TOKEN_NONE};
    float logp[3 * TOKENS];
    for (int step = 0; step < 4; step++) {
        int parent[3], token[3], rows = step == 0 ? 1 : 3;
        for (int i = 0; i < rows; i++) { /* row i is prefix (i + step) % 3 */
            const int which = (i + step) % 3;
            parent[i] = step < 2 ? before[0] : before[(which + 3 - (step - 1) % 3) % 3];
            token[i] = prefixes[which][step];
        }
        assert_int_equal(vis_token_stepper_step(o.stepper, rows, parent, token, at, logp, NULL),
                         VISEME_OK);
        for (int i = 0; i < rows; i++)
            check_row(logp + (ptrdiff_t)i * TOKENS,
                      want.data + (ptrdiff_t)(step * 3 + (i + step) % 3) * TOKENS, step,
                      (i + step) % 3);
        for (int i = 0; i < 3; i++) {
            if (step > 0 && (step > 1 || i == 0))
                vis_token_stepper_release(o.stepper, before[i]);
            before[i] = i < rows ? at[i] : VIS_TOKEN_NONE;
        }
    }
    assert_int_equal(vis_token_stepper_kept(o.stepper), 1 + 3 * 3);
    vis_npy_free(&want);
    close_net(&o);
}

/* Many hypotheses of all lengths, dropped at random: any number of threads gives the same bits. */
static void random_search(float *sums, int threads)
{
    enum { ROWS = 23, ROUNDS = 60 };
    struct opened o =
        open_net("token_decoder.safetensors", VIS_TOKEN_DECODER, VISEME_CPU_AUTO, threads, ROWS);
    int was[ROWS], at[ROWS], held = 0;
    uint32_t seed = 7;
    static float logp[ROWS * TOKENS];
    for (int round = 0; round < ROUNDS; round++) {
        int parent[ROWS], token[ROWS], rows = 1 + (round * 5) % ROWS;
        for (int i = 0; i < rows; i++) {
            const float a = test_random(&seed), b = test_random(&seed);
            const int from = held ? (int)(fabsf(a) * 0.999f * (float)held) : 0;
            parent[i] = held && a > -0.9f ? was[from] : VIS_TOKEN_NONE;
            token[i] = (int)(fabsf(b) * 0.999f * TOKENS);
        }
        assert_int_equal(vis_token_stepper_step(o.stepper, rows, parent, token, at, logp, NULL),
                         VISEME_OK);
        for (int i = 0; i < held; i++)
            vis_token_stepper_release(o.stepper, was[i]);
        memcpy(was, at, sizeof was);
        held = rows;
        memcpy(sums + (ptrdiff_t)round * TOKENS, logp + (ptrdiff_t)(rows - 1) * TOKENS,
               TOKENS * sizeof *sums);
    }
    for (int i = 0; i < held; i++)
        vis_token_stepper_release(o.stepper, was[i]);
    assert_int_equal(vis_token_stepper_kept(o.stepper), 0);
    close_net(&o);
}

static void same_bits(void **state)
{
    (void)state;
    static float one[60 * TOKENS], many[60 * TOKENS];
    random_search(one, 1);
    for (int threads = 2; threads <= 5; threads += 3) {
        random_search(many, threads);
        assert_memory_equal(one, many, sizeof one);
    }
}

/* Without positions, a hidden token leaves no trace in what follows it. */
static void lm_hides_token_0(void **state)
{
    (void)state;
    static const int with[4] = {40, 0, 0, 5}, without[2] = {40, 5};
    float logp[2][TOKENS];
    struct opened o = open_net("token_lm_none.safetensors", VIS_TOKEN_LM, VISEME_CPU_AUTO, 1, 1);
    int at = VIS_TOKEN_NONE;
    for (int i = 0; i < 4; i++)
        assert_int_equal(vis_token_stepper_step(o.stepper, 1, &at, &with[i], &at, logp[0], NULL),
                         VISEME_OK);
    at = VIS_TOKEN_NONE;
    for (int i = 0; i < 2; i++)
        assert_int_equal(vis_token_stepper_step(o.stepper, 1, &at, &without[i], &at, logp[1], NULL),
                         VISEME_OK);
    assert_memory_equal(logp[0], logp[1], sizeof logp[0]);
    at = VIS_TOKEN_NONE; /* nothing to see at all: still numbers */
    assert_int_equal(vis_token_stepper_step(o.stepper, 1, &at, &with[1], &at, logp[0], NULL),
                     VISEME_OK);
    for (int c = 0; c < TOKENS; c++)
        assert_true(isfinite(logp[0][c]));
    close_net(&o);
}

/* ---- Refusals ------------------------------------------------------------------------------ */

static void wrong_sources(void **state)
{
    (void)state;
    struct opened o =
        open_net("token_decoder.safetensors", VIS_TOKEN_DECODER, VISEME_CPU_AUTO, 1, 1);
    struct opened lm = open_net("token_lm_none.safetensors", VIS_TOKEN_LM, VISEME_CPU_AUTO, 1, 1);
    struct vis_token_stepper *s;
    static const float source[64];
    viseme_error err;
    assert_int_equal(vis_token_stepper_open(&s, o.net, NULL, 0, 1, o.threads, &err),
                     VISEME_ERR_ARGUMENT);
    assert_null(s);
    assert_int_equal(vis_token_stepper_open(&s, lm.net, source, 1, 1, o.threads, &err),
                     VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_token_stepper_open(&s, o.net, source, 1, 0, o.threads, &err),
                     VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_token_stepper_open(&s, o.net, source, 1 << 30, 1, o.threads, &err),
                     VISEME_ERR_LIMIT);
    assert_int_equal(vis_token_net_open(&o.net, lm.model, VIS_TOKEN_DECODER, &err),
                     VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "no decoder"));
    close_net(&o);
    close_net(&lm);
}

/* A language model of one block with one thing wrong. */
static void expect_refusal(int width, int hidden, int w_2, const char *config, const char *says)
{
    struct weights_file *file = weights_file_new("syncvsr_lm");
    static const char *const linear[] = {"q", "k", "v", "out"};
    static const char *const norm[] = {"encoder.embed.1", "encoder.after_norm",
                                       "encoder.encoders.0.norm_mha", "encoder.encoders.0.norm_ff"};
    char name[96];
    viseme_model *model;
    viseme_error err;
#define ADD(tensor, rank, ...) weights_file_add(file, tensor, rank, (const int[2]){__VA_ARGS__}, 1)
    ADD("embed.weight", 2, 5, 3);
    ADD("encoder.embed.0.weight", 2, width, 3);
    ADD("encoder.embed.0.bias", 1, width);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s.weight", norm[i]);
        ADD(name, 1, width);
        snprintf(name, sizeof name, "%s.bias", norm[i]);
        ADD(name, 1, width);
        snprintf(name, sizeof name, "encoder.encoders.0.self_attn.linear_%s.weight", linear[i]);
        ADD(name, 2, width, width);
        snprintf(name, sizeof name, "encoder.encoders.0.self_attn.linear_%s.bias", linear[i]);
        ADD(name, 1, width);
    }
    ADD("encoder.encoders.0.feed_forward.w_1.weight", 2, hidden, width);
    ADD("encoder.encoders.0.feed_forward.w_1.bias", 1, hidden);
    if (w_2 > 0) {
        ADD("encoder.encoders.0.feed_forward.w_2.weight", 2, width, w_2);
        ADD("encoder.encoders.0.feed_forward.w_2.bias", 1, width);
    }
    ADD("decoder.weight", 2, 5, width);
    ADD("decoder.bias", 1, 5);
#undef ADD
    weights_file_meta(file, "viseme.config", config);
    viseme_status status =
        vis_model_open(&model, weights_file_write(file), NULL, token_model_find, &err);
    if (says) {
        assert_int_equal(status, VISEME_ERR_MODEL);
        if (!strstr(err.message, says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    } else if (status != VISEME_OK) {
        fail_msg("%s", err.message);
    }
    viseme_model_close(model);
    weights_file_free(file);
}

static void bad_files(void **state)
{
    (void)state;
    expect_refusal(4, 6, 6, "{\"head\": 2}", NULL);
    expect_refusal(4, 6, 6, "{\"head\": 3}", "divide the width");
    expect_refusal(4, 6, 6, "{\"head\": 0}", "divide the width");
    expect_refusal(4, 6, 6, "{\"head\": \"two\"}", "divide the width");
    expect_refusal(4, 6, 6, "{\"head\": 2, \"pos_enc\": \"rotary\"}", "pos_enc");
    expect_refusal(4, 6, 7, "{\"head\": 2}", "feed_forward.w_2.weight");
    expect_refusal(4, 6, 0, "{\"head\": 2}", "feed_forward.w_2.weight\" of the network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoder_follows_prefix),
        cmocka_unit_test(lm_follows_prefix),
        cmocka_unit_test(lm_with_positions),
        cmocka_unit_test(with_blas),
        cmocka_unit_test(shared_beginnings),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(lm_hides_token_0),
        cmocka_unit_test(wrong_sources),
        cmocka_unit_test(bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
