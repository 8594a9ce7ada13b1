/* The reader of JSON: every refusal with its place, every value, and the same answers as jansson's
 * own parser wherever both have their say. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static json_t *parse(const char *text)
{
    json_t *value;
    viseme_error err;
    if (vis_json_parse(&value, text, strlen(text), "f", "the text", &err) != VISEME_OK)
        fail_msg("%s: %s", text, err.message);
    return value;
}

/* Of a copy that ends where the text does, so that sanitizers see what is read behind it. */
static void expect_refused(const char *text, size_t bytes, size_t at, const char *why)
{
    char *copy = malloc(bytes), want[128];
    json_t *value;
    viseme_error err;
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    snprintf(want, sizeof want, "f: the text is not valid JSON at byte %zu (%s", at, why);
    assert_int_equal(vis_json_parse(&value, copy, bytes, "f", "the text", &err), VISEME_ERR_MODEL);
    assert_null(value);
    if (strncmp(err.message, want, strlen(want)) != 0)
        fail_msg("%s: %s", text, err.message);
    free(copy);
}

static void says_where_text_goes_wrong(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        const char *why;
    } cases[] = {{" ", 1, "neither"},
                 {"3", 0, "neither"},
                 {"[", 1, "it ends here"},
                 {"{\"a\"", 4, "no colon"},
                 {"{\"a\":", 5, "it ends here"},
                 {"{\"a\":1", 6, "no comma and no }"},
                 {"{\"a\":1,}", 7, "no name"},
                 {"{a:1}", 1, "no name"},
                 {"{\"a\":1 \"b\":2}", 7, "no comma and no }"},
                 {"{\"a\":1, \"a\":2}", 8, "a name that is there already"},
                 {"{\"a\":1, \"\\u0061\":2}", 8, "a name that is there already"},
                 {"[1,]", 3, "no value"},
                 {"[1 2]", 3, "no comma and no ]"},
                 {"[1}", 2, "no comma and no ]"},
                 {"[] x", 3, "something behind"},
                 {"[tru]", 1, "no value"},
                 {"[nul", 1, "no value"},
                 {"[True]", 1, "no value"},
                 {"['a']", 1, "no value"},
                 {"[\"a", 1, "a string without an end"},
                 {"[\"a\\", 4, "an escape that"},
                 {"[\"\\x\"]", 3, "an escape that"},
                 {"[\"\\u00g0\"]", 2, "an escape without"},
                 {"[\"\\u00", 2, "an escape without"},
                 {"[\"\\u0000\"]", 2, "a zero byte"},
                 {"[\"\\ud800\"]", 2, "half a surrogate"},
                 {"[\"\\ud800\\u", 2, "half a surrogate"},
                 {"[\"\\ud800\\ud800\"]", 2, "half a surrogate"},
                 {"[\"\\udc00\\ud800\"]", 2, "half a surrogate"},
                 {"[\"a\nb\"]", 3, "a control character"},
                 {"[\"\xff\"]", 2, "a byte that is not UTF-8"},
                 {"[\"\xc3", 2, "a byte that is not UTF-8"},
                 {"[\"\xc0\x80\"]", 2, "a byte that is not UTF-8"},
                 {"[\"\xed\xa0\x80\"]", 2, "a byte that is not UTF-8"},
                 {"[01]", 2, "no comma and no ]"},
                 {"[-]", 1, "a number that"},
                 {"[1.]", 1, "a number that"},
                 {"[.5]", 1, "no value"},
                 {"[1e]", 1, "a number that"},
                 {"[1e+", 1, "a number that"},
                 {"[NaN]", 1, "no value"},
                 {"[9223372036854775808]", 1, "a whole number beyond"},
                 {"[-9223372036854775809]", 1, "a whole number beyond"},
                 {"[1e309]", 1, "a number beyond"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].text, strlen(cases[i].text), cases[i].at, cases[i].why);
    expect_refused("[\0]", 3, 1, "no value");
    expect_refused("[\"\0\"]", 5, 2, "a control character");
}

static void bounds_the_depth(void **state)
{
    char text[2 * VIS_JSON_MAX_DEPTH + 3];
    (void)state;
    memset(text, '[', sizeof text);
    expect_refused(text, sizeof text, VIS_JSON_MAX_DEPTH, "too many");
    memset(text + VIS_JSON_MAX_DEPTH, ']', VIS_JSON_MAX_DEPTH);
    text[2 * VIS_JSON_MAX_DEPTH] = '\0';
    json_decref(parse(text));
}

static void reads_every_value(void **state)
{
    json_t *all = parse(" {\"a\\u00e9\" : [ true,false , null,-0,-9223372036854775808,\n"
                        "9223372036854775807,0.1,-1E+2,2.5e-1 ],\t\"\":{},\"t\":\r[],"
                        "\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20AC\\uD834\\udd1e\xE2\x82\xAC"
                        "\"} ");
    const json_t *list = json_object_get(all, "a\xC3\xA9");
    (void)state;
    assert_int_equal(json_object_size(all), 4);
    assert_int_equal(json_array_size(list), 9);
    assert_true(json_is_true(json_array_get(list, 0)));
    assert_true(json_is_false(json_array_get(list, 1)));
    assert_true(json_is_null(json_array_get(list, 2)));
    assert_true(json_is_integer(json_array_get(list, 3)));
    assert_true(json_integer_value(json_array_get(list, 4)) == INT64_MIN);
    assert_true(json_integer_value(json_array_get(list, 5)) == INT64_MAX);
    assert_true(json_real_value(json_array_get(list, 6)) == 0.1);
    assert_true(json_real_value(json_array_get(list, 7)) == -100);
    assert_true(json_real_value(json_array_get(list, 8)) == 0.25);
    assert_true(json_is_object(json_object_get(all, "")));
    assert_true(json_is_array(json_object_get(all, "t")));
    assert_string_equal(json_string_value(json_object_get(all, "s")),
                        "\"\\/\b\f\n\r\tA\xE2\x82\xAC\xF0\x9D\x84\x9E\xE2\x82\xAC");
    json_decref(all);
}

static void numbers_have_a_point_in_any_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        skip();
    json_t *list = parse("[0.5]");
    assert_true(json_real_value(json_array_get(list, 0)) == 0.5);
    json_decref(list);
    setlocale(LC_NUMERIC, "C");
}

/* Texts with bytes exchanged, left out and put in twice. */
static void agrees_with_jansson(void **state)
{
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e3,0],\"b\":{\"c\":\"x\\u00e9\\ud834\\udd1e\",\"d\":null},\"e\":[true,false]"
        "}",
        "[\"\\\"\\\\\\/"
        "\\b\\f\\n\\r\\t\",\"\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E\",[[[]]],{\"\":{}}]",
        "{\"min_confidence\":0.85,\"decoder_widths\":[9223372036854775807,1e308],\"a\":1,\"aa\":"
        "2}"};
    static const char letters[] = "{}[]:,\"\\u0019aef-+.Etrn \n\xC3\x80\xED\xA0";
    uint32_t random = 1;
    int good = 0, bad = 0;
    (void)state;
    for (int i = 0; i < 60000; i++) {
        char text[128], *at;
        size_t n = strlen(seeds[i % 3]);
        memcpy(text, seeds[i % 3], n + 1);
        for (int changes = i % 4; changes > 0; changes--) {
            random = random * 1664525u + 1013904223u;
            at = text + (random >> 8) % n;
            switch (random >> 30) {
            case 0:
                memmove(at, at + 1, strlen(at));
                n--;
                break;
            case 1:
                memmove(at + 1, at, strlen(at) + 1);
                n++;
                break;
            default:
                *at = letters[(random >> 4) % (sizeof letters - 1)];
            }
        }
        json_t *have, *want = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
        viseme_status status = vis_json_parse(&have, text, n, "f", "the text", NULL);
        if ((status == VISEME_OK) != (want != NULL) || (want && !json_equal(have, want)))
            fail_msg("%s: %s", want ? "refused" : "accepted", text);
        *(want ? &good : &bad) += 1;
        json_decref(have);
        json_decref(want);
    }
    print_message("%d texts read, %d refused\n", good, bad);
    assert_true(good > 16000 && bad > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_text_goes_wrong),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(reads_every_value),
        cmocka_unit_test(numbers_have_a_point_in_any_locale),
        cmocka_unit_test(agrees_with_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
