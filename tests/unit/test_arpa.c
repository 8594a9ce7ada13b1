/* N-gram models: probabilities by hand, spelling, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nets/arpa.h"

/* The lines are in no order; log10 numbers that are easy to add. */
static const char trigrams[] = "made by hand\n"
                               "\\data\\\n"
                               "ngram 1=6\r\n"
                               "ngram 2=4\n"
                               "ngram  3=2\n"
                               "\n"
                               "\\1-grams:\n"
                               "-1.5\tred\t-0.25\n"
                               "-0.5 bin -0.125\n"
                               "-99\t<s>\t-0.0625\n"
                               "-1e0\t</s>\n"
                               "-2.5\t<unk>\n"
                               "-1.25\tre\t0.5\n"
                               "\n\n"
                               "\\2-grams:\n"
                               "-0.25\tbin red\t-0.75\n"
                               "-0.75\t<s> bin\t-1\n"
                               "-.5\tred </s>\n"
                               "-3\tre re\t+2.5E-1\n"
                               "\\3-grams:\n"
                               "-0.0625\t<s> bin red\n"
                               "-0.125\tbin red </s>\n"
                               "\\end\\\n"
                               "anything";

static struct vis_arpa *parse(const char *text, size_t bytes)
{
    struct vis_arpa *lm;
    viseme_error err;
    if (vis_arpa_parse(&lm, text, bytes, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return lm;
}

static double score(const struct vis_arpa *lm, const char *history, const char *word)
{
    int words[16], count = 0;
    char copy[256];
    strcpy(copy, history);
    for (char *s = strtok(copy, " "); s; s = strtok(NULL, " "))
        words[count++] = vis_arpa_find(lm, s, strlen(s));
    return vis_arpa_score(lm, words, count, vis_arpa_find(lm, word, strlen(word))) / log(10);
}

static void backs_off(void **state)
{
    static const struct {
        const char *history, *word;
        double log10p;
    } cases[] = {
        {"", "red", -1.5},
        {"", "bin", -0.5},
        {"<s>", "bin", -0.75},
        {"<s> bin", "red", -0.0625},
        {"red <s> bin", "red", -0.0625}, /* only two words of history matter */
        {"bin bin", "red", -0.25},       /* bin bin is no bigram: nothing to pay */
        {"bin red", "</s>", -0.125},
        {"<s> bin", "</s>", -1 - 0.125 - 1}, /* twice back */
        {"bin red", "red", -0.75 - 0.25 - 1.5},
        {"nothing", "red", -1.5},
        {"nothing red", "</s>", -0.5},
        {"<unk>", "red", -1.5},
        {"re re", "bin", 0}, /* 0.25 + 0.5 - 0.5: no more than certain */
        {"bin", "<unk>", -2.625},
        {"bin", "nothing", -99},
    };
    (void)state;
    struct vis_arpa *lm = parse(trigrams, sizeof trigrams - 1);
    assert_int_equal(vis_arpa_order(lm), 3);
    assert_int_equal(vis_arpa_word_count(lm), 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = score(lm, cases[i].history, cases[i].word);
        if (fabs(got - cases[i].log10p) > 1e-6)
            fail_msg("%s | %s: %g, not %g", cases[i].word, cases[i].history, got, cases[i].log10p);
    }
    vis_arpa_free(lm);
}

static void unigrams_alone(void **state)
{
    static const char text[] = "\\data\\\nngram 1=2\n\\1-grams:\n-inf\ta\n-0.3\tb\n\\end\\";
    (void)state;
    struct vis_arpa *lm = parse(text, sizeof text - 1);
    assert_true(fabs(score(lm, "a b", "b") + 0.3) < 1e-6);
    assert_true(fabs(score(lm, "", "a") + 99) < 1e-6);
    vis_arpa_free(lm);
}

static void spells(void **state)
{
    static const char *const tries[] = {"r", "re", "red", "redx", "b", "bin", "x", "<", "<s>", ""};
    (void)state;
    struct vis_arpa *lm = parse(trigrams, sizeof trigrams - 1);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        int low = 0, high = vis_arpa_word_count(lm), counted = 0;
        size_t n = strlen(tries[i]);
        for (size_t k = 0; k < n; k++)
            vis_arpa_narrow(lm, &low, &high, k, tries[i][k]);
        for (int w = 0; w < vis_arpa_word_count(lm); w++) {
            size_t bytes;
            const char *word = vis_arpa_word(lm, w, &bytes);
            int begins = bytes >= n && memcmp(word, tries[i], n) == 0;
            assert_int_equal(begins, w >= low && w < high);
            counted += begins;
            if (bytes == n && begins) /* the word itself is the first of those */
                assert_int_equal(w, low);
        }
        assert_int_equal(high - low, counted);
    }
    assert_int_equal(vis_arpa_find(lm, "re", 2) + 1, vis_arpa_find(lm, "red", 3));
    assert_int_equal(vis_arpa_find(lm, "r", 1), VIS_ARPA_NO_WORD);
    vis_arpa_free(lm);
}

#define HEAD "\\data\\\nngram 1=2\nngram 2=1\n\\1-grams:\n"

static void refuses(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "\\data\\"},
        {"ngram 1=1\n", "\\data\\"},
        {"\\data\\\n", "no unigrams"},
        {"\\data\\\nngram 1=0\n\\1-grams:\n\\end\\\n", "no unigrams"},
        {"\\data\\\nngram 2=1\n", "line 2: the orders"},
        {"\\data\\\nngram 1=x\n", "line 2: expected"},
        {"\\data\\\nngram 1=-1\n", "line 2: expected"},
        {"\\data\\\nngram 1=4000000000\n", "line 2: more n-grams than"},
        {"\\data\\\nngram 1=99999999999999999999\n", "line 2: expected"},
        {"\\data\\\nngram 1=1\n\\2-grams:\n-1 a\n", "line 3: expected \\1-grams"},
        {HEAD "-1 a\n-1 b\n-1 c\n", "line 7: expected \\2-grams"},
        {HEAD "-1 a\n-1 a\n\\2-grams:\n-1 a a\n\\end\\", "line 6: the word of line 5"},
        {HEAD "-1 a\n1 b\n", "line 6: a probability above 1"},
        {HEAD "-1 a\nnan b\n", "line 6: expected a base-10"},
        {HEAD "-1 a\n- b\n", "line 6: expected a base-10"},
        {HEAD "-1 a\n-1e999 b\n", "line 6: expected a base-10"},
        {HEAD "-1 a\n-1.2.3 b\n", "line 6: expected a base-10"},
        {HEAD "-1 a\n-1\n", "line 6: too few"},
        {HEAD "-1 a\n-1 b x\n", "line 6: expected a back-off"},
        {HEAD "-1 a\n-1 b -1 -1\n", "line 6: too many"},
        {HEAD "-1 a\n-1 b\n\\2-grams:\n-1 a c\n", "line 8: a word that"},
        {HEAD "-1 a\n-1 b\n\\2-grams:\n-1 a b -1\n\\end\\", "line 8: expected a back-off"},
        {HEAD "-1 a\n-1 b\n\\2-grams:\n-1 a b\n-1 b a\n", "line 9: expected \\end\\"},
        {HEAD "-1 a\n-1 b\n\\2-grams:\n-1 a b\n", "without \\end\\"},
        {HEAD "-1 a\n-1 b\n\\2-grams:\n", "line 7: the file ends"},
        {HEAD "-1 a\n-1 b\n", "line 6: the file ends"},
        {"\\data\\\nngram 1=1\nngram 2=2\n\\1-grams:\n-1 a\n\\2-grams:\n-1 a a\n-1 a a\n\\end\\",
         "2-grams is there twice"},
        {"\\data\\\nngram 1=2\nngram 2=1\nngram 3=1\n\\1-grams:\n-1 a\n-1 b\n\\2-grams:\n-1 a b\n"
         "\\3-grams:\n-1 b a a\n\\end\\",
         "line 11: its first words"},
        {"\\data\\\nngram 1=9\nngram 2=9\nngram 3=9\nngram 4=9\nngram 5=9\nngram 6=9\nngram 7=9\n"
         "ngram 8=9\nngram 9=9\nngram 10=1\nngram 11=1\n------------------------------------------"
         "------------------------------------------------------------------------------------\n"
         "------------------------------------------------------------------------------------",
         "line 12: n-grams of more than 10"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vis_arpa *lm = (struct vis_arpa *)&lm;
        viseme_error err = {0};
        assert_int_equal(vis_arpa_parse(&lm, cases[i].text, strlen(cases[i].text), &err),
                         VISEME_ERR_MODEL);
        assert_null(lm);
        if (!strstr(err.message, cases[i].says))
            fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.message, cases[i].says);
    }
}

/* Every prefix of a good file is refused, not read beyond its end. */
static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    size_t whole = (size_t)(strstr(trigrams, "\\end\\") - trigrams) + 5;
    for (size_t n = 0; n < whole; n++) {
        char *copy = malloc(n + 1); /* as large as the text, for the sanitizer to watch */
        struct vis_arpa *lm;
        assert_non_null(copy);
        memcpy(copy, trigrams, n);
        assert_int_equal(vis_arpa_parse(&lm, copy, n, NULL), VISEME_ERR_MODEL);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backs_off),
        cmocka_unit_test(unigrams_alone),
        cmocka_unit_test(spells),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_what_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
