#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct parser {
    const char *text;
    size_t bytes, at;
    int depth;
    /* [bytes + 1] strings without their escapes, each ended by a zero: the names of the objects
     * around this place, one behind the other, and what is read at it. None is longer than it is in
     * the text with its quotes, so together they fit. */
    char *strings;
    size_t used;
    locale_t c_locale;     /* numbers have a point, whatever the program's locale */
    const char *complaint; /* about the text; NULL: none, a failure is for want of memory */
    size_t wrong_at;
};

static json_t *read_value(struct parser *p);

/* Always 0. */
static int complain(struct parser *p, size_t at, const char *what)
{
    p->complaint = what;
    p->wrong_at = at;
    return 0;
}

/* The byte at this place, -1 at the end. */
static int peek(const struct parser *p)
{
    return p->at < p->bytes ? (unsigned char)p->text[p->at] : -1;
}

/* The byte behind white space, which stays where it is. */
static int next(struct parser *p)
{
    int c = peek(p);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        p->at++;
        c = peek(p);
    }
    return c;
}

/* ---- Strings --------------------------------------------------------------------------------- */

/* The four digits at text[at], -1 when they are none. */
static int32_t hexadecimal(const struct parser *p, size_t at)
{
    int32_t value = 0;
    if (p->bytes - at < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        const char c = p->text[at + i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        value = 16 * value + digit;
    }
    return value;
}

/* Three bytes at most for the six of an escape, four for the twelve of a pair. */
static char *put_point(char *to, int32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char leads[4] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(leads[more] | c >> 6 * more);
    for (int i = more - 1; i >= 0; i--)
        *to++ = (char)(0x80 | (c >> 6 * i & 0x3F));
    return to;
}

/* Behind "\u": its point goes to *to. 0: it is none. */
static int read_point(struct parser *p, char **to)
{
    const size_t start = p->at - 2;
    int32_t c = hexadecimal(p, p->at), low;
    if (c < 0)
        return complain(p, start, "an escape without its four digits");
    p->at += 4;
    if (c == 0)
        return complain(p, start, "a zero byte in a string");
    if (c >= 0xD800 && c < 0xDC00 && p->bytes - p->at >= 6 && p->text[p->at] == '\\' &&
        p->text[p->at + 1] == 'u') {
        low = hexadecimal(p, p->at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            p->at += 6;
        }
    }
    if (c >= 0xD800 && c < 0xE000)
        return complain(p, start, "half a surrogate pair");
    *to = put_point(*to, c);
    return 1;
}

/* Behind a backslash. */
static int read_escape(struct parser *p, char **to)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const int c = peek(p);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (c == 'u') {
        p->at++;
        return read_point(p, to);
    }
    if (!name)
        return complain(p, p->at, "an escape that JSON has not");
    p->at++;
    *(*to)++ = bytes[name - names];
    return 1;
}

/* At a quote: the string is strings[used] to strings[used + *length], a zero behind it. It is kept
 * by moving `used` behind that. 0: it is none. */
static int read_string(struct parser *p, size_t *length)
{
    const size_t start = p->at++;
    char *const first = p->strings + p->used, *to = first;
    for (;;) {
        const int c = peek(p);
        if (c < 0)
            return complain(p, start, "a string without an end");
        if (c < 0x20)
            return complain(p, p->at, "a control character in a string");
        if (c == '"')
            break;
        if (c == '\\') {
            p->at++;
            if (!read_escape(p, &to))
                return 0;
            continue;
        }
        const size_t n = vis_utf8_decode(p->text + p->at, p->bytes - p->at, NULL);
        if (n == 0)
            return complain(p, p->at, "a byte that is not UTF-8");
        memcpy(to, p->text + p->at, n);
        to += n;
        p->at += n;
    }
    p->at++;
    *to = '\0';
    *length = (size_t)(to - first);
    return 1;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static size_t skip_digits(struct parser *p)
{
    const size_t start = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at - start;
}

/* The whole number text[from] to text[to]. */
static json_t *whole_number(struct parser *p, size_t from, size_t to)
{
    const int negative = p->text[from] == '-';
    json_int_t value = 0;
    for (size_t i = from + (size_t)negative; i < to; i++) {
        const int digit = p->text[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            complain(p, from, "a whole number beyond 64 bits");
            return NULL;
        }
    }
    return json_integer(value);
}

static json_t *read_number(struct parser *p)
{
    const size_t start = p->at;
    int whole = 1, good;
    p->at += peek(p) == '-';
    if (peek(p) == '0') {
        p->at++;
        good = 1;
    } else {
        good = skip_digits(p) > 0;
    }
    if (good && peek(p) == '.') {
        p->at++;
        whole = 0;
        good = skip_digits(p) > 0;
    }
    if (good && (peek(p) == 'e' || peek(p) == 'E')) {
        p->at++;
        whole = 0;
        p->at += peek(p) == '+' || peek(p) == '-';
        good = skip_digits(p) > 0;
    }
    if (!good) {
        complain(p, start, "a number that JSON has not");
        return NULL;
    }
    if (whole)
        return whole_number(p, start, p->at);
    char *copy = p->strings + p->used;
    memcpy(copy, p->text + start, p->at - start);
    copy[p->at - start] = '\0';
    const double value = strtod_l(copy, NULL, p->c_locale);
    if (!isfinite(value)) {
        complain(p, start, "a number beyond a double");
        return NULL;
    }
    return json_real(value);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Behind an element: 1 when another one follows, 0 when `end` did, -1 on failure. */
static int has_more(struct parser *p, int end)
{
    const int c = next(p);
    if (c != ',' && c != end) {
        complain(p, p->at, end == ']' ? "no comma and no ]" : "no comma and no }");
        return -1;
    }
    p->at++;
    return c == ',';
}

/* Behind [ */
static json_t *read_array(struct parser *p)
{
    json_t *array = json_array();
    int more = array ? 1 : -1;
    if (array && next(p) == ']') {
        p->at++;
        more = 0;
    }
    while (more > 0) /* the array takes the element, or releases it */
        more = json_array_append_new(array, read_value(p)) == 0 ? has_more(p, ']') : -1;
    if (more < 0) {
        json_decref(array);
        array = NULL;
    }
    return array;
}

/* Adds a name and its value. 0 on failure. */
static int read_member(struct parser *p, json_t *object)
{
    const size_t name_at = p->used;
    size_t length, at;
    if (next(p) != '"')
        return complain(p, p->at, "no name in quotes");
    at = p->at;
    if (!read_string(p, &length))
        return 0;
    const char *name = p->strings + name_at;
    if (json_object_get(object, name))
        return complain(p, at, "a name that is there already");
    if (next(p) != ':')
        return complain(p, p->at, "no colon behind a name");
    p->at++;
    p->used += length + 1;
    const int failed = json_object_set_new_nocheck(object, name, read_value(p));
    p->used = name_at;
    return !failed;
}

/* Behind { */
static json_t *read_object(struct parser *p)
{
    json_t *object = json_object();
    int more = object ? 1 : -1;
    if (object && next(p) == '}') {
        p->at++;
        more = 0;
    }
    while (more > 0)
        more = read_member(p, object) ? has_more(p, '}') : -1;
    if (more < 0) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *read_nested(struct parser *p, int c)
{
    json_t *value = NULL;
    if (p->depth == VIS_JSON_MAX_DEPTH) {
        complain(p, p->at, "too many arrays and objects in each other");
        return NULL;
    }
    p->at++;
    p->depth++;
    value = c == '[' ? read_array(p) : read_object(p);
    p->depth--;
    return value;
}

static int read_word(struct parser *p, const char *word)
{
    const size_t n = strlen(word);
    if (p->bytes - p->at < n || memcmp(p->text + p->at, word, n) != 0)
        return 0;
    p->at += n;
    return 1;
}

/* NULL on failure. */
static json_t *read_value(struct parser *p)
{
    const int c = next(p);
    size_t length;
    if (c == '{' || c == '[')
        return read_nested(p, c);
    if (c == '"')
        return read_string(p, &length) ? json_stringn_nocheck(p->strings + p->used, length) : NULL;
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(p);
    if (read_word(p, "true"))
        return json_true();
    if (read_word(p, "false"))
        return json_false();
    if (read_word(p, "null"))
        return json_null();
    complain(p, p->at, c < 0 ? "it ends here" : "no value");
    return NULL;
}

static json_t *read_all(struct parser *p)
{
    const int c = next(p);
    json_t *value = NULL;
    if (c != '{' && c != '[') {
        complain(p, p->at, "neither an object nor an array");
        return NULL;
    }
    value = read_nested(p, c);
    if (value && next(p) >= 0) {
        complain(p, p->at, "something behind its end");
        json_decref(value);
        value = NULL;
    }
    return value;
}

viseme_status vis_json_parse(json_t **out, const char *text, size_t bytes, const char *file,
                             const char *part, viseme_error *err)
{
    struct parser p = {.text = text, .bytes = bytes, .strings = malloc(bytes + 1)};
    viseme_status status = VISEME_OK;
    *out = NULL;
    p.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (p.strings && p.c_locale)
        *out = read_all(&p);
    if (p.complaint)
        status = vis_fail(err, VISEME_ERR_MODEL, "%s: %s is not valid JSON at byte %zu (%s)", file,
                          part, p.wrong_at, p.complaint);
    else if (!*out)
        status = vis_fail_nomem(err, bytes);
    if (p.c_locale)
        freelocale(p.c_locale);
    free(p.strings);
    return status;
}
