/* Weights made ready from rows that are read in groups, by any number of threads; pages of a mapped
 * file that were given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/gemm.h"
#include "engine/model.h"
#include "engine/session.h"
#include "tests/support/weights_file.h"

enum { K = 37, N = 5 * 32 + 9 };

static void read_rows(const void *context, int first, int count, float *rows)
{
    const float *all = context;
    memcpy(rows, all + first * K, (size_t)count * K * sizeof *rows);
}

/* As vis_gemm_pack() does from one block. */
static void packs_by_rows(void **state)
{
    static const int threads[] = {0, 1, 2, 5};
    float weights[N * K], bias[N], slope[N];
    int32_t index[K];
    uint32_t seed = 1;
    (void)state;
    for (int i = 0; i < N * K; i++)
        weights[i] = test_random(&seed);
    for (int i = 0; i < N; i++) {
        bias[i] = test_random(&seed);
        slope[i] = test_random(&seed);
    }
    for (int i = 0; i < K; i++)
        index[i] = (i * 5 + 2) % K;
    const struct vis_gemm_source source = {read_rows, weights, bias, slope, index, K, N};
    for (int cpu = VIS_CPU_C; cpu <= (int)vis_cpu_best(); cpu++)
        for (int gemm = VISEME_GEMM_NATIVE; gemm <= VISEME_GEMM_BLAS; gemm++) {
            struct vis_kernels kernels;
            struct vis_gemm_weights want, got;
            vis_kernels_init(&kernels, (enum vis_cpu)cpu);
            assert_int_equal(vis_gemm_pack(&want, &kernels, (viseme_gemm)gemm, weights, bias, slope,
                                           K, index, K, N, NULL),
                             VISEME_OK);
            for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
                struct vis_threads *pool = NULL;
                if (threads[i])
                    assert_int_equal(vis_threads_open(&pool, threads[i], NULL), VISEME_OK);
                assert_int_equal(
                    vis_gemm_pack_rows(&got, &kernels, (viseme_gemm)gemm, &source, pool, NULL),
                    VISEME_OK);
                const size_t padded = (size_t)(N + want.nr - 1) / (size_t)want.nr * (size_t)want.nr;
                assert_int_equal(got.bytes, want.bytes);
                assert_memory_equal(got.b, want.b, padded * K * sizeof *got.b);
                assert_memory_equal(got.bias, want.bias, padded * sizeof *got.bias);
                assert_memory_equal(got.slope, want.slope, padded * sizeof *got.slope);
                vis_gemm_weights_free(&got);
                vis_threads_close(pool);
            }
            vis_gemm_weights_free(&want);
        }
}

enum { WIDE = 2176 }; /* weights of 18 MB: several threads make them ready */

static void build_wide(struct vis_graph *g)
{
    vis_val x = vis_input(g, "x", "NTC", (const int[VIS_AXES]){[VIS_C] = WIDE});
    vis_output(g, "y", "NTC",
               vis_conv(g, x, "wide", (struct vis_conv){.out = WIDE, .scale = 0.5f}));
}

static const struct vis_net *find_wide(const char *name)
{
    static const struct vis_net net = {"wide", build_wide};
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

/* The output of a large layer, its weights made ready by so many threads. */
static void run_wide(float *y, const char *path, int threads)
{
    enum { FRAMES = 3 };
    float x[FRAMES * WIDE];
    uint32_t seed = 9;
    viseme_error err = {VISEME_OK, ""};
    viseme_model *model = NULL;
    viseme_session *session = NULL;
    const viseme_model_options options = {.threads = threads};
    for (int i = 0; i < FRAMES * WIDE; i++)
        x[i] = test_random(&seed);
    const viseme_tensor input = {.name = "x", .rank = 3, .shape = {1, FRAMES, WIDE}, .data = x};
    viseme_tensor output;
    if (vis_model_open(&model, path, &options, find_wide, &err) != VISEME_OK ||
        viseme_session_open(&session, model, NULL, &err) != VISEME_OK ||
        viseme_session_run(session, &input, 1, &err) != VISEME_OK ||
        viseme_session_output(session, "y", &output, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    memcpy(y, output.data, FRAMES * WIDE * sizeof *y);
    viseme_session_close(session);
    viseme_model_close(model);
}

static void large_models_are_the_same(void **state)
{
    enum { FLOATS = 3 * WIDE };
    const int shape[2] = {WIDE, WIDE};
    struct weights_file *file = weights_file_new("wide");
    float *want = malloc(FLOATS * sizeof *want), *got = malloc(FLOATS * sizeof *got);
    (void)state;
    assert_true(want && got);
    weights_file_add(file, "wide.weight", 2, shape, 5);
    weights_file_add(file, "wide.bias", 1, shape, 6);
    const char *path = weights_file_write(file);
    run_wide(want, path, 1);
    for (int threads = 0; threads <= 3; threads += 3) {
        run_wide(got, path, threads);
        assert_memory_equal(got, want, FLOATS * sizeof *got);
    }
    weights_file_free(file);
    free(want);
    free(got);
}

static void released_weights_can_be_read(void **state)
{
    const int shape[2] = {50, 1000};
    struct weights_file *file = weights_file_new("any");
    const float *values = weights_file_add(file, "a", 2, shape, 3);
    float *got = malloc(50000 * sizeof *got);
    viseme_weights *w;
    (void)state;
    assert_non_null(got);
    weights_file_add(file, "b", 1, shape + 1, 4);
    assert_int_equal(vis_weights_open(&w, weights_file_write(file), NULL), VISEME_OK);
    const struct vis_weights_tensor *a = vis_weights_find(w, "a");
    for (int i = 0; i < 2; i++) {
        vis_weights_to_f32(got, a);
        assert_memory_equal(got, values, 50000 * sizeof *got);
        vis_weights_release(w, a);
    }
    vis_weights_part_to_f32(got, a, 12345, 100);
    assert_memory_equal(got, values + 12345, 100 * sizeof *got);

    viseme_weights_close(w);
    weights_file_free(file);
    free(got);
}

/* Bytes of the caller are nobody else's to give back. */
static void bytes_in_memory_stay(void **state)
{
    enum { FLOATS = 1 << 14 };
    const char *header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[16384],\"data_offsets\":[0,65536]}}";
    const size_t length = strlen(header), size = 8 + length + FLOATS * sizeof(float);
    unsigned char *file = malloc(size);
    float got[FLOATS];
    viseme_weights *w;
    (void)state;
    assert_non_null(file);
    memset(file, 0, 8);
    file[0] = (unsigned char)length;
    memcpy(file + 8, header, length);
    memset(file + 8 + length, 0x3F, size - 8 - length);
    assert_int_equal(vis_weights_parse(&w, file, size, "bytes", NULL), VISEME_OK);
    vis_weights_release(w, vis_weights_at(w, 0));
    vis_weights_to_f32(got, vis_weights_at(w, 0));
    for (int i = 0; i < FLOATS; i++)
        assert_true(got[i] > 0.7f);
    viseme_weights_close(w);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_by_rows), cmocka_unit_test(large_models_are_the_same),
        cmocka_unit_test(released_weights_can_be_read), cmocka_unit_test(bytes_in_memory_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
