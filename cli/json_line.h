/* JSON results: one object a line, UTF-8, never NaN or Infinity. */
#ifndef VIS_CLI_JSON_LINE_H
#define VIS_CLI_JSON_LINE_H

#include <stdio.h>

#include <jansson.h>

#include "base/error.h"

/* Every object has "schema": VIS_JSON_SCHEMA, a number that grows when a key changes its meaning,
 * and "status": "ok" or "error". They are built by json_pack(), which gives NULL when any part
 * could not be had. */
enum { VIS_JSON_SCHEMA = 1 };

/* The object that stands for a failed input: "status": "error", "input", "error" (the kind) and
 * "reason". `input` may be NULL. */
json_t *vis_json_failure(const char *input, const viseme_error *err);

/* Values; a number that is not finite becomes null, a byte that is not UTF-8 becomes U+FFFD. A
 * NULL string becomes null. */
json_t *vis_json_real(double x);
json_t *vis_json_text(const char *s);

/* Writes the object and a newline, and releases it. NULL (what building it gives when out of
 * memory) is VISEME_ERR_NOMEM, a failed write VISEME_ERR_OUTPUT. */
viseme_status vis_json_write(FILE *to, json_t *object, viseme_error *err);

#endif
