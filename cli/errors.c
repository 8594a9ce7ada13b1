#include "cli/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vis_exit_help =
    "Exit codes: 0 done, 1 internal error or output not written, 2 usage, 3 input unreadable,\n"
    "4 no face, 5 no audio, 6 model missing or damaged, 7 memory or size limit, 8 gate failed,\n"
    "9 some files of several failed, 130 interrupted, 143 terminated.\n";

int vis_exit_code(viseme_status status)
{
    switch (status) {
    case VISEME_OK:
        return VIS_EXIT_DONE;
    case VISEME_ERR_ARGUMENT:
        return VIS_EXIT_USAGE;
    case VISEME_ERR_INPUT:
        return VIS_EXIT_INPUT;
    case VISEME_ERR_NO_FACE:
        return VIS_EXIT_NO_FACE;
    case VISEME_ERR_NO_AUDIO:
        return VIS_EXIT_NO_AUDIO;
    case VISEME_ERR_MODEL:
        return VIS_EXIT_MODEL;
    case VISEME_ERR_LIMIT:
    case VISEME_ERR_NOMEM:
        return VIS_EXIT_LIMIT;
    case VISEME_ERR_OUTPUT:
    case VISEME_ERR_INTERNAL:
        break;
    }
    return VIS_EXIT_INTERNAL;
}

const char *vis_status_name(viseme_status status)
{
    static const char *const names[] = {"ok",    "argument", "input",  "no_face",  "model",
                                        "limit", "memory",   "output", "internal", "no_audio"};
    size_t i = (size_t)status;
    return i < sizeof names / sizeof names[0] ? names[i] : "internal";
}

void vis_complain(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        fputs("viseme: out of memory\n", stderr);
        return;
    }
    for (char *s = text; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            *s = '?';
    fprintf(stderr, "viseme: %s\n", text);
    free(text);
}

int vis_exit_with(const viseme_error *err)
{
    vis_complain("%s", err->message);
    return vis_exit_code(err->status);
}

void vis_name_error(viseme_error *err, const char *name)
{
    viseme_error plain = *err;
    size_t n = strlen(name);
    if (strncmp(plain.message, name, n) == 0 && plain.message[n] == ':')
        return;
    vis_fail(err, plain.status, "%s: %s", name, plain.message);
}
