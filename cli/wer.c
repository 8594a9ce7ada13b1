#include "cli/wer.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/utf8.h"

struct vis_normaliser {
    locale_t locale; /* 0: ASCII only */
};

/* A token: a word, or one character. */
struct token {
    const uint32_t *points;
    size_t count;
};

/* ---- Normalisation ----------------------------------------------------------------------- */

viseme_status vis_normaliser_open(struct vis_normaliser **out, viseme_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return vis_fail_nomem(err, sizeof **out);
    (*out)->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return VISEME_OK;
}

void vis_normaliser_close(struct vis_normaliser *n)
{
    if (n && n->locale)
        freelocale(n->locale);
    free(n);
}

static uint32_t lower(const struct vis_normaliser *n, uint32_t c)
{
    if (n->locale)
        return (uint32_t)towlower_l((wint_t)c, n->locale);
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int is_word(const struct vis_normaliser *n, uint32_t c)
{
    if (c >= 0x300 && c <= 0x36F)
        return 1;
    if (n->locale)
        return iswalnum_l((wint_t)c, n->locale) != 0;
    return c > 127 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int is_space(const struct vis_normaliser *n, uint32_t c)
{
    /* 0xA0: no-break space, which the C library does not count as space. */
    if (c == ' ' || (c >= 9 && c <= 13) || c == 0xA0)
        return 1;
    return n->locale && iswspace_l((wint_t)c, n->locale);
}

/* What is to be kept of `count` code points, in place; returns how many. */
static size_t tidy(const struct vis_normaliser *n, uint32_t *p, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t c = p[i];
        /* p[i - 1] is as it was, or its lower case: a letter stays one. */
        int quote = (c == '\'' || c == 0x2019) && i > 0 && is_word(n, p[i - 1]) && i + 1 < count &&
                    is_word(n, p[i + 1]);
        if (is_space(n, c)) {
            if (kept > 0 && p[kept - 1] != ' ')
                p[kept++] = ' ';
        } else if (quote) {
            p[kept++] = '\'';
        } else if (is_word(n, c)) {
            p[kept++] = lower(n, c);
        }
    }
    return kept > 0 && p[kept - 1] == ' ' ? kept - 1 : kept;
}

viseme_status vis_normalise(struct vis_words *out, const struct vis_normaliser *n, const char *text,
                            size_t bytes, viseme_error *err)
{
    size_t room = (bytes ? bytes : 1) * sizeof *out->points, count = 0, length;
    *out = (struct vis_words){malloc(room), 0};
    if (!out->points)
        return vis_fail_nomem(err, room);
    for (size_t i = 0; i < bytes; i += length) {
        uint32_t point;
        length = vis_utf8_decode(text + i, bytes - i, &point);
        if (length == 0) {
            vis_words_free(out);
            return vis_fail(err, VISEME_ERR_INPUT, "byte %zu is not UTF-8", i + 1);
        }
        out->points[count++] = point;
    }
    out->count = tidy(n, out->points, count);
    return VISEME_OK;
}

void vis_words_free(struct vis_words *words)
{
    free(words->points);
    *words = (struct vis_words){NULL, 0};
}

/* ---- Alignment --------------------------------------------------------------------------- */

/* The best alignment of two beginnings. */
struct cell {
    uint64_t cost, substitutions, deletions, insertions;
};

static int same(const struct token *a, const struct token *b)
{
    return a->count == b->count && memcmp(a->points, b->points, a->count * sizeof *a->points) == 0;
}

/* One cell from its three neighbours. */
static struct cell best_of(struct cell diagonal, struct cell above, struct cell left, int match)
{
    diagonal.cost += !match;
    diagonal.substitutions += !match;
    above.cost++;
    above.deletions++;
    left.cost++;
    left.insertions++;
    if (diagonal.cost <= above.cost && diagonal.cost <= left.cost)
        return diagonal;
    return above.cost <= left.cost ? above : left;
}

/* Levenshtein's distance, row by row: cell j of row i aligns ref[0 .. i) with hyp[0 .. j). */
static viseme_status align(struct vis_edits *sum, const struct token *ref, size_t n,
                           const struct token *hyp, size_t m, viseme_error *err)
{
    if (n > 0 && m > ((uint64_t)1 << 32) / n)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%zu against %zu words or characters are too long for one utterance", n, m);
    struct cell *row = malloc((m + 1) * sizeof *row);
    if (!row)
        return vis_fail_nomem(err, (m + 1) * sizeof *row);
    for (size_t j = 0; j <= m; j++)
        row[j] = (struct cell){j, 0, 0, j};
    for (size_t i = 1; i <= n; i++) {
        struct cell diagonal = row[0];
        row[0] = (struct cell){i, 0, i, 0};
        for (size_t j = 1; j <= m; j++) {
            struct cell above = row[j];
            row[j] = best_of(diagonal, above, row[j - 1], same(&ref[i - 1], &hyp[j - 1]));
            diagonal = above;
        }
    }
    sum->substitutions += row[m].substitutions;
    sum->deletions += row[m].deletions;
    sum->insertions += row[m].insertions;
    sum->reference += n;
    free(row);
    return VISEME_OK;
}

/* Tokens of a normalised text: its words, or every code point. *tokens: free with free(). */
static viseme_status cut(struct token **tokens, size_t *count, const struct vis_words *text,
                         int words, viseme_error *err)
{
    size_t bytes = (text->count + 1) * sizeof **tokens, n = 0, start = 0;
    struct token *list = malloc(bytes);
    if (!list)
        return vis_fail_nomem(err, bytes);
    for (size_t i = 0; i < text->count; i++) {
        if (!words) {
            list[n++] = (struct token){text->points + i, 1};
        } else if (text->points[i] == ' ' || i + 1 == text->count) {
            size_t end = text->points[i] == ' ' ? i : i + 1;
            list[n++] = (struct token){text->points + start, end - start};
            start = i + 1;
        }
    }
    *tokens = list;
    *count = n;
    return VISEME_OK;
}

static viseme_status count_edits(struct vis_edits *sum, const struct vis_words *reference,
                                 const struct vis_words *hypothesis, int words, viseme_error *err)
{
    struct token *ref = NULL, *hyp = NULL;
    size_t n = 0, m = 0;
    viseme_status status = cut(&ref, &n, reference, words, err);
    if (status == VISEME_OK)
        status = cut(&hyp, &m, hypothesis, words, err);
    if (status == VISEME_OK)
        status = align(sum, ref, n, hyp, m, err);
    free(ref);
    free(hyp);
    return status;
}

viseme_status vis_count_words(struct vis_edits *sum, const struct vis_words *reference,
                              const struct vis_words *hypothesis, viseme_error *err)
{
    return count_edits(sum, reference, hypothesis, 1, err);
}

viseme_status vis_count_characters(struct vis_edits *sum, const struct vis_words *reference,
                                   const struct vis_words *hypothesis, viseme_error *err)
{
    return count_edits(sum, reference, hypothesis, 0, err);
}

double vis_error_rate(const struct vis_edits *edits)
{
    if (edits->reference == 0)
        return -1;
    return (double)(edits->substitutions + edits->deletions + edits->insertions) /
           (double)edits->reference;
}
