/* The beam search with a language model against every path of small inputs; what fusion makes of
 * spaces, cases and unknown symbols. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nets/ctc.h"
#include "tests/support/ctc_paths.h"

enum { CLASSES = 4, FRAMES = 6, BLANK = 0, WIDTH = 1000 };

static const char *const letters[CLASSES] = {"", " ", "A", "B"};

static const char characters[] = "\\data\\\nngram 1=6\nngram 2=4\nngram 3=2\n"
                                 "\\1-grams:\n"
                                 "-99\t<s>\t-0.3\n-0.9\t</s>\n-0.4\ta\t-0.2\n-1.1\tb\t-0.7\n"
                                 "-0.6\t<sp>\t-0.1\n-2\t<unk>\n"
                                 "\\2-grams:\n"
                                 "-0.2\t<s> b\t-0.3\n-0.1\tb <sp>\n-0.5\ta b\t-0.05\n-0.7\ta a\n"
                                 "\\3-grams:\n"
                                 "-0.05\t<s> b <sp>\n-1.5\ta b </s>\n\\end\\\n";

static const char words[] = "\\data\\\nngram 1=6\nngram 2=3\n"
                            "\\1-grams:\n"
                            "-99\t<s>\t-0.3\n-0.9\t</s>\n-0.4\tA\t-0.2\n-1.1\tAB\t-0.7\n"
                            "-1.2\tBAB\t-0.1\n-3\t<unk>\t-0.4\n"
                            "\\2-grams:\n"
                            "-0.2\t<s> AB\n-0.1\tAB A\n-0.5\tA </s>\n\\end\\\n";

/* Closed: neither <s> nor </s> nor <unk>. */
static const char closed[] = "\\data\\\nngram 1=2\n\\1-grams:\n-0.3\tA\n-0.8\tBB\n\\end\\\n";

static struct vis_arpa *parse(const char *text)
{
    struct vis_arpa *lm;
    viseme_error err;
    if (vis_arpa_parse(&lm, text, strlen(text), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return lm;
}

/* ---- The score of a text, told from the text --------------------------------------------- */

static double add_word(const struct vis_arpa *lm, int *history, int *count, const char *word,
                       size_t bytes)
{
    int id = vis_arpa_find(lm, word, bytes);
    id = id < 0 ? vis_arpa_find(lm, "<unk>", 5) : id;
    double score = vis_arpa_score(lm, history, *count, id);
    history[(*count)++] = id;
    return score;
}

static double score_text(const struct vis_arpa *lm, const char *text)
{
    int history[64], count = 0, by_letter = vis_arpa_find(lm, "<sp>", 4) >= 0;
    double score = 0;
    if (vis_arpa_find(lm, "<s>", 3) >= 0)
        history[count++] = vis_arpa_find(lm, "<s>", 3);
    while (*text) {
        size_t n = by_letter ? 1 : strcspn(text, " ");
        char small = by_letter ? (char)(*text - 'A' + 'a') : 0;
        if (by_letter && *text == ' ')
            score += add_word(lm, history, &count, "<sp>", 4);
        else
            score += add_word(lm, history, &count, by_letter ? &small : text, n);
        text += n;
        text += !by_letter && *text == ' ';
    }
    if (vis_arpa_find(lm, "</s>", 4) >= 0)
        score += add_word(lm, history, &count, "</s>", 4);
    return score;
}

/* ---- Every labelling --------------------------------------------------------------------- */

struct labelling {
    int labels[TEST_MAX_FRAMES], length;
    double total, score;
};

struct labellings {
    struct labelling items[4096];
    int count;
};

static void add_path(const struct test_path *path, void *context)
{
    struct labellings *all = context;
    int i = 0;
    while (i < all->count &&
           (all->items[i].length != path->length ||
            memcmp(all->items[i].labels, path->labels, (size_t)path->length * sizeof(int)) != 0))
        i++;
    struct labelling *l = &all->items[i];
    if (i == all->count) {
        assert_true(all->count < 4096);
        memcpy(l->labels, path->labels, sizeof l->labels);
        l->length = path->length;
        l->total = -INFINITY;
        all->count++;
    }
    l->total = test_add_logs(l->total, path->logp);
}

static int by_score(const void *a, const void *b)
{
    double x = ((const struct labelling *)a)->score, y = ((const struct labelling *)b)->score;
    return (x < y) - (x > y);
}

static void finds_what_counting_finds(const char *model, double weight)
{
    static struct labellings all;
    struct vis_arpa *lm = parse(model);
    struct vis_fusion *fusion;
    uint64_t seed = 11;
    assert_int_equal(vis_fusion_open(&fusion, lm, letters, CLASSES, BLANK, weight, NULL),
                     VISEME_OK);
    for (int frames = 0; frames <= FRAMES; frames++) {
        float logp[FRAMES * CLASSES];
        struct vis_ctc_result result;
        all.count = 0;
        test_random_logp(logp, frames, CLASSES, 5, &seed);
        test_each_path(logp, frames, CLASSES, BLANK, add_path, &all);
        for (int i = 0; i < all.count; i++) {
            struct labelling *l = &all.items[i];
            const struct vis_ctc_hypothesis h = {l->labels, l->length, 0, 0};
            char *text;
            assert_int_equal(vis_ctc_text(&text, &h, letters, NULL), VISEME_OK);
            l->score = l->total + weight * score_text(lm, text);
            free(text);
        }
        qsort(all.items, (size_t)all.count, sizeof *all.items, by_score);
        assert_int_equal(
            vis_ctc_beam_lm(&result, logp, frames, CLASSES, BLANK, WIDTH, WIDTH, fusion, NULL),
            VISEME_OK);
        assert_int_equal(result.count, all.count < WIDTH ? all.count : WIDTH);
        for (int i = 0; i < result.count && i < 200; i++) {
            const struct vis_ctc_hypothesis *h = &result.best[i];
            assert_true(fabs(h->score - all.items[i].score) < 1e-9);
            if (i + 1 < all.count && all.items[i + 1].score > h->score - 1e-9)
                continue; /* a tie, in either order */
            if (i > 0 && all.items[i - 1].score < h->score + 1e-9)
                continue;
            assert_int_equal(h->length, all.items[i].length);
            assert_memory_equal(h->labels, all.items[i].labels, (size_t)h->length * sizeof(int));
            assert_true(fabs(h->log_probability - all.items[i].total) < 1e-9);
        }
        vis_ctc_free(&result);
    }
    vis_fusion_free(fusion);
    vis_arpa_free(lm);
}

static void character_models(void **state)
{
    (void)state;
    finds_what_counting_finds(characters, 0.7);
    finds_what_counting_finds(characters, 3);
}

static void word_models(void **state)
{
    (void)state;
    finds_what_counting_finds(words, 0.7);
    finds_what_counting_finds(words, 3);
    finds_what_counting_finds(closed, 0.01); /* an unknown word: -99 */
}

/* A narrow beam prunes, but never below what its own entries are worth. */
static void narrow_beams_stay_in_order(void **state)
{
    enum { LONG = 16 };
    float logp[LONG * CLASSES];
    uint64_t seed = 3;
    (void)state;
    struct vis_arpa *lm = parse(characters);
    struct vis_fusion *fusion;
    assert_int_equal(vis_fusion_open(&fusion, lm, letters, CLASSES, BLANK, 1, NULL), VISEME_OK);
    test_random_logp(logp, LONG, CLASSES, 4, &seed);
    double before = -INFINITY;
    for (int width = 1; width <= 256; width *= 4) {
        struct vis_ctc_result r;
        assert_int_equal(
            vis_ctc_beam_lm(&r, logp, LONG, CLASSES, BLANK, width, width, fusion, NULL), VISEME_OK);
        for (int i = 0; i < r.count; i++) {
            char *text;
            assert_int_equal(vis_ctc_text(&text, &r.best[i], letters, NULL), VISEME_OK);
            assert_true(fabs(r.best[i].log_probability + score_text(lm, text) - r.best[i].score) <
                        1e-9);
            assert_true(i == 0 || r.best[i].score <= r.best[i - 1].score);
            free(text);
        }
        assert_true(width < 64 || r.best[0].score >= before - 1e-9);
        before = r.best[0].score;
        vis_ctc_free(&r);
    }
    vis_fusion_free(fusion);
    vis_arpa_free(lm);
}

static void refuses_symbols_without_a_word(void **state)
{
    static const char text[] = "\\data\\\nngram 1=2\n\\1-grams:\n-1\t<sp>\n-1\ta\n\\end\\";
    static const char *const unspaced[] = {"", "A"};
    (void)state;
    struct vis_arpa *lm = parse(text);
    struct vis_fusion *fusion;
    viseme_error err;
    assert_int_equal(vis_fusion_open(&fusion, lm, letters, CLASSES, BLANK, 1, &err),
                     VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "\"B\""));
    assert_int_equal(vis_fusion_open(&fusion, lm, letters, CLASSES - 1, BLANK, 1, &err), VISEME_OK);
    vis_fusion_free(fusion);
    vis_arpa_free(lm);
    lm = parse(closed);
    assert_int_equal(vis_fusion_open(&fusion, lm, unspaced, 2, BLANK, 1, &err), VISEME_ERR_MODEL);
    vis_arpa_free(lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(character_models),
        cmocka_unit_test(word_models),
        cmocka_unit_test(narrow_beams_stay_in_order),
        cmocka_unit_test(refuses_symbols_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
