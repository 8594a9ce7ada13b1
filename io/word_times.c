#include "io/word_times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MOST_SECONDS 1e6

static const char blank[] = " \t\r";

static viseme_status add(struct vis_word_times *out, double start_s, double end_s,
                         viseme_error *err)
{
    const size_t n = out->count;
    if (n == VIS_WORD_TIMES_MOST)
        return vis_fail(err, VISEME_ERR_LIMIT, "more than %d words", VIS_WORD_TIMES_MOST);
    if ((n & (n - 1)) == 0) { /* room for 0, 1, 2, 4 ... words is used up */
        const size_t bytes = (n ? 2 * n : 1) * sizeof *out->spans;
        viseme_span *spans = realloc(out->spans, bytes);
        if (!spans)
            return vis_fail_nomem(err, bytes);
        out->spans = spans;
    }
    out->spans[out->count++] = (viseme_span){start_s, end_s};
    return VISEME_OK;
}

/* A number of digits and perhaps a point from *text on, which is moved behind it; NaN where there
 * is none. */
static double number_at(const char **text)
{
    char *end;
    if (strspn(*text, "0123456789.") == 0)
        return NAN;
    const double value = strtod(*text, &end);
    if (end == *text || value > MOST_SECONDS * VIS_GRID_TICKS)
        return NAN;
    *text = end;
    return value;
}

static int is_silence(const char *field)
{
    const size_t length = strcspn(field, " \t\r\n");
    return (length == 3 && memcmp(field, "sil", 3) == 0) ||
           (length == 2 && memcmp(field, "sp", 2) == 0);
}

/* `line` ends at a line's end or the text's. */
static viseme_status add_line(struct vis_word_times *out, const char *line, double ticks,
                              viseme_error *err)
{
    line += strspn(line, blank);
    if (*line == '\n' || *line == '\0' || *line == '#')
        return VISEME_OK;
    const double start = number_at(&line) / ticks;
    const size_t gap = strspn(line, blank);
    line += gap;
    const double end = number_at(&line) / ticks;
    if (isnan(start) || isnan(end) || gap == 0 || !strchr(" \t\r\n", *line))
        return vis_fail(err, VISEME_ERR_INPUT, "a line begins with the two times of a word");
    if (is_silence(line + strspn(line, blank)))
        return VISEME_OK;
    if (!(end > start))
        return vis_fail(err, VISEME_ERR_INPUT, "a word ends before it begins");
    return add(out, start, end, err);
}

viseme_status vis_word_times_parse(struct vis_word_times *out, const char *text, size_t bytes,
                                   double ticks, const char *name, viseme_error *err)
{
    viseme_error inner;
    size_t number = 1;
    *out = (struct vis_word_times){0};
    for (const char *line = text; line; number++) {
        viseme_status status = add_line(out, line, ticks, &inner);
        if (status != VISEME_OK)
            return vis_fail(err, status, "%s:%zu: %s", name, number, inner.message);
        line = memchr(line, '\n', bytes - (size_t)(line - text));
        line = line ? line + 1 : NULL;
    }
    if (out->count == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: no word in it; lines are START END, in seconds",
                        name);
    return VISEME_OK;
}

viseme_status vis_word_times_add(struct vis_word_times *out, const char *text, viseme_error *err)
{
    const char *at = text;
    const double first = number_at(&at);
    if (*at == '\0' && first > 0 && first <= MOST_SECONDS && out->count == 0 && out->seconds == 0) {
        out->seconds = first;
        return VISEME_OK;
    }
    if (*at == '-' && first >= 0 && out->seconds == 0) {
        at++;
        const double end = number_at(&at);
        if (*at == '\0' && end > first && end <= MOST_SECONDS)
            return add(out, first, end, err);
    }
    return vis_fail(err, VISEME_ERR_ARGUMENT,
                    "'%s' is neither START-END in seconds, nor how many seconds the one word of "
                    "a clip lasts",
                    text);
}

void vis_word_times_free(struct vis_word_times *times)
{
    free(times->spans);
    *times = (struct vis_word_times){0};
}
