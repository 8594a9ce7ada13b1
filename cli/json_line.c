#include "cli/json_line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/errors.h"

json_t *vis_json_text(const char *s)
{
    static const char unknown[] = "\xEF\xBF\xBD";
    if (!s)
        return json_null();
    const char *end = s + strlen(s);
    char *clean = malloc(3 * (size_t)(end - s) + 1), *to = clean;
    if (!clean)
        return NULL;
    while (s < end) {
        size_t n = vis_utf8_decode(s, (size_t)(end - s), NULL);
        memcpy(to, n ? s : unknown, n ? n : 3);
        to += n ? n : 3;
        s += n ? n : 1;
    }
    json_t *text = json_stringn(clean, (size_t)(to - clean));
    free(clean);
    return text;
}

json_t *vis_json_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *vis_json_failure(const char *input, const viseme_error *err)
{
    return json_pack("{s:i, s:s, s:o, s:s, s:o}", "schema", VIS_JSON_SCHEMA, "status", "error",
                     "input", vis_json_text(input), "error", vis_status_name(err->status), "reason",
                     vis_json_text(err->message));
}

viseme_status vis_json_write(FILE *to, json_t *object, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (!object)
        return vis_fail(err, VISEME_ERR_NOMEM, "out of memory while writing JSON");
    /* Twelve digits keep every double that we print apart without the noise of the last bits. */
    if (json_dumpf(object, to, JSON_COMPACT | JSON_REAL_PRECISION(12)) != 0 ||
        fputc('\n', to) == EOF)
        status = vis_fail(err, VISEME_ERR_OUTPUT, "the result cannot be written");
    json_decref(object);
    return status;
}
