/* How the program ends: exit codes, and lines about what went wrong on standard error. */
#ifndef VIS_CLI_ERRORS_H
#define VIS_CLI_ERRORS_H

#include "base/error.h"

enum vis_exit {
    VIS_EXIT_DONE = 0,
    VIS_EXIT_INTERNAL = 1, /* a defect of viseme, or an output that cannot be written */
    VIS_EXIT_USAGE = 2,
    VIS_EXIT_INPUT = 3,   /* unreadable, damaged or unsupported */
    VIS_EXIT_NO_FACE = 4, /* nowhere in the input */
    VIS_EXIT_NO_AUDIO = 5,
    VIS_EXIT_MODEL = 6, /* missing, damaged, wrong kind */
    VIS_EXIT_LIMIT = 7, /* memory or size */
    VIS_EXIT_GATE = 8,  /* a threshold that was asked for is not met */
    VIS_EXIT_BATCH = 9  /* some files of several failed */
};

/* The list of exit codes, for the help text. */
extern const char *const vis_exit_help;

int vis_exit_code(viseme_status status);

/* "input", "no_face" ...: what JSON calls a status. Static storage. */
const char *vis_status_name(viseme_status status);

/* Prints "viseme: ..." and a newline on standard error; control characters become '?'. The text
 * may have any length. */
void vis_complain(const char *format, ...) VIS_PRINTF(1, 2);

/* Prints the error and returns its exit code. */
int vis_exit_with(const viseme_error *err);

/* The same sentence with "name: " before it, where it does not start so already. */
void vis_name_error(viseme_error *err, const char *name);

#endif
