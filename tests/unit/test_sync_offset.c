/* The arithmetic after the sync networks: against the published evaluations' numbers, against the
 * paper's methods, and against shifts made here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/npy.h"
#include "tasks/sync_offset.h"

#define OURS   "tests/goldens/syncnet_offset/"
#define SHARED "../shared/goldens/syncnet_offset/"

enum { WIDTH = 2 * VIS_SYNC_MAX_REACH + 1, DIM = 64 };

static struct vis_npy load(const char *folder, const char *name)
{
    char path[256];
    struct vis_npy array;
    viseme_error err;
    snprintf(path, sizeof path, "%s%s.npy", folder, name);
    if (vis_npy_read(&array, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}

/* Pairs of rows [count size] at every offset up to `reach`. */
static struct vis_sync_pairs pair(const float *video, const float *audio, size_t count, size_t size,
                                  int reach)
{
    struct vis_sync_pairs p = {.reach = reach};
    for (size_t i = 0; i < count; i++) {
        const float *near[WIDTH];
        for (int k = 0; k <= 2 * reach; k++) {
            const ptrdiff_t j = (ptrdiff_t)i + k - reach;
            near[k] = j >= 0 && j < (ptrdiff_t)count ? audio + (size_t)j * size : NULL;
        }
        assert_int_equal(vis_sync_pairs_add(&p, video + i * size, near, size, NULL), VISEME_OK);
    }
    return p;
}

static void same(const double *curve, const struct vis_npy *golden, int range, double tolerance)
{
    assert_int_equal(golden->shape[golden->rank - 1], 2 * range + 1);
    for (int k = 0; k <= 2 * range; k++)
        assert_true(fabs(curve[2 * range - k] - (double)golden->data[k]) <= tolerance);
}

struct golden_case {
    const char *name, *video, *audio;
    int vshift, offset;
    double lowest, confidence;
};

static void check_case(const char *folder, const struct golden_case *c)
{
    struct vis_npy video = load(folder, c->video), audio = load(folder, c->audio);
    const size_t rows = (size_t)video.shape[0], size = (size_t)video.shape[1];
    struct vis_sync_pairs p = pair(video.data, audio.data, rows, size, 15);
    char name[64];
    double curve[WIDTH];
    float *frames = calloc(rows, sizeof *frames);
    struct vis_sync_answer a;
    assert_non_null(frames);
    vis_sync_curve(&p, 0, rows, VIS_SYNC_PADDED, c->vshift, curve, NULL);
    snprintf(name, sizeof name, "mdist_%s", c->name);
    struct vis_npy mean = load(folder, name);
    same(curve, &mean, c->vshift, 2e-5);
    assert_true(vis_sync_answer(curve, c->vshift, &a));
    assert_int_equal(a.frames, c->offset);
    assert_true(fabs(a.lowest - c->lowest) <= 1e-4);
    assert_true(fabs(a.confidence - c->confidence) <= 1e-4);
    vis_sync_framewise(&p, 0, rows, a.frames, a.median, frames);
    snprintf(name, sizeof name, "fconfm_%s", c->name);
    struct vis_npy framewise = load(folder, name);
    assert_int_equal(framewise.shape[0], rows);
    for (size_t i = 0; i < rows; i++)
        assert_true(fabs((double)(frames[i] - framewise.data[i])) <= 1e-4);
    free(frames);
    vis_npy_free(&framewise);
    vis_npy_free(&mean);
    vis_npy_free(&video);
    vis_npy_free(&audio);
    vis_sync_pairs_free(&p);
}

static void published_evaluation_of_short_clips(void **state)
{
    static const struct golden_case cases[] = {
        {"short_unrelated_vshift15", "short_video", "short_audio", 15, 15, 6.43975448, 0.9052863},
        {"short_unrelated_vshift10", "short_video", "short_audio", 10, -10, 6.86180878, 1.02609873},
        {"const_vshift15", "const", "const", 15, 0, 3.2e-05, 2.48535347},
        {"const_vshift10", "const", "const", 10, 0, 3.2e-05, 1.55334651}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(OURS, &cases[i]);
}

static void published_evaluation_of_clips(void **state)
{
    static const struct golden_case cases[] = {
        {"m7_vshift15", "video", "audio_m7", 15, -7, 4.07751179, 5.21031570},
        {"p0_vshift15", "video", "audio_p0", 15, 0, 3.84864640, 5.46959972},
        {"p4_vshift15", "video", "audio_p4", 15, 4, 3.98201680, 5.30412102},
        {"p12_vshift15", "video", "audio_p12", 15, 12, 4.28370619, 5.13689661},
        {"m7_vshift10", "video", "audio_m7", 10, -7, 4.07751179, 5.45504570},
        {"p0_vshift10", "video", "audio_p0", 10, 0, 3.84864640, 5.56390285},
        {"p4_vshift10", "video", "audio_p4", 10, 4, 3.98201680, 5.43711853},
        {"p12_vshift10", "video", "audio_p12", 10, 10, 7.29487371, 2.26663542}};
    (void)state;
    if (access(SHARED "video.npy", R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(SHARED, &cases[i]);
}

/* The same from the stored table of distances, which is in the repository. */
static void published_evaluation_of_a_table(void **state)
{
    static const int shifts[] = {15, 10};
    static const double confidences[] = {5.304121017, 5.437118530};
    (void)state;
    for (int s = 0; s < 2; s++) {
        char name[64];
        double curve[WIDTH];
        float frames[70];
        struct vis_sync_answer a;
        snprintf(name, sizeof name, "dists_p4_vshift%d", shifts[s]);
        struct vis_npy table = load(OURS, name);
        const size_t rows = (size_t)table.shape[0], width = (size_t)table.shape[1];
        struct vis_sync_pairs p = {.reach = shifts[s], .rows = rows, .distance = table.data};
        assert_int_equal(rows, 70);
        p.cosine = calloc(rows * width, sizeof *p.cosine);
        p.alone = calloc(rows, sizeof *p.alone);
        assert_true(p.cosine && p.alone);
        for (size_t i = 0; i < rows; i++) /* sound outside of the rows is in the table */
            for (size_t k = 0; k < width; k++)
                if (i + k < (size_t)p.reach || i + k >= rows + (size_t)p.reach)
                    p.alone[i] = table.data[i * width + k];
        vis_sync_curve(&p, 0, rows, VIS_SYNC_PADDED, shifts[s], curve, NULL);
        snprintf(name, sizeof name, "mdist_p4_vshift%d", shifts[s]);
        struct vis_npy mean = load(OURS, name);
        same(curve, &mean, shifts[s], 2e-5);
        assert_true(vis_sync_answer(curve, shifts[s], &a));
        assert_int_equal(a.frames, 4);
        assert_true(fabs(a.confidence - confidences[s]) <= 1e-4);
        vis_sync_framewise(&p, 0, rows, a.frames, a.median, frames);
        snprintf(name, sizeof name, "fconfm_p4_vshift%d", shifts[s]);
        struct vis_npy framewise = load(OURS, name);
        for (size_t i = 0; i < rows; i++)
            assert_true(fabs((double)(frames[i] - framewise.data[i])) <= 1e-4);
        free(p.cosine);
        free(p.alone);
        vis_npy_free(&framewise);
        vis_npy_free(&mean);
        vis_npy_free(&table);
    }
}

/* Rows of heur_*: Diag-avg, baseline of unit vectors, baseline of raw ones. */
static void methods_of_the_paper(void **state)
{
    static const struct {
        const char *name;
        int n, offset, raw;
    } cases[] = {{"n11_m5", 11, -5, -5}, {"n11_m2", 11, -2, -2}, {"n11_p0", 11, 0, -5},
                 {"n11_p3", 11, 3, 3},   {"n20_m5", 20, -5, -5}, {"n20_m2", 20, -2, -2},
                 {"n20_p0", 20, 0, 0},   {"n20_p3", 20, 3, 3}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char name[64];
        float matrix[20 * 20];
        double curve[11];
        struct vis_sync_answer a;
        const size_t n = (size_t)cases[c].n;
        snprintf(name, sizeof name, "feat_%s", cases[c].name);
        struct vis_npy features = load("tests/goldens/sync_heuristics/", name);
        snprintf(name, sizeof name, "heur_%s", cases[c].name);
        struct vis_npy costs = load("tests/goldens/sync_heuristics/", name);
        snprintf(name, sizeof name, "matrix_%s", cases[c].name);
        struct vis_npy golden = load("tests/goldens/sync_heuristics/", name);
        struct vis_sync_pairs p = pair(features.data + n * DIM, features.data, n, DIM, 20);
        vis_sync_pairs_matrix(&p, 0, cases[c].n, matrix);
        for (size_t i = 0; i < n * n; i++)
            assert_true(fabs((double)(matrix[i] - golden.data[i])) <= 1e-6);
        vis_sync_curve(&p, 0, n, VIS_SYNC_DIAGONAL, 5, curve, NULL);
        for (int o = 0; o < 11; o++)
            assert_true(fabs(1 - curve[o] - (double)costs.data[o]) <= 1e-6);
        assert_true(vis_sync_answer(curve, 5, &a));
        assert_int_equal(a.frames, cases[c].offset);
        vis_sync_curve(&p, 0, n, VIS_SYNC_BASELINE, 5, curve, NULL);
        for (int o = 0; o < 11; o++)
            assert_true(fabs(curve[o] - (double)costs.data[11 + o]) <= 2e-6);
        assert_true(vis_sync_answer(curve, 5, &a));
        assert_int_equal(a.frames, cases[c].offset);
        vis_sync_curve(&p, 0, n, VIS_SYNC_PADDED, 5, curve, NULL);
        for (int o = 0; o < 11; o++)
            assert_true(fabs(curve[o] - (double)costs.data[22 + o]) <= 2e-5);
        assert_true(vis_sync_answer(curve, 5, &a));
        assert_int_equal(a.frames, cases[c].raw);
        vis_npy_free(&features);
        vis_npy_free(&costs);
        vis_npy_free(&golden);
        vis_sync_pairs_free(&p);
    }
}

/* ---- What no golden has -----------------------------------------------------------------------
 */

/* A smooth random walk on a sphere, at time t in frames. */
static void walk(double t, float *out)
{
    for (int i = 0; i < DIM; i++)
        out[i] = (float)(sin(t * (0.11 + 0.017 * i) + i * i) + cos(t * (0.23 + 0.011 * i) + 3 * i));
}

/* `count` rows whose sound runs `offset` frames ahead of the pictures. */
static struct vis_sync_pairs shifted(size_t count, double offset, int reach)
{
    float *video = malloc(count * DIM * sizeof *video),
          *audio = malloc(count * DIM * sizeof *audio);
    assert_true(video && audio);
    for (size_t i = 0; i < count; i++) {
        walk((double)i, video + i * DIM);
        walk((double)i + offset, audio + i * DIM);
    }
    struct vis_sync_pairs p = pair(video, audio, count, DIM, reach);
    free(video);
    free(audio);
    return p;
}

static void offsets_between_frames(void **state)
{
    static const enum vis_sync_curve_kind kinds[] = {VIS_SYNC_PADDED, VIS_SYNC_BASELINE,
                                                     VIS_SYNC_DISTANCE, VIS_SYNC_DIAGONAL};
    (void)state;
    for (double offset = -9; offset <= 9; offset += 0.375) {
        struct vis_sync_pairs p = shifted(120, offset, 15);
        for (int k = 0; k < 4; k++) {
            double curve[31];
            struct vis_sync_answer a;
            vis_sync_curve(&p, 0, 120, kinds[k], 15, curve, NULL);
            assert_true(vis_sync_answer(curve, 15, &a));
            assert_true(fabs(a.offset - offset) <= (kinds[k] == VIS_SYNC_DIAGONAL ? 0.1 : 0.3));
            assert_true(fabs(a.frames - offset) <= 0.51);
            assert_false(a.at_edge);
            assert_true(vis_sync_prominence(&p, 0, 120, kinds[k], 15, a.frames) > 8);
        }
        vis_sync_pairs_free(&p);
    }
}

static void an_offset_outside_the_range_is_at_its_edge(void **state)
{
    struct vis_sync_pairs p = shifted(100, 6, 15);
    double curve[31];
    size_t support[31];
    struct vis_sync_answer a;
    (void)state;
    vis_sync_curve(&p, 0, 100, VIS_SYNC_DIAGONAL, 5, curve, NULL);
    assert_true(vis_sync_answer(curve, 5, &a));
    assert_int_equal(a.frames, 5);
    assert_true(a.at_edge);
    vis_sync_curve(&p, 0, 100, VIS_SYNC_DIAGONAL, 15, curve, support);
    for (int o = -15; o <= 15; o++)
        assert_int_equal(support[o + 15], 100 - abs(o));
    /* Rows in the middle find sound around them. */
    vis_sync_curve(&p, 40, 10, VIS_SYNC_DIAGONAL, 15, curve, support);
    for (int o = -15; o <= 15; o++)
        assert_int_equal(support[o + 15], 10);
    assert_true(vis_sync_answer(curve, 15, &a));
    assert_int_equal(a.frames, 6);
    vis_sync_pairs_free(&p);
}

/* Numbers that change as slowly as windows of five pictures do. */
static void wander(float *out, size_t rows, uint64_t *seed)
{
    for (size_t d = 0; d < DIM; d++) {
        float near[5] = {0};
        for (size_t i = 0; i < rows + 5; i++) {
            *seed = *seed * 6364136223846793005u + 1442695040888963407u;
            near[i % 5] = (float)(*seed >> 33) / 2147483648.0f - 0.5f;
            if (i >= 5)
                out[(i - 5) * DIM + d] = near[0] + near[1] + near[2] + near[3] + near[4];
        }
    }
}

/* Sound that has nothing to do with the pictures. */
static void chance_does_not_stand_out(void **state)
{
    enum { ROWS = 70, CLIPS = 40 };
    static float video[ROWS * DIM], audio[ROWS * DIM];
    uint64_t seed = 11;
    int rare = 0;
    (void)state;
    for (int clip = 0; clip < CLIPS; clip++) {
        double curve[31];
        struct vis_sync_answer a;
        wander(video, ROWS, &seed);
        wander(audio, ROWS, &seed);
        struct vis_sync_pairs p = pair(video, audio, ROWS, DIM, 15);
        vis_sync_curve(&p, 0, ROWS, VIS_SYNC_DIAGONAL, 15, curve, NULL);
        assert_true(vis_sync_answer(curve, 15, &a));
        rare += vis_sync_prominence(&p, 0, ROWS, VIS_SYNC_DIAGONAL, 15, a.frames) > 4;
        vis_sync_pairs_free(&p);
    }
    assert_true(rare <= 2);
}

static void gaps_and_nothing(void **state)
{
    struct vis_sync_pairs p = shifted(60, -3, 10), none = {.reach = 10};
    double curve[21];
    float frames[80];
    struct vis_sync_answer a;
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(vis_sync_pairs_add_gap(&p, NULL), VISEME_OK);
    for (int kind = VIS_SYNC_PADDED; kind <= VIS_SYNC_DIAGONAL; kind++) {
        vis_sync_curve(&p, 0, 80, (enum vis_sync_curve_kind)kind, 10, curve, NULL);
        assert_true(vis_sync_answer(curve, 10, &a));
        assert_int_equal(a.frames, -3);
        vis_sync_curve(&p, 60, 20, (enum vis_sync_curve_kind)kind, 10, curve, NULL);
        assert_false(vis_sync_answer(curve, 10, &a));
        vis_sync_curve(&none, 0, 0, (enum vis_sync_curve_kind)kind, 10, curve, NULL);
        assert_false(vis_sync_answer(curve, 10, &a));
        assert_true(vis_sync_prominence(&p, 60, 20, (enum vis_sync_curve_kind)kind, 10, 0) == 0);
    }
    vis_sync_framewise(&p, 0, 80, -3, 1, frames);
    for (int i = 62; i < 80; i++)
        assert_true(frames[i] == 0.0f);
    for (int i = 0; i < 21; i++)
        curve[i] = 1;
    assert_true(vis_sync_answer(curve, 10, &a));
    assert_true(a.confidence == 0);
    assert_int_equal(vis_sync_fitting_range(75, 25, 15), 15);
    assert_int_equal(vis_sync_fitting_range(30, 25, 15), 5);
    assert_int_equal(vis_sync_fitting_range(25, 25, 15), 0);
    assert_int_equal(vis_sync_fitting_range(24, 25, 15), -1);
    vis_sync_pairs_free(&p);
    vis_sync_pairs_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_evaluation_of_short_clips),
        cmocka_unit_test(published_evaluation_of_clips),
        cmocka_unit_test(published_evaluation_of_a_table),
        cmocka_unit_test(methods_of_the_paper),
        cmocka_unit_test(offsets_between_frames),
        cmocka_unit_test(an_offset_outside_the_range_is_at_its_edge),
        cmocka_unit_test(chance_does_not_stand_out),
        cmocka_unit_test(gaps_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
