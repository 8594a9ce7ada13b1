/* JSON (RFC 8259) that others wrote, as jansson's values.
 *
 * jansson parses JSON, too. But its parser (2.14, src/load.c) goes on when its buffer for a string
 * cannot grow for want of memory: with the closing quote lost it copies past the end of the buffer
 * that the string is to go to. It cannot be told from outside, and so only jansson's values are
 * used, all of whose functions say when they fail. */
#ifndef VIS_BASE_JSON_H
#define VIS_BASE_JSON_H

#include <jansson.h>

#include "base/error.h"

#define VIS_JSON_MAX_DEPTH 2048 /* arrays and objects in each other */

/* Parses `bytes` bytes, an object or an array with nothing but white space around it. Refused are
 * also a name that is twice in an object, strings with a zero byte or without the other half of a
 * surrogate pair, whole numbers beyond 64 bits, other numbers beyond a double.
 * out    NULL on failure, otherwise release it with json_decref()
 * file   and `part` name the text in messages, such as "lipnet.safetensors" and "the header"
 * Any thread. Returns VISEME_OK, VISEME_ERR_MODEL (with the byte, from 0, at which the text went
 * wrong) or VISEME_ERR_NOMEM. */
viseme_status vis_json_parse(json_t **out, const char *text, size_t bytes, const char *file,
                             const char *part, viseme_error *err);

#endif
