/* The joint beam search against every case that upstream's search was run on, and its CTC prefix
 * scores; the same results for any number of threads; options and inputs it refuses.
 *
 *   test_joint_beam WEIGHTS   searches ../shared/goldens/syncvsr_lrs instead, with the published
 *                             size's stand-in weights (bench/search.py --only-write makes them)
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/model.h"
#include "nets/ctc_prefix.h"
#include "nets/joint_beam.h"
#include "tests/support/token_model.h"

enum { TOKENS = 41 };
#define SCORES_WITHIN 1e-3

/* ---- CTC prefix scores --------------------------------------------------------------------- */

struct prefixes {
    struct vis_ctc_prefix ctc;
    struct vis_npy logp;
    float *state[2], *room;
};

static struct prefixes open_prefixes(int frames)
{
    struct prefixes p = {.logp = token_golden("ctc_logp.npy")};
    struct vis_kernels kernels;
    static struct vis_kernels kept;
    vis_kernels_init(&kernels, vis_cpu_best());
    kept = kernels;
    frames = frames ? frames : (int)p.logp.shape[1];
    assert_int_equal(
        vis_ctc_prefix_open(&p.ctc, &kept, p.logp.data, frames, TOKENS, 0, TOKENS - 1, NULL),
        VISEME_OK);
    for (int i = 0; i < 2; i++)
        p.state[i] = malloc(vis_ctc_prefix_floats(&p.ctc) * sizeof(float));
    p.room = malloc(((size_t)frames + 1) * sizeof(float));
    return p;
}

static void close_prefixes(struct prefixes *p)
{
    vis_ctc_prefix_free(&p->ctc);
    vis_npy_free(&p->logp);
    free(p->state[0]);
    free(p->state[1]);
    free(p->room);
}

/* The state of tokens [length], the last of them, and psi of it. */
static const float *state_of(const struct prefixes *p, const int *tokens, int length, int *last,
                             float *psi)
{
    float all[TOKENS];
    *last = TOKENS - 1;
    *psi = 0;
    vis_ctc_prefix_start(&p->ctc, p->state[0]);
    for (int i = 0; i < length; i++) {
        vis_ctc_prefix_score(&p->ctc, p->state[i % 2], i, *last, NULL, 0, all, p->room);
        vis_ctc_prefix_extend(&p->ctc, p->state[i % 2], i, *last, tokens[i], p->state[(i + 1) % 2]);
        *last = tokens[i];
        *psi = all[*last];
    }
    return p->state[length % 2];
}

static const int prefix_tokens[9][8] = {{0},        {5},           {5, 17},
                                        {5, 17, 9}, {5, 17, 9, 9}, {5, 17, 9, 9, 30, 12, 3, 22},
                                        {39},       {39, 39},      {8, 21, 33, 2, 2, 2, 7}};
static const int prefix_lengths[9] = {0, 1, 2, 3, 4, 8, 1, 2, 7};

static void prefix_goldens(void **state)
{
    (void)state;
    struct prefixes p = open_prefixes(0);
    struct vis_npy want = token_golden("ctc_prefix_logpsi.npy");
    struct vis_npy local = token_golden("ctc_prefix_local.npy");
    for (int i = 0; i < 9; i++) {
        float psi[TOKENS], before;
        int last;
        const float *s = state_of(&p, prefix_tokens[i], prefix_lengths[i], &last, &before);
        vis_ctc_prefix_score(&p.ctc, s, prefix_lengths[i], last, NULL, 0, psi, p.room);
        for (int c = 0; c < TOKENS; c++) {
            const double w = (double)want.data[i * TOKENS + c];
            const double l = (double)local.data[i * TOKENS + c];
            if (!(fabs((double)psi[c] - w) <= 1e-4 * (1 + (c == 0) * 1e10)) ||
                !(fabs((double)(psi[c] - before) - l) <= 2e-4 * (1 + (c == 0) * 1e10)))
                fail_msg("prefix %d, token %d: %.9g and %.9g, not %.9g and %.9g", i, c,
                         (double)psi[c], (double)(psi[c] - before), w, l);
        }
        assert_true(psi[0] == VIS_CTC_PREFIX_ZERO);
    }
    vis_npy_free(&want);
    vis_npy_free(&local);
    close_prefixes(&p);
}

/* Only candidates and eos have scores, the same as among all tokens. */
static void prefix_candidates(void **state)
{
    (void)state;
    static const int candidates[4] = {30, 0, 9, 2};
    struct prefixes p = open_prefixes(0);
    float all[TOKENS], some[TOKENS], before;
    int last;
    const float *s = state_of(&p, prefix_tokens[4], 4, &last, &before);
    vis_ctc_prefix_score(&p.ctc, s, 4, last, NULL, 0, all, p.room);
    vis_ctc_prefix_score(&p.ctc, s, 4, last, candidates, 4, some, p.room);
    for (int c = 0; c < TOKENS; c++) {
        const int is_one = c == 30 || c == 9 || c == 2 || c == TOKENS - 1;
        assert_true(some[c] == (is_one ? all[c] : VIS_CTC_PREFIX_ZERO));
    }
    close_prefixes(&p);
}

/* Prefixes longer than the clip are as good as impossible, and no memory beyond it is touched. */
static void prefix_too_long(void **state)
{
    (void)state;
    for (int frames = 1; frames <= 3; frames++) {
        struct prefixes p = open_prefixes(frames);
        float psi[TOKENS], before;
        int last;
        const float *s = state_of(&p, prefix_tokens[5], 5, &last, &before);
        vis_ctc_prefix_score(&p.ctc, s, 5, last, NULL, 0, psi, p.room);
        for (int c = 0; c < TOKENS; c++)
            assert_true(psi[c] <= -0.9e10f && isfinite(psi[c]));
        close_prefixes(&p);
    }
}

/* ---- Goldens of the search ----------------------------------------------------------------- */

struct nets {
    viseme_model *decoder_model, *lm_model;
    const struct vis_token_net *decoder, *lm;
    struct vis_npy encoder, ctc_logp;
    struct vis_threads *threads;
};

static struct nets open_nets(viseme_cpu cpu, int threads)
{
    struct nets n = {.decoder_model = token_model_open("token_decoder.safetensors", cpu),
                     .lm_model = token_model_open("token_lm_none.safetensors", cpu),
                     .encoder = token_golden("encoder.npy"),
                     .ctc_logp = token_golden("ctc_logp.npy")};
    assert_int_equal(vis_token_net_open(&n.decoder, n.decoder_model, VIS_TOKEN_DECODER, NULL),
                     VISEME_OK);
    assert_int_equal(vis_token_net_open(&n.lm, n.lm_model, VIS_TOKEN_LM, NULL), VISEME_OK);
    assert_int_equal(vis_threads_open(&n.threads, threads, NULL), VISEME_OK);
    return n;
}

static void close_nets(struct nets *n)
{
    viseme_model_close(n->decoder_model);
    viseme_model_close(n->lm_model);
    vis_npy_free(&n->encoder);
    vis_npy_free(&n->ctc_logp);
    vis_threads_close(n->threads);
}

static viseme_status search(struct vis_joint_result *out, const struct nets *n,
                            const struct vis_joint_options *o, viseme_error *err)
{
    return vis_joint_beam(out, n->decoder, n->lm, n->encoder.data, n->ctc_logp.data,
                          (int)n->encoder.shape[1], o, n->threads, err);
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key)); /* 0 where there is none */
}

/* The distance between a hypothesis and the golden's; the test fails if its tokens are others. */
static double compare(const char *name, int rank, const struct vis_joint_hypothesis *got,
                      const json_t *want)
{
    const json_t *tokens = json_object_get(want, "yseq"), *scores = json_object_get(want, "scores");
    assert_int_equal(got->length, (int)json_array_size(tokens) - 1);
    for (int i = 0; i < got->length; i++)
        if (got->tokens[i] != json_integer_value(json_array_get(tokens, (size_t)i + 1)))
            fail_msg("%s: token %d of hypothesis %d is %d", name, i, rank, got->tokens[i]);
    const double of[5][2] = {{(double)got->score, number(want, "score")},
                             {(double)got->decoder, number(scores, "decoder")},
                             {(double)got->ctc, number(scores, "ctc")},
                             {(double)got->lm, number(scores, "lm")},
                             {(double)got->length_bonus, number(scores, "length_bonus")}};
    double worst = 0;
    for (int i = 0; i < 5; i++) {
        if (!(fabs(of[i][0] - of[i][1]) <= SCORES_WITHIN))
            fail_msg("%s: score %d of hypothesis %d is %.9g, not %.9g", name, i, rank, of[i][0],
                     of[i][1]);
        worst = fmax(worst, fabs(of[i][0] - of[i][1]));
    }
    return worst;
}

static double run_case(const struct nets *n, const json_t *one)
{
    const json_t *weights = json_object_get(one, "weights"), *nbest = json_object_get(one, "nbest");
    const char *name = json_string_value(json_object_get(one, "name"));
    const struct vis_joint_options options = {.beam = (int)number(one, "beam_size"),
                                              .nbest = (int)json_array_size(nbest),
                                              .ctc_weight = number(weights, "ctc"),
                                              .lm_weight = number(weights, "lm"),
                                              .length_bonus = number(weights, "length_bonus"),
                                              .maxlen_ratio = number(one, "maxlenratio")};
    struct vis_joint_result got;
    viseme_error err;
    double worst = 0;
    if (search(&got, n, &options, &err) != VISEME_OK)
        fail_msg("%s: %s", name, err.message);
    assert_int_equal(got.count, options.nbest);
    for (int i = 0; i < got.count; i++)
        worst = fmax(worst, compare(name, i, &got.best[i], json_array_get(nbest, (size_t)i)));
    if (got.steps != (int)number(one, "steps") || got.ended != (int)number(one, "ended"))
        fail_msg("%s: %d steps and %d ends", name, got.steps, got.ended);
    vis_joint_beam_free(&got);
    return worst;
}

static double run_cases(const struct nets *n, const char *path, int at_least)
{
    json_t *file = json_load_file(path, 0, NULL), *one;
    double worst = 0;
    size_t i;
    assert_non_null(file);
    assert_true((int)json_array_size(json_object_get(file, "cases")) >= at_least);
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        worst = fmax(worst, run_case(n, one));
    }
    json_decref(file);
    return worst;
}

static void search_goldens(void **state)
{
    (void)state;
    const int lowest = getenv("VISEME_TEST_SMALL") ? (int)viseme_cpu_best() : VISEME_CPU_C;
    for (int cpu = lowest; cpu <= (int)viseme_cpu_best(); cpu++) {
        struct nets n = open_nets((viseme_cpu)cpu, 1);
        const double worst = run_cases(&n, "tests/goldens/syncvsr_small/beam.json", 19);
        printf("%s: scores within %.2g\n", viseme_cpu_name((viseme_cpu)cpu), worst);
        close_nets(&n);
    }
}

static const struct vis_joint_options usual = {
    .beam = 7, .nbest = 7, .ctc_weight = 0.2, .lm_weight = 0.3};

/* The same bits, whoever computes them. */
static void any_threads(void **state)
{
    (void)state;
    struct vis_joint_result one, many;
    struct nets n = open_nets(VISEME_CPU_AUTO, 1);
    assert_int_equal(search(&one, &n, &usual, NULL), VISEME_OK);
    close_nets(&n);
    n = open_nets(VISEME_CPU_AUTO, 4);
    assert_int_equal(search(&many, &n, &usual, NULL), VISEME_OK);
    close_nets(&n);
    assert_int_equal(one.count, 7);
    assert_int_equal(many.count, 7);
    for (int i = 0; i < 7; i++) {
        const struct vis_joint_hypothesis *a = &one.best[i], *b = &many.best[i];
        assert_int_equal(a->length, b->length);
        assert_memory_equal(a->tokens, b->tokens, (size_t)a->length * sizeof(int));
        assert_memory_equal(&a->score, &b->score, sizeof a->score);
    }
    vis_joint_beam_free(&one);
    vis_joint_beam_free(&many);
}

/* ---- Edges --------------------------------------------------------------------------------- */

/* More frames' worth of tokens than there are frames, one frame, none, beams wider than the
 * vocabulary: answers, or none, but never a crash. */
static void odd_sizes(void **state)
{
    (void)state;
    struct nets n = open_nets(VISEME_CPU_AUTO, 1);
    struct vis_joint_options o = usual;
    struct vis_joint_result got;
    viseme_error err;
    for (int frames = 0; frames <= 3; frames++)
        for (int ratio = -8; ratio <= 4; ratio += 4)
            for (int beam = 1; beam <= 49; beam += 24) {
                o.maxlen_ratio = ratio;
                o.beam = o.nbest = beam;
                if (vis_joint_beam(&got, n.decoder, NULL, n.encoder.data, n.ctc_logp.data, frames,
                                   &o, n.threads, &err) != VISEME_OK)
                    fail_msg("%d frames, ratio %d, beam %d: %s", frames, ratio, beam, err.message);
                assert_true(frames > 0 ? got.count > 0 : got.count == 0);
                for (int i = 0; i < got.count; i++)
                    assert_int_equal(got.best[i].tokens[got.best[i].length - 1], TOKENS - 1);
                vis_joint_beam_free(&got);
            }
    close_nets(&n);
}

static void expect_refusal(const struct nets *n, struct vis_joint_options o, viseme_status want,
                           const char *says)
{
    struct vis_joint_result got;
    viseme_error err;
    assert_int_equal(search(&got, n, &o, &err), want);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    assert_int_equal(got.count, 0);
    assert_null(got.best);
}

static void refusals(void **state)
{
    (void)state;
    static const double bad_ratios[] = {NAN, INFINITY, -INFINITY, -0.5, -1e9, 1001};
    struct nets n = open_nets(VISEME_CPU_AUTO, 1);
    struct vis_joint_options o = usual;
#define REFUSED(field, value, says)                                                                \
    do {                                                                                           \
        o = usual;                                                                                 \
        o.field = value;                                                                           \
        expect_refusal(&n, o, VISEME_ERR_ARGUMENT, says);                                          \
    } while (0)
    REFUSED(beam, 0, "beam of 0");
    REFUSED(beam, VIS_JOINT_MAX_BEAM + 1, "1 to 1000");
    REFUSED(nbest, 0, "list of 0");
    REFUSED(nbest, -5, "list of -5");
    REFUSED(ctc_weight, 1.01, "CTC");
    REFUSED(ctc_weight, NAN, "CTC");
    REFUSED(lm_weight, -1, "language model");
    REFUSED(lm_weight, INFINITY, "language model");
    REFUSED(length_bonus, NAN, "bonus");
    REFUSED(length_bonus, -101, "bonus");
    for (size_t i = 0; i < sizeof bad_ratios / sizeof *bad_ratios; i++)
        REFUSED(maxlen_ratio, bad_ratios[i], "longest length");
#undef REFUSED
    const float kept = n.encoder.data[70];
    n.encoder.data[70] = NAN;
    expect_refusal(&n, usual, VISEME_ERR_INPUT, "frame 1");
    n.encoder.data[70] = kept;
    n.ctc_logp.data[2 * TOKENS + 1] = NAN;
    expect_refusal(&n, usual, VISEME_ERR_INPUT, "frame 2");
    close_nets(&n);
}

/* ---- The full network, by hand --------------------------------------------------------------- */

static const char *full_weights;

static void full_size(void **state)
{
    (void)state;
    static const char folder[] = "../shared/goldens/syncvsr_lrs/";
    char path[128];
    viseme_error err;
    struct nets n = {.decoder_model = token_model_open(full_weights, VISEME_CPU_AUTO)};
    if (vis_token_net_open(&n.decoder, n.decoder_model, VIS_TOKEN_DECODER, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%sencoder.npy", folder);
    assert_int_equal(vis_npy_read(&n.encoder, path, NULL), VISEME_OK);
    snprintf(path, sizeof path, "%sctc_logp.npy", folder);
    assert_int_equal(vis_npy_read(&n.ctc_logp, path, NULL), VISEME_OK);
    assert_int_equal(vis_threads_open(&n.threads, 1, NULL), VISEME_OK);
    snprintf(path, sizeof path, "%sbeam.json", folder);
    printf("full size: scores within %.2g\n", run_cases(&n, path, 3));
    close_nets(&n);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_goldens),  cmocka_unit_test(prefix_candidates),
        cmocka_unit_test(prefix_too_long), cmocka_unit_test(search_goldens),
        cmocka_unit_test(any_threads),     cmocka_unit_test(odd_sizes),
        cmocka_unit_test(refusals),
    };
    const struct CMUnitTest by_hand[] = {cmocka_unit_test(full_size)};
    full_weights = argc > 1 ? argv[1] : NULL;
    return full_weights ? cmocka_run_group_tests(by_hand, NULL, NULL)
                        : cmocka_run_group_tests(tests, NULL, NULL);
}
