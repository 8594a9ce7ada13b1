/* Any bytes as JSON: values or a sentence, as jansson's own parser decides; but a zero byte behind
 * a number that does not see. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_t *value, *other = NULL;
    viseme_error err = {0};
    viseme_status status = vis_json_parse(&value, text, size, "fuzz", "it", &err);

    if (!size || !memchr(data, 0, size))
        other = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (status == VISEME_OK ? !json_equal(value, other)
                            : value || other || err.status != status || err.message[0] == '\0')
        abort();
    json_decref(value);
    json_decref(other);
    return 0;
}
