#include "engine/json.h"

#include <string.h>

viseme_status vis_json_parse(json_t **out, const char *text, size_t bytes, const char *file,
                             const char *part, viseme_error *err)
{
    json_error_t first = {.text = ""}, second = {.text = ""};
    viseme_status status = VISEME_OK;
    json_t *once = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &first);
    json_t *again = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &second);

    *out = NULL;
    if (once && json_equal(once, again))
        *out = json_incref(once);
    else if (!once && !again && first.text[0] != '\0' && first.position == second.position &&
             strcmp(first.text, second.text) == 0)
        status = vis_fail(err, VISEME_ERR_MODEL, "%s: %s is not valid JSON at byte %d (%s)", file,
                          part, first.position, first.text);
    else
        status = vis_fail_nomem(err, bytes);
    json_decref(once);
    json_decref(again);
    return status;
}
