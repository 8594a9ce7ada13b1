/* JSON out of weights files. */
#ifndef VIS_ENGINE_JSON_H
#define VIS_ENGINE_JSON_H

#include <jansson.h>

#include "base/error.h"

/* Parses `bytes` bytes of JSON, in which no key may be there twice. *out is NULL on failure,
 * otherwise release it with json_decref(). `file` and `part` name it in messages, such as
 * "lipnet.safetensors" and "the header".
 *
 * jansson (2.14) does not tell bad JSON from a want of memory, and may go on with a string that it
 * had no memory to finish. So everything is parsed twice: two equal results are the truth, two
 * equal complaints are about the text, anything else is memory.
 * Returns VISEME_OK, VISEME_ERR_MODEL or VISEME_ERR_NOMEM. */
viseme_status vis_json_parse(json_t **out, const char *text, size_t bytes, const char *file,
                             const char *part, viseme_error *err);

#endif
