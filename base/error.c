#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages quote file names and tensor names, which may hold anything: keep them on one line and
 * never end inside a UTF-8 sequence. */
static void tidy(char *s, size_t size)
{
    size_t n = strlen(s);
    if (n == size - 1) { /* it may have been cut: drop an incomplete sequence at the end */
        size_t lead = n;
        while (lead > 0 && n - lead < 4 && ((unsigned char)s[lead - 1] & 0xC0) == 0x80)
            lead--;
        if (lead > 0) {
            unsigned char c = (unsigned char)s[lead - 1];
            size_t want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
            if (n - (lead - 1) < want)
                s[lead - 1] = '\0';
        }
    }
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            *s = '?';
}

viseme_status vis_fail(viseme_error *err, viseme_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        tidy(err->message, sizeof err->message);
    }
    return status;
}

viseme_status vis_fail_nomem(viseme_error *err, size_t bytes)
{
    return vis_fail(err, VISEME_ERR_NOMEM, "out of memory: %zu bytes could not be had", bytes);
}
