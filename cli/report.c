#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/json_line.h"
#include "cli/progress.h"
#include "io/digest.h"
#include "io/output.h"

struct vis_report {
    struct vis_output *output;
    FILE *to;
    json_t *object, *inputs; /* `inputs` belongs to `object` */
    double started;
};

static viseme_status fail_memory(viseme_error *err)
{
    return vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the report");
}

/* ---- What was asked for ------------------------------------------------------------------ */

static json_t *json_list(const struct vis_arg_list *list)
{
    json_t *array = json_array();
    for (int i = 0; i < list->count; i++)
        if (json_array_append_new(array, vis_json_text(list->items[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *json_setting(const struct vis_option *o, const void *settings)
{
    const void *field = (const char *)settings + o->offset;
    switch (o->kind) {
    case VIS_ARG_FLAG:
        return json_boolean(*(const int *)field);
    case VIS_ARG_INT:
        return json_integer(*(const int *)field);
    case VIS_ARG_REAL:
    case VIS_ARG_TIME:
        return vis_json_real(*(const double *)field);
    case VIS_ARG_CHOICE: {
        int i = *(const int *)field;
        return i < 0 ? json_null() : json_string(o->choices[i]);
    }
    case VIS_ARG_LIST:
        return json_list(field);
    case VIS_ARG_TEXT:
        break;
    }
    return vis_json_text(*(const char *const *)field);
}

static json_t *json_options(const struct vis_command *command, const void *settings)
{
    json_t *object = json_object();
    for (const struct vis_option *o = command->options; o->name; o++)
        if (json_object_set_new(object, o->name, json_setting(o, settings)) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

/* ---- The machine ------------------------------------------------------------------------- */

static json_t *json_now(void)
{
    char text[32] = "";
    struct tm utc;
    time_t now = time(NULL);
    if (gmtime_r(&now, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *json_machine(void)
{
    struct utsname name;
    if (uname(&name) != 0)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:I}", "system", name.sysname, "release", name.release,
                     "machine", name.machine, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

/* ---- Files ------------------------------------------------------------------------------- */

static json_t *json_digest(const struct vis_digest *d)
{
    char crc[9];
    snprintf(crc, sizeof crc, "%08x", d->crc32);
    return json_pack("{s:I, s:s, s:o}", "bytes", (json_int_t)d->bytes, "crc32", crc, "sha256",
                     d->sha256[0] ? json_string(d->sha256) : json_null());
}

viseme_status vis_report_note(struct vis_report *report, const char *key, json_t *value,
                              viseme_error *err)
{
    return json_object_set_new(report->object, key, value) == 0 ? VISEME_OK : fail_memory(err);
}

static viseme_status note_digest(struct vis_report *report, const char *key, const char *name,
                                 const struct vis_digest *digest, viseme_error *err)
{
    json_t *file = json_digest(digest);
    if (json_object_set_new(file, "name", vis_json_text(name)) != 0) {
        json_decref(file);
        return fail_memory(err);
    }
    return vis_report_note(report, key, file, err);
}

viseme_status vis_report_file(struct vis_report *report, const char *key, const char *path,
                              const char *given, viseme_error *err)
{
    struct vis_digest digest;
    const char *slash = strrchr(path, '/');
    viseme_status status = vis_digest_file(&digest, path, err);
    if (status != VISEME_OK)
        return status;
    return note_digest(report, key, given ? given : slash ? slash + 1 : path, &digest, err);
}

viseme_status vis_report_bytes(struct vis_report *report, const char *key, const void *bytes,
                               size_t size, const char *given, viseme_error *err)
{
    struct vis_digest digest;
    viseme_status status = vis_digest_bytes(&digest, bytes, size, err);
    return status == VISEME_OK ? note_digest(report, key, given, &digest, err) : status;
}

viseme_status vis_report_input(struct vis_report *report, const char *path, const json_t *result,
                               viseme_error *err)
{
    struct vis_digest digest;
    struct stat st;
    json_t *input = json_deep_copy(result), *file = NULL;
    /* A file that cannot be read has its reason in `result` already. */
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        vis_digest_file(&digest, path, NULL) == VISEME_OK)
        file = json_digest(&digest);
    else
        file = json_null();
    json_object_del(input, "schema");
    json_object_del(input, "model"); /* the report's own, without places of this machine */
    if (json_object_set_new(input, "file", file) != 0) {
        json_decref(input);
        return fail_memory(err);
    }
    return json_array_append_new(report->inputs, input) == 0 ? VISEME_OK : fail_memory(err);
}

/* ---- From the start to the end ----------------------------------------------------------- */

viseme_status vis_report_open(struct vis_report **out, const char *path,
                              const struct vis_command *command, const void *settings,
                              viseme_error *err)
{
    struct vis_report *r = calloc(1, sizeof *r);
    viseme_status status;
    *out = NULL;
    if (!r)
        return vis_fail_nomem(err, sizeof *r);
    r->started = vis_clock_s();
    r->object =
        json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:[]}", "schema", VIS_JSON_SCHEMA, "command",
                  command->name, "created", json_now(), "versions", vis_versions_json(), "machine",
                  json_machine(), "options", json_options(command, settings), "inputs");
    r->inputs = json_object_get(r->object, "inputs");
    status = r->inputs ? vis_output_open(&r->output, path, &r->to, err) : fail_memory(err);
    if (status != VISEME_OK) {
        vis_report_abort(r);
        return status;
    }
    *out = r;
    return VISEME_OK;
}

viseme_status vis_report_commit(struct vis_report *r, int exit_code, viseme_error *err)
{
    struct rusage used = {0};
    viseme_status status;
    getrusage(RUSAGE_SELF, &used);
    json_t *usage = json_pack("{s:f, s:f, s:I}", "total_s", vis_clock_s() - r->started, "cpu_s",
                              seconds_of(&used.ru_utime) + seconds_of(&used.ru_stime),
                              "peak_rss_bytes", (json_int_t)used.ru_maxrss * 1024);
    status = vis_report_note(r, "usage", usage, err);
    if (status == VISEME_OK)
        status = vis_report_note(r, "exit_code", json_integer(exit_code), err);
    if (status == VISEME_OK) {
        if (json_dumpf(r->object, r->to, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0 &&
            !ferror(r->to))
            status = fail_memory(err);
        fputc('\n', r->to);
    }
    if (status == VISEME_OK) {
        status = vis_output_commit(r->output, err);
        r->output = NULL;
    }
    vis_report_abort(r);
    return status;
}

void vis_report_abort(struct vis_report *r)
{
    if (!r)
        return;
    vis_output_abort(r->output);
    json_decref(r->object);
    free(r);
}
