#include "nets/arpa.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((size_t)1 << 30)
#define LOWEST    (-99.0) /* log10; what ARPA files write for "never" */
#define LN_10     2.302585092994046

/* An n-gram: its first n-1 words as their place in the array of that order, and its last word. For
 * unigrams the first words are none: 0. */
struct gram {
    uint64_t key; /* first << 32 | word */
    float log10p, backoff;
};

struct grams {
    struct gram *items; /* [count], sorted by key */
    uint32_t count;
};

struct word {
    const char *text;
    size_t bytes;
    size_t line;
    float log10p, backoff;
};

struct vis_arpa {
    int order;
    struct grams grams[VIS_ARPA_MAX_ORDER]; /* [n-1]: the n-grams */
    struct word *words;                     /* [grams[0].count] sorted by bytes */
    char *pool;                             /* their letters */
};

/* Text between `at` and `end`; line: number of the line read last, from 1. */
struct scanner {
    const char *at, *end;
    size_t line;
};

struct slice {
    const char *text;
    size_t bytes;
};

/* ---- Lines and fields -------------------------------------------------------------------- */

static int next_line(struct scanner *s, struct slice *line)
{
    if (s->at == s->end)
        return 0;
    const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
    const char *stop = newline ? newline : s->end;
    *line = (struct slice){s->at, (size_t)(stop - s->at)};
    s->at = newline ? newline + 1 : s->end;
    s->line++;
    while (line->bytes > 0 &&
           (line->text[line->bytes - 1] == '\r' || line->text[line->bytes - 1] == ' ' ||
            line->text[line->bytes - 1] == '\t'))
        line->bytes--;
    return 1;
}

/* The next line that is not empty. */
static int next_full_line(struct scanner *s, struct slice *line)
{
    while (next_line(s, line))
        if (line->bytes > 0)
            return 1;
    return 0;
}

static int is(struct slice slice, const char *text)
{
    return slice.bytes == strlen(text) && memcmp(slice.text, text, slice.bytes) == 0;
}

static void skip_blanks(struct slice *s)
{
    while (s->bytes > 0 && (s->text[0] == ' ' || s->text[0] == '\t')) {
        s->text++;
        s->bytes--;
    }
}

/* Cuts the first field (without blanks) from *line; its length is 0 at the end of the line. */
static struct slice cut_field(struct slice *line)
{
    size_t i = 0;
    skip_blanks(line);
    while (i < line->bytes && line->text[i] != ' ' && line->text[i] != '\t')
        i++;
    struct slice field = {line->text, i};
    line->text += i;
    line->bytes -= i;
    return field;
}

static size_t cut_digits(struct slice *s, double *value)
{
    size_t n = 0;
    while (n < s->bytes && s->text[n] >= '0' && s->text[n] <= '9')
        *value = 10 * *value + (s->text[n++] - '0');
    s->text += n;
    s->bytes -= n;
    return n;
}

static int cut_sign(struct slice *s)
{
    int negative = s->bytes > 0 && s->text[0] == '-';
    if (s->bytes > 0 && (s->text[0] == '-' || s->text[0] == '+')) {
        s->text++;
        s->bytes--;
    }
    return negative;
}

/* A decimal number as a float, whatever the locale; "-inf" is allowed. Returns 0 when it is none.
 */
static int read_number(struct slice s, double *value)
{
    double whole = 0, part = 0, power = 0;
    if (s.bytes > 60)
        return 0;
    int negative = cut_sign(&s), down = 0;
    if (negative && (is(s, "inf") || is(s, "Inf") || is(s, "infinity"))) {
        *value = -INFINITY;
        return 1;
    }
    size_t digits = cut_digits(&s, &whole);
    if (s.bytes > 0 && s.text[0] == '.') {
        s.text++;
        s.bytes--;
        size_t places = cut_digits(&s, &part);
        whole += part * pow(10, -(double)places);
        digits += places;
    }
    if (s.bytes > 1 && (s.text[0] == 'e' || s.text[0] == 'E')) {
        s.text++;
        s.bytes--;
        down = cut_sign(&s);
        if (cut_digits(&s, &power) == 0)
            return 0;
    }
    if (digits == 0 || s.bytes > 0)
        return 0;
    *value = (negative ? -1 : 1) * whole * pow(10, down ? -power : power);
    return isfinite(*value);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static int compare_text(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int by_text(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return compare_text(x->text, x->bytes, y->text, y->bytes);
}

static int by_key(const void *a, const void *b)
{
    const struct gram *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* The place of n-gram (first, word) among `grams`, or -1. */
static int64_t find_gram(const struct grams *grams, uint64_t first, int word)
{
    uint64_t key = first << 32 | (uint32_t)word;
    size_t low = 0, high = grams->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (grams->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < grams->count && grams->items[low].key == key ? (int64_t)low : -1;
}

/* The place of words[0 .. count-1] among the count-grams, or -1. count >= 1. */
static int64_t find_words(const struct vis_arpa *lm, const int *words, int count)
{
    int64_t place = words[0];
    for (int i = 1; i < count && place >= 0; i++)
        place = words[i] < 0 ? -1 : find_gram(&lm->grams[i], (uint64_t)place, words[i]);
    return place;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static viseme_status bad(const struct scanner *s, const char *what, viseme_error *err)
{
    return vis_fail(err, VISEME_ERR_MODEL, "language model, line %zu: %s", s->line, what);
}

/* \data\ and its counts. An n-gram's line has a number and n words: 2 n + 1 bytes or more, so a
 * count that the rest of the text cannot hold is refused before memory is taken for it. */
static viseme_status read_counts(struct vis_arpa *lm, struct scanner *s, struct slice *line,
                                 viseme_error *err)
{
    do {
        if (!next_line(s, line))
            return bad(s, "no \\data\\; give an n-gram model in the ARPA format", err);
    } while (!is(*line, "\\data\\"));
    while (next_full_line(s, line) && line->bytes > 6 && memcmp(line->text, "ngram ", 6) == 0) {
        struct slice rest = {line->text + 6, line->bytes - 6};
        double order = 0, count = 0;
        skip_blanks(&rest);
        size_t digits = cut_digits(&rest, &order);
        if (digits == 0 || digits > 4 || rest.bytes < 2 || rest.text[0] != '=')
            return bad(s, "expected \"ngram N=COUNT\"", err);
        rest.text++;
        rest.bytes--;
        skip_blanks(&rest);
        digits = cut_digits(&rest, &count);
        if (digits == 0 || digits > 15 || rest.bytes > 0)
            return bad(s, "expected \"ngram N=COUNT\"", err);
        if ((int)order != lm->order + 1)
            return bad(s, "the orders must be 1, 2, 3 ... without a gap", err);
        if (lm->order == VIS_ARPA_MAX_ORDER)
            return bad(s, "n-grams of more than 10 words are not supported", err);
        if (count * (2 * order + 1) > (double)(s->end - s->at))
            return bad(s, "more n-grams than the file has room for; is it cut short?", err);
        lm->grams[lm->order++].count = (uint32_t)count;
    }
    if (lm->order == 0 || lm->grams[0].count == 0)
        return bad(s, "\\data\\ promises no unigrams", err);
    return VISEME_OK;
}

/* One line of an n-gram: number, words, and a back-off weight except at the highest order. */
static viseme_status read_gram(const struct vis_arpa *lm, const struct scanner *s,
                               struct slice line, int n, struct slice *words, float *log10p,
                               float *backoff, viseme_error *err)
{
    double p, b = 0;
    if (!read_number(cut_field(&line), &p))
        return bad(s, "expected a base-10 logarithm", err);
    if (p > 1e-5)
        return bad(s, "a probability above 1", err);
    for (int i = 0; i < n; i++) {
        words[i] = cut_field(&line);
        if (words[i].bytes == 0)
            return bad(s, "too few words", err);
        if (memchr(words[i].text, '\0', words[i].bytes))
            return bad(s, "a zero byte", err);
    }
    struct slice last = cut_field(&line);
    if (last.bytes > 0 && (n == lm->order || !read_number(last, &b)))
        return bad(s, "expected a back-off weight or the end of the line", err);
    if (cut_field(&line).bytes > 0)
        return bad(s, "too many fields", err);
    *log10p = (float)(p < LOWEST ? LOWEST : p > 0 ? 0 : p);
    *backoff = (float)(b < LOWEST ? LOWEST : b > -LOWEST ? -LOWEST : b);
    return VISEME_OK;
}

/* The line "\n-grams:", which the caller has read. */
static viseme_status check_title(const struct scanner *s, struct slice line, int n,
                                 viseme_error *err)
{
    double order = 0;
    if (line.bytes > 1 && line.text[0] == '\\') {
        struct slice rest = {line.text + 1, line.bytes - 1};
        if (cut_digits(&rest, &order) > 0 && order == n && is(rest, "-grams:"))
            return VISEME_OK;
    }
    return vis_fail(err, VISEME_ERR_MODEL,
                    "language model, line %zu: expected \\%d-grams:; is the number of %d-grams "
                    "above right?",
                    s->line, n, n > 1 ? n - 1 : 1);
}

/* The unigrams: sorted, they number the words. */
static viseme_status read_words(struct vis_arpa *lm, struct scanner *s, viseme_error *err)
{
    struct grams *grams = &lm->grams[0];
    size_t letters = 0;
    lm->words = calloc(grams->count, sizeof *lm->words);
    grams->items = calloc(grams->count, sizeof *grams->items);
    if (!lm->words || !grams->items)
        return vis_fail_nomem(err, grams->count * (sizeof *lm->words + sizeof *grams->items));
    for (uint32_t i = 0; i < grams->count; i++) {
        struct word *w = &lm->words[i];
        struct slice line, text = {0};
        if (!next_full_line(s, &line))
            return bad(s, "the file ends among the unigrams", err);
        viseme_status status = read_gram(lm, s, line, 1, &text, &w->log10p, &w->backoff, err);
        if (status != VISEME_OK)
            return status;
        w->text = text.text;
        w->bytes = text.bytes;
        w->line = s->line;
        letters += text.bytes;
    }
    qsort(lm->words, grams->count, sizeof *lm->words, by_text);
    lm->pool = malloc(letters);
    if (!lm->pool)
        return vis_fail_nomem(err, letters);
    char *to = lm->pool;
    for (uint32_t i = 0; i < grams->count; i++) {
        struct word *w = &lm->words[i];
        if (i > 0 && by_text(w - 1, w) == 0)
            return vis_fail(err, VISEME_ERR_MODEL,
                            "language model, line %zu: the word of line %zu again", w->line,
                            w[-1].line);
        memcpy(to, w->text, w->bytes);
        w->text = to;
        to += w->bytes;
        grams->items[i] = (struct gram){i, w->log10p, w->backoff};
    }
    return VISEME_OK;
}

/* The n-grams of one order above the first. */
static viseme_status read_grams(struct vis_arpa *lm, struct scanner *s, int n, viseme_error *err)
{
    struct grams *grams = &lm->grams[n - 1];
    grams->items = calloc((size_t)grams->count + 1, sizeof *grams->items);
    if (!grams->items)
        return vis_fail_nomem(err, ((size_t)grams->count + 1) * sizeof *grams->items);
    for (uint32_t i = 0; i < grams->count; i++) {
        struct gram *gram = &grams->items[i];
        struct slice line, text[VIS_ARPA_MAX_ORDER];
        int words[VIS_ARPA_MAX_ORDER];
        if (!next_full_line(s, &line))
            return bad(s, "the file ends among its n-grams", err);
        viseme_status status = read_gram(lm, s, line, n, text, &gram->log10p, &gram->backoff, err);
        if (status != VISEME_OK)
            return status;
        for (int k = 0; k < n; k++) {
            words[k] = vis_arpa_find(lm, text[k].text, text[k].bytes);
            if (words[k] < 0)
                return bad(s, "a word that is not among the unigrams", err);
        }
        int64_t first = find_words(lm, words, n - 1);
        if (first < 0)
            return bad(s, "its first words are no n-gram of their own", err);
        gram->key = (uint64_t)first << 32 | (uint32_t)words[n - 1];
    }
    qsort(grams->items, grams->count, sizeof *grams->items, by_key);
    for (uint32_t i = 1; i < grams->count; i++)
        if (grams->items[i].key == grams->items[i - 1].key)
            return vis_fail(err, VISEME_ERR_MODEL,
                            "language model: one of the %d-grams is there twice", n);
    return VISEME_OK;
}

viseme_status vis_arpa_parse(struct vis_arpa **out, const char *text, size_t bytes,
                             viseme_error *err)
{
    struct scanner s = {text, text + bytes, 0};
    struct slice line = {0};
    viseme_status status = VISEME_OK;
    *out = NULL;
    if (bytes > MAX_BYTES)
        return vis_fail(err, VISEME_ERR_LIMIT, "a language model of %zu bytes; up to %zu are read",
                        bytes, MAX_BYTES);
    struct vis_arpa *lm = calloc(1, sizeof *lm);
    if (!lm)
        return vis_fail_nomem(err, sizeof *lm);
    status = read_counts(lm, &s, &line, err);
    for (int n = 1; n <= lm->order && status == VISEME_OK; n++) {
        status = check_title(&s, line, n, err);
        if (status == VISEME_OK)
            status = n == 1 ? read_words(lm, &s, err) : read_grams(lm, &s, n, err);
        if (status == VISEME_OK && !next_full_line(&s, &line))
            status = bad(&s, "the file ends without \\end\\; is it cut short?", err);
    }
    if (status == VISEME_OK && !is(line, "\\end\\"))
        status = bad(&s, "expected \\end\\; is the number of n-grams above right?", err);
    if (status != VISEME_OK) {
        vis_arpa_free(lm);
        return status;
    }
    *out = lm;
    return VISEME_OK;
}

void vis_arpa_free(struct vis_arpa *lm)
{
    if (!lm)
        return;
    for (int i = 0; i < VIS_ARPA_MAX_ORDER; i++)
        free(lm->grams[i].items);
    free(lm->words);
    free(lm->pool);
    free(lm);
}

/* ---- Asking ------------------------------------------------------------------------------ */

int vis_arpa_order(const struct vis_arpa *lm)
{
    return lm->order;
}

int vis_arpa_word_count(const struct vis_arpa *lm)
{
    return (int)lm->grams[0].count;
}

const char *vis_arpa_word(const struct vis_arpa *lm, int i, size_t *bytes)
{
    *bytes = lm->words[i].bytes;
    return lm->words[i].text;
}

int vis_arpa_find(const struct vis_arpa *lm, const char *word, size_t bytes)
{
    int low = 0, high = vis_arpa_word_count(lm);
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = compare_text(lm->words[middle].text, lm->words[middle].bytes, word, bytes);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return VIS_ARPA_NO_WORD;
}

void vis_arpa_narrow(const struct vis_arpa *lm, int *low, int *high, size_t depth, char byte)
{
    int from[2], wanted = (unsigned char)byte;
    for (int side = 0; side < 2; side++) { /* where `wanted` begins, where what follows it begins */
        int a = *low, b = *high;
        while (a < b) {
            int middle = a + (b - a) / 2;
            const struct word *w = &lm->words[middle];
            int has = w->bytes > depth ? (unsigned char)w->text[depth] : -1;
            if (has < wanted + side)
                a = middle + 1;
            else
                b = middle;
        }
        from[side] = a;
    }
    *low = from[0];
    *high = from[1];
}

double vis_arpa_score(const struct vis_arpa *lm, const int *history, int count, int word)
{
    double skipped = 0, log10p = LOWEST;
    int skip = count > lm->order - 1 ? count - (lm->order - 1) : 0;
    if (word < 0)
        return LOWEST * LN_10;
    for (history += skip, count -= skip; count > 0; history++, count--) {
        int64_t context = find_words(lm, history, count);
        if (context < 0)
            continue;
        int64_t gram = find_gram(&lm->grams[count], (uint64_t)context, word);
        if (gram >= 0) {
            log10p = (double)lm->grams[count].items[gram].log10p;
            break;
        }
        skipped += (double)lm->grams[count - 1].items[context].backoff;
    }
    if (count == 0)
        log10p = (double)lm->grams[0].items[word].log10p;
    log10p += skipped;
    return (log10p > 0 ? 0 : log10p < LOWEST ? LOWEST : log10p) * LN_10;
}
