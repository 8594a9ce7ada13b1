/* Grammars: what they accept, searched exactly, against regular expressions over every path of
 * small inputs; what is refused. */
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nets/ctc_grammar.h"
#include "tests/support/ctc_paths.h"

enum { CLASSES = 4, FRAMES = 7, BLANK = 2 };

static const char *const letters[CLASSES] = {" ", "a", "", "B"};

static struct vis_grammar *open_grammar(const char *text, const char *const *vocab, int classes,
                                        int blank)
{
    struct vis_grammar *grammar;
    viseme_error err;
    if (vis_grammar_open(&grammar, text, strlen(text), vocab, classes, blank, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return grammar;
}

/* ---- Every path -------------------------------------------------------------------------- */

struct best {
    regex_t regex;
    double logp;
    int found;
    char text[TEST_MAX_FRAMES + 1];
};

static void try_path(const struct test_path *path, void *context)
{
    struct best *best = context;
    const struct vis_ctc_hypothesis h = {(int *)(intptr_t)path->labels, path->length, 0, 0};
    char *text;
    if (best->found && path->logp <= best->logp)
        return;
    assert_int_equal(vis_ctc_text(&text, &h, letters, NULL), VISEME_OK);
    if (regexec(&best->regex, text, 0, NULL, 0) == 0) {
        best->found = 1;
        best->logp = path->logp;
        strcpy(best->text, text);
    }
    free(text);
}

static void finds_the_best_path(void **state)
{
    static const struct {
        const char *grammar, *regex;
    } cases[] = {
        {"$s = a", "^a$"},
        {"$s = ab", "^aB$"},
        {"$s = aa", "^aa$"},
        {"$s = a b", "^a B$"},
        {"$s = a | b b | ab", "^(a|B B|aB)$"},
        {"$s = [a] b", "^(a )?B$"},
        {"$s = a [b]", "^a( B)?$"},
        {"$s = [a]", "^a?$"},
        {"$s = a*", "^(a( a)*)?$"},
        {"$s = a+", "^a( a)*$"},
        {"$s = (a | b)+", "^[aB]( [aB])*$"},
        {"$s = b a* b", "^B( a)* B$"},
        {"$s = ([a] [b])*", "^([aB]( [aB])*)?$"},
        {"$s = [a] [b] [a]", "^(a|B|a B|a a|B a|a B a)?$"},
        {"$s = a (b+ | a)", "^a (B( B)*|a)$"},
        {"$s = (a b)+ [ba]", "^a B( a B)*( Ba)?$"},
        {"# c\n$s = $x $x # more\n$x=a|$y\n  | bb\n$y = [ ab ]", "^((a|BB|aB)( (a|BB|aB))?)?$"},
        {"$s = $x+ \r\n$x = (a b)* b", "^(a B )*B( (a B )*B)*$"},
    };
    uint64_t seed = 5;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vis_grammar *grammar = open_grammar(cases[i].grammar, letters, CLASSES, BLANK);
        struct best best;
        assert_int_equal(regcomp(&best.regex, cases[i].regex, REG_EXTENDED | REG_NOSUB), 0);
        for (int frames = 0; frames <= FRAMES; frames++) {
            float logp[FRAMES * CLASSES];
            struct vis_ctc_result result;
            test_random_logp(logp, frames, CLASSES, 6, &seed);
            best.found = 0;
            test_each_path(logp, frames, CLASSES, BLANK, try_path, &best);
            viseme_status status =
                vis_ctc_grammar(&result, logp, frames, CLASSES, BLANK, grammar, NULL);
            assert_int_equal(status, best.found ? VISEME_OK : VISEME_ERR_INPUT);
            if (!best.found)
                continue;
            char *text;
            assert_int_equal(result.count, 1);
            assert_int_equal(vis_ctc_text(&text, result.best, letters, NULL), VISEME_OK);
            if (strcmp(text, best.text) != 0 ||
                fabs(result.best->log_probability - best.logp) > 1e-9)
                fail_msg("%s, %d frames: \"%s\" %g, not \"%s\" %g", cases[i].grammar, frames, text,
                         result.best->log_probability, best.text, best.logp);
            assert_true(result.best->score == result.best->log_probability);
            free(text);
            vis_ctc_free(&result);
        }
        regfree(&best.regex);
        vis_grammar_free(grammar);
    }
}

/* Over many blocks of frames: a loop of words on emissions that spell them. */
static void finds_its_way_over_a_long_input(void **state)
{
    enum { LONG = 5000 };
    static float logp[LONG * CLASSES];
    static const int word[] = {1, 3, 3, 1, 0};
    static const char line[] = "aa_BB_B__a_ "; /* _ is the blank: "aBBa" again and again */
    (void)state;
    struct vis_grammar *grammar = open_grammar("$s = (abba | baba)+", letters, CLASSES, BLANK);
    struct vis_ctc_result result;
    double want = 0;
    for (int t = 0; t < LONG; t++) {
        char c = line[t % 12];
        for (int k = 0; k < CLASSES; k++)
            logp[t * CLASSES + k] = logf(0.01f);
        logp[t * CLASSES + (c == 'a' ? 1 : c == 'B' ? 3 : c == ' ' ? 0 : 2)] = logf(0.97f);
    }
    for (int t = 0; t < LONG; t++)
        want += (double)logf(0.97f);
    /* 5000 = 416 * 12 + 8: the last word has to end with an a that is not there. */
    want += (double)logf(0.01f) - (double)logf(0.97f);
    assert_int_equal(vis_ctc_grammar(&result, logp, LONG, CLASSES, BLANK, grammar, NULL),
                     VISEME_OK);
    assert_true(fabs(result.best->log_probability - want) < 1e-6);
    assert_int_equal(result.best->length, 416 * 5 + 4);
    for (int i = 0; i < result.best->length; i++)
        assert_int_equal(result.best->labels[i], word[i % 5]);
    vis_ctc_free(&result);
    vis_grammar_free(grammar);
}

/* Symbols of several letters, and of several bytes; a blank that has a symbol. */
static void spells_in_the_symbols_there_are(void **state)
{
    static const char *const vocab[] = {"x", " ", "th", "t", "h", "e", "E", "\xC3\xA9"};
    (void)state;
    struct vis_grammar *grammar = open_grammar("$s = THe\xC3\xA9tE", vocab, 8, 0);
    static const int want[] = {2, 5, 7, 3, 6};
    assert_int_equal(grammar->nodes, 5 + 2);
    assert_memory_equal(grammar->label, want, sizeof want);
    vis_grammar_free(grammar);
    viseme_error err;
    assert_int_equal(vis_grammar_open(&grammar, "$s = \n ex", 9, vocab, 8, 0, &err),
                     VISEME_ERR_ARGUMENT);
    assert_string_equal(err.message, "grammar, line 2: the network cannot spell \"ex\": it has no "
                                     "\"x\"");
    assert_int_equal(vis_grammar_open(&grammar, "$s = e", 6, vocab, 8, 1, &err), VISEME_ERR_MODEL);
}

/* The grammar that viseme comes with: 64 000 sentences, all of six words. */
static void grid_is_whole(void **state)
{
    static char text[4096];
    const char *vocab[28] = {"", " "};
    char symbols[26][2];
    (void)state;
    FILE *file = fopen("grammars/grid.txt", "rb");
    if (!file)
        skip();
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[bytes] = '\0';
    for (int i = 0; i < 26; i++) {
        symbols[i][0] = (char)('A' + i);
        symbols[i][1] = '\0';
        vocab[i + 2] = symbols[i];
    }
    struct vis_grammar *g = open_grammar(text, vocab, 28, 0);
    /* Ways from a start to each node, spaces not said twice and not at the ends. */
    double *ways = calloc((size_t)g->nodes, sizeof *ways), sentences = 0;
    int changed = 1;
    assert_non_null(ways);
    while (changed) {
        changed = 0;
        for (int v = 0; v < g->nodes; v++) {
            double n = g->start[v] && g->label[v] != 1;
            for (int i = g->from_begin[v]; i < g->from_begin[v + 1]; i++)
                n += g->from[i] == v || (g->label[g->from[i]] == 1 && g->start[g->from[i]])
                         ? 0
                         : ways[g->from[i]];
            changed |= n != ways[v];
            ways[v] = n;
        }
    }
    for (int v = 0; v < g->nodes; v++)
        sentences += g->final[v] && g->label[v] != 1 ? ways[v] : 0;
    assert_true(sentences == 4 * 4 * 4 * 25 * 10 * 4);
    assert_int_equal(g->empty, 0);
    free(ways);
    vis_grammar_free(g);
}

/* ---- Refusals ---------------------------------------------------------------------------- */

static void refuses(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1: there is no rule"},
        {"# nothing\n\n", "line 3: there is no rule"},
        {"a b", "line 1: expected a rule"},
        {"$s a", "line 1: expected a rule"},
        {"$s = a\n= b", "line 2: expected a word"},
        {"$s =", "line 1: expected a word"},
        {"$s = a |\n", "line 2: expected a word"},
        {"$s = ()", "line 1: expected a word"},
        {"$s = (a\n b", "line 2: the ( of line 1 is not closed"},
        {"$s = [a)", "line 1: the [ of line 1 is not closed"},
        {"$s = a)", "line 1: expected a rule"},
        {"$s = *", "line 1: expected a word"},
        {"$s = a*+", "line 1: only one"},
        {"$s = a $ b", "line 1: a $ without"},
        {"$s = a\x01", "line 1: a control"},
        {"$s = $t\n", "line 1: there is no rule $t"},
        {"$s = a\n$s = b", "line 2: the rule $s is in line 1"},
        {"$s = a $s", "line 1: $s leads back"},
        {"$s = $a\n$a = b\n | $c\n$c = $a", "line 4: $a leads back"},
        {"$s = a1", "line 1: the network cannot spell \"a1\": it has no \"1\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vis_grammar *grammar = (struct vis_grammar *)&grammar;
        viseme_error err = {0};
        assert_int_equal(vis_grammar_open(&grammar, cases[i].text, strlen(cases[i].text), letters,
                                          CLASSES, BLANK, &err),
                         VISEME_ERR_ARGUMENT);
        assert_null(grammar);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err.message, cases[i].says);
    }
}

static void expect_limit(const char *text, size_t bytes, const char *says)
{
    struct vis_grammar *grammar;
    viseme_error err = {0};
    assert_int_equal(vis_grammar_open(&grammar, text, bytes, letters, CLASSES, BLANK, &err),
                     VISEME_ERR_LIMIT);
    assert_null(grammar);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" lacks \"%s\"", err.message, says);
}

static void has_limits(void **state)
{
    static char text[(1 << 20) + 2];
    (void)state;
    memset(text, ' ', sizeof text);
    expect_limit(text, sizeof text, "bytes");
    size_t n = (size_t)sprintf(text, "$s = ");
    memset(text + n, '(', 1000);
    expect_limit(text, n + 1000, "within one another");
    /* Rules that double forty times: 2^40 words. */
    n = 0;
    for (int i = 0; i < 40; i++)
        n += (size_t)sprintf(text + n, "$r%d = $r%d $r%d\n", i, i + 1, i + 1);
    n += (size_t)sprintf(text + n, "$r40 = a\n");
    expect_limit(text, n, "too large");
    /* The same without anything that has to be said. */
    n = 0;
    for (int i = 0; i < 40; i++)
        n += (size_t)sprintf(text + n, "$r%d = [$r%d] [$r%d]\n", i, i + 1, i + 1);
    n += (size_t)sprintf(text + n, "$r40 = [a]\n");
    expect_limit(text, n, "too large");
    /* Any of 3000 optional words after any other: 4 500 000 ways. */
    n = (size_t)sprintf(text, "$s = ");
    for (int i = 0; i < 3000; i++)
        n += (size_t)sprintf(text + n, "[a] ");
    expect_limit(text, n, "too large");
    /* A word of 70 000 letters. */
    n = (size_t)sprintf(text, "$s = ");
    memset(text + n, 'a', 70000);
    expect_limit(text, n + 70000, "too large");
    /* 201 rules within one another. */
    n = 0;
    for (int i = 0; i < 201; i++)
        n += (size_t)sprintf(text + n, "$r%d = $r%d\n", i, i + 1);
    n += (size_t)sprintf(text + n, "$r201 = a\n");
    expect_limit(text, n, "within one another");
}

static void refuses_bad_emissions(void **state)
{
    float logp[CLASSES] = {-1, -1, NAN, -1};
    struct vis_ctc_result result;
    (void)state;
    struct vis_grammar *grammar = open_grammar("$s = a", letters, CLASSES, BLANK);
    assert_int_equal(vis_ctc_grammar(&result, logp, 1, CLASSES, BLANK, grammar, NULL),
                     VISEME_ERR_INPUT);
    logp[BLANK] = 0;
    logp[1] = -INFINITY; /* the only sentence is impossible */
    assert_int_equal(vis_ctc_grammar(&result, logp, 1, CLASSES, BLANK, grammar, NULL),
                     VISEME_ERR_INPUT);
    assert_int_equal(result.count, 0);
    vis_grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_best_path),
        cmocka_unit_test(finds_its_way_over_a_long_input),
        cmocka_unit_test(spells_in_the_symbols_there_are),
        cmocka_unit_test(grid_is_whole),
        cmocka_unit_test(refuses),
        cmocka_unit_test(has_limits),
        cmocka_unit_test(refuses_bad_emissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
