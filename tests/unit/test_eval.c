/* Error rates: normalisation and alignment, with numbers worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The command line's files are in no library: this test brings its own copy of the one it tests. */
#include "cli/wer.c"

static struct vis_words normal(const char *text)
{
    struct vis_normaliser *n = NULL;
    struct vis_words words;
    assert_int_equal(vis_normaliser_open(&n, NULL), VISEME_OK);
    assert_int_equal(vis_normalise(&words, n, text, strlen(text), NULL), VISEME_OK);
    vis_normaliser_close(n);
    return words;
}

/* Expects that `text` becomes what `want` is, code point by code point. */
static void expect_normal(const char *text, const char *want)
{
    struct vis_words words = normal(text);
    size_t at = 0, length;
    for (size_t i = 0; want[at]; at += length, i++) {
        uint32_t point = 0;
        length = vis_utf8_decode(want + at, strlen(want) - at, &point);
        assert_true(length > 0);
        assert_true(i < words.count);
        assert_int_equal(words.points[i], point);
    }
    struct vis_words again = normal(want);
    assert_int_equal(words.count, again.count);
    vis_words_free(&again);
    vis_words_free(&words);
}

static void normalisation(void **state)
{
    (void)state;
    expect_normal("", "");
    expect_normal(" \t ", "");
    expect_normal("Bin BLUE, at F  two; now.", "bin blue at f two now");
    expect_normal("  Don't 'quote' it's' ''", "don't quote it's");
    expect_normal("don\xE2\x80\x99t", "don't");
    expect_normal("well-known (word)", "wellknown word");
    expect_normal("a - b", "a b");
    expect_normal("\xC3\x89T\xC3\x89 \xCE\xA3", "\xC3\xA9t\xC3\xA9 \xCF\x83");
    expect_normal("E\xCC\x81", "e\xCC\x81");
    expect_normal("a\xC2\xA0"
                  "b\xC2\xBF",
                  "a b");
    expect_normal("4 + 5 = 9", "4 5 9");
}

static void not_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"ab\x80",           "a\xC3", "\xC0\x80", "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80", "\xFF"};
    struct vis_normaliser *n = NULL;
    struct vis_words words;
    viseme_error err;
    assert_int_equal(vis_normaliser_open(&n, NULL), VISEME_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vis_normalise(&words, n, bad[i], strlen(bad[i]), &err), VISEME_ERR_INPUT);
    vis_normalise(&words, n, bad[0], 3, &err);
    assert_string_equal(err.message, "byte 3 is not UTF-8");
    vis_normaliser_close(n);
}

static void expect_edits(const char *ref, const char *hyp, int words, struct vis_edits want)
{
    struct vis_words r = normal(ref), h = normal(hyp);
    struct vis_edits got = {0, 0, 0, 0};
    assert_int_equal(count_edits(&got, &r, &h, words, NULL), VISEME_OK);
    assert_int_equal(got.substitutions, want.substitutions);
    assert_int_equal(got.deletions, want.deletions);
    assert_int_equal(got.insertions, want.insertions);
    assert_int_equal(got.reference, want.reference);
    vis_words_free(&r);
    vis_words_free(&h);
}

static void alignments(void **state)
{
    (void)state;
    expect_edits("bin blue at f two now", "bin blue at f two now", 1,
                 (struct vis_edits){0, 0, 0, 6});
    expect_edits("bin blue at f two now", "bin blue f two now now now", 1,
                 (struct vis_edits){0, 1, 2, 6});
    expect_edits("a b c", "", 1, (struct vis_edits){0, 3, 0, 3});
    expect_edits("", "a b", 1, (struct vis_edits){0, 0, 2, 0});
    expect_edits("", "", 1, (struct vis_edits){0, 0, 0, 0});
    expect_edits("kitten", "sitting", 0, (struct vis_edits){2, 0, 1, 6});
    expect_edits("a b", "ab", 0, (struct vis_edits){0, 1, 0, 3});
    /* Two edits either way: substitutions come before a deletion with an insertion. */
    expect_edits("a b", "b c", 1, (struct vis_edits){2, 0, 0, 2});
}

static void rates(void **state)
{
    (void)state;
    struct vis_edits e = {1, 2, 3, 12}, none = {0, 0, 4, 0};
    assert_true(vis_error_rate(&e) == 0.5);
    assert_true(vis_error_rate(&none) < 0);
}

/* The distance, by recursion over three choices. */
static int distance(const char *a, const char *b)
{
    if (!*a || !*b)
        return (int)(strlen(a) + strlen(b));
    int best = distance(a + 1, b + 1) + (*a != *b);
    int deletion = 1 + distance(a + 1, b), insertion = 1 + distance(a, b + 1);
    best = deletion < best ? deletion : best;
    return insertion < best ? insertion : best;
}

static void random_pairs(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 300; round++) {
        char text[2][8] = {"", ""};
        for (int k = 0; k < 2; k++) {
            int n = (int)((seed = seed * 1103515245u + 12345u) >> 16) % 7;
            for (int i = 0; i < n; i++)
                text[k][i] = (char)('a' + ((seed = seed * 1103515245u + 12345u) >> 16) % 3);
        }
        struct vis_words r = normal(text[0]), h = normal(text[1]);
        struct vis_edits got = {0, 0, 0, 0};
        assert_int_equal(vis_count_characters(&got, &r, &h, NULL), VISEME_OK);
        assert_int_equal(got.substitutions + got.deletions + got.insertions,
                         distance(text[0], text[1]));
        assert_int_equal(got.reference - got.deletions + got.insertions, strlen(text[1]));
        vis_words_free(&r);
        vis_words_free(&h);
    }
}

static void too_long(void **state)
{
    (void)state;
    size_t n = 70000;
    char *text = malloc(n + 1);
    memset(text, 'a', n);
    text[n] = '\0';
    struct vis_words r = normal(text);
    struct vis_edits got = {0, 0, 0, 0};
    assert_int_equal(vis_count_characters(&got, &r, &r, NULL), VISEME_ERR_LIMIT);
    assert_int_equal(got.reference, 0);
    vis_words_free(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisation), cmocka_unit_test(not_utf8),
        cmocka_unit_test(alignments),    cmocka_unit_test(rates),
        cmocka_unit_test(random_pairs),  cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
