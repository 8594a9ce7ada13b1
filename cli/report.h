/* The file behind --report: everything needed to know what a run did and with what, as one JSON
 * object. docs/report.md describes its keys. */
#ifndef VIS_CLI_REPORT_H
#define VIS_CLI_REPORT_H

#include <jansson.h>

#include "cli/args.h"

struct vis_report;

/* Opens the output, so that a path that cannot be written is known before the work. The command
 * and its settings go into the report as "command" and "options". *out is NULL on failure.
 * Returns VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_report_open(struct vis_report **out, const char *path,
                              const struct vis_command *command, const void *settings,
                              viseme_error *err);

/* Notes a file that all inputs share, such as the weights, as `key`. given: as the user named it;
 * NULL: it was found, and only the last part of `path` is told.
 * Returns VISEME_OK, VISEME_ERR_INPUT or VISEME_ERR_NOMEM. */
viseme_status vis_report_file(struct vis_report *report, const char *key, const char *path,
                              const char *given, viseme_error *err);

/* The same for something that was read already; given: as the user named it, or NULL. */
viseme_status vis_report_bytes(struct vis_report *report, const char *key, const void *bytes,
                               size_t size, const char *given, viseme_error *err);

/* Adds a note of the run, whose reference it takes; NULL is out of memory. */
viseme_status vis_report_note(struct vis_report *report, const char *key, json_t *value,
                              viseme_error *err);

/* Adds an input: what `result` (borrowed) says of it, but for the file of the model, and its size
 * and digests where `path` is a regular file. Returns VISEME_OK or VISEME_ERR_NOMEM. */
viseme_status vis_report_input(struct vis_report *report, const char *path, const json_t *result,
                               viseme_error *err);

/* Completes the report with what the run has used, writes it and frees `report`.
 * Returns VISEME_OK, VISEME_ERR_OUTPUT or VISEME_ERR_NOMEM. */
viseme_status vis_report_commit(struct vis_report *report, int exit_code, viseme_error *err);
/* Throws it away. NULL is allowed. */
void vis_report_abort(struct vis_report *report);

/* The versions of viseme and of the libraries it runs with, in cli/version.c; NULL when out of
 * memory. */
json_t *vis_versions_json(void);

#endif
