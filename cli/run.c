/* viseme run: any network on named tensors from .npy files. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "io/npy.h"

enum { MAX_TENSORS = 64 };

struct settings {
    struct vis_arg_list inputs, outputs;
    int threads, cpu, gemm, profile, repeat, json;
};

/* One NAME=FILE of the command line. */
struct binding {
    char *name; /* owned */
    const char *file;
};

struct job {
    struct settings set;
    const char *path;
    viseme_model *model;
    viseme_session *session;
    struct binding in[MAX_TENSORS], out[MAX_TENSORS];
    struct vis_npy arrays[MAX_TENSORS];
    viseme_tensor tensors[MAX_TENSORS]; /* of the inputs */
    double *seconds;                    /* [repeat] sorted after the runs */
    int to_stdout;                      /* 1: a tensor goes to standard output, so no listing */
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {'i', "input", "NAME=FILE",
     "an input tensor, float32 in the axis order of the original\n"
     "network; give every input once, of networks of several parts\n"
     "those of the parts wanted",
     VIS_ARG_LIST, FIELD(inputs), 0, 0, NULL},
    {'o', "output", "NAME=FILE", "write an output tensor as .npy; - is standard output",
     VIS_ARG_LIST, FIELD(outputs), 0, 0, NULL},
    {'t', "threads", "N", "threads; 0: one per CPU (default). Never changes a result", VIS_ARG_INT,
     FIELD(threads), 0, 256, NULL},
    {0, "cpu", "LEVEL", "c, avx2 or avx512; otherwise $VISEME_CPU, or the best there is",
     VIS_ARG_CHOICE, FIELD(cpu), 0, 0, vis_cpu_choices},
    {0, "gemm", "WHO", "who multiplies matrices: native (default) or blas", VIS_ARG_CHOICE,
     FIELD(gemm), 0, 0, vis_gemm_choices},
    {0, "profile", NULL, "print what each node cost in the last run on standard error",
     VIS_ARG_FLAG, FIELD(profile), 0, 0, NULL},
    {0, "repeat", "N", "run N times and print the fastest and the median time (default 1)",
     VIS_ARG_INT, FIELD(repeat), 1, 100000, NULL},
    {0, "json", NULL, "one JSON object instead of the list", VIS_ARG_FLAG, FIELD(json), 0, 0, NULL},
    {0}};

static const char details[] =
    "Prints one line for each output of the network: its name, its shape, the range of its\n"
    "values and the file it went to. A name that does not exist is answered with those that\n"
    "do.\n";

/* ---- What the command line binds --------------------------------------------------------- */

static viseme_status bind(struct binding *to, const struct vis_arg_list *from, const char *option,
                          viseme_error *err)
{
    if (from->count > MAX_TENSORS)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "run: more than %d times --%s", MAX_TENSORS,
                        option);
    for (int i = 0; i < from->count; i++) {
        const char *text = from->items[i], *equals = strchr(text, '=');
        if (!equals || equals == text || equals[1] == '\0')
            return vis_fail(err, VISEME_ERR_ARGUMENT, "run: --%s wants NAME=FILE, not '%s'", option,
                            text);
        to[i].file = equals + 1;
        to[i].name = strndup(text, (size_t)(equals - text));
        if (!to[i].name)
            return vis_fail_nomem(err, (size_t)(equals - text) + 1);
        for (int k = 0; k < i; k++)
            if (strcmp(to[k].name, to[i].name) == 0)
                return vis_fail(err, VISEME_ERR_ARGUMENT, "run: --%s %s is there twice", option,
                                to[i].name);
    }
    return VISEME_OK;
}

static viseme_status bind_all(struct job *job, viseme_error *err)
{
    viseme_status status = bind(job->in, &job->set.inputs, "input", err);
    if (status == VISEME_OK)
        status = bind(job->out, &job->set.outputs, "output", err);
    if (status != VISEME_OK)
        return status;
    for (int i = 0; i < job->set.outputs.count; i++)
        job->to_stdout += strcmp(job->out[i].file, "-") == 0;
    if (job->to_stdout > 1 || (job->to_stdout && job->set.json))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "run: standard output takes one tensor, or the JSON, not both");
    return VISEME_OK;
}

typedef const char *name_fn(const viseme_session *session, size_t i);

/* Checks that `name` is among the names that `get` lists. */
static viseme_status check_name(const struct job *job, name_fn *get, size_t count, const char *kind,
                                const char *name, viseme_error *err)
{
    char known[256] = "";
    for (size_t i = 0; i < count; i++) {
        const char *other = get(job->session, i);
        if (strcmp(other, name) == 0)
            return VISEME_OK;
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", other);
    }
    return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: the network has no %s '%s'; it has %s",
                    job->path, kind, name, known);
}

static viseme_status check_names(const struct job *job, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    size_t ins = viseme_session_input_count(job->session);
    size_t outs = viseme_session_output_count(job->session);
    for (int i = 0; i < job->set.inputs.count && status == VISEME_OK; i++)
        status = check_name(job, viseme_session_input_name, ins, "input", job->in[i].name, err);
    for (int i = 0; i < job->set.outputs.count && status == VISEME_OK; i++)
        status = check_name(job, viseme_session_output_name, outs, "output", job->out[i].name, err);
    if (status == VISEME_OK && job->set.inputs.count == 0) {
        const char *name = viseme_session_input_name(job->session, 0);
        status = vis_fail(err, VISEME_ERR_ARGUMENT, "%s: the input '%s' is missing: -i %s=FILE",
                          job->path, name, name);
    }
    return status; /* whether those given are enough is for the network to say */
}

static viseme_status load_inputs(struct job *job, viseme_error *err)
{
    for (int i = 0; i < job->set.inputs.count; i++) {
        viseme_status status = vis_npy_read(&job->arrays[i], job->in[i].file, err);
        if (status != VISEME_OK)
            return status;
        job->tensors[i] = (viseme_tensor){
            .name = job->in[i].name, .rank = job->arrays[i].rank, .data = job->arrays[i].data};
        memcpy(job->tensors[i].shape, job->arrays[i].shape, sizeof job->tensors[i].shape);
    }
    return VISEME_OK;
}

/* ---- Results ----------------------------------------------------------------------------- */

struct range {
    double low, high; /* of the finite elements */
    int64_t elements, not_finite;
};

static struct range measure(const viseme_tensor *t)
{
    struct range r = {INFINITY, -INFINITY, 1, 0};
    for (int d = 0; d < t->rank; d++)
        r.elements *= t->shape[d];
    for (int64_t i = 0; i < r.elements; i++) {
        double x = (double)t->data[i];
        if (!isfinite(x)) {
            r.not_finite++;
            continue;
        }
        r.low = x < r.low ? x : r.low;
        r.high = x > r.high ? x : r.high;
    }
    return r;
}

/* The file that an output is written to, or NULL. */
static const char *file_of(const struct job *job, const char *name)
{
    for (int i = 0; i < job->set.outputs.count; i++)
        if (strcmp(job->out[i].name, name) == 0)
            return job->out[i].file;
    return NULL;
}

static void print_output(const struct job *job, const viseme_tensor *t)
{
    struct range r = measure(t);
    const char *file = file_of(job, t->name);
    printf("%s [", t->name);
    for (int d = 0; d < t->rank; d++)
        printf("%s%lld", d ? " " : "", (long long)t->shape[d]);
    printf("]");
    if (r.not_finite < r.elements)
        printf(" from %.6g to %.6g", r.low, r.high);
    if (r.not_finite > 0)
        printf(", %lld elements not finite", (long long)r.not_finite);
    printf("%s%s\n", file ? " -> " : "", file ? file : "");
}

static json_t *json_output(const struct job *job, const viseme_tensor *t)
{
    struct range r = measure(t);
    json_t *shape = json_array();
    for (int d = 0; shape && d < t->rank; d++)
        if (json_array_append_new(shape, json_integer(t->shape[d])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "name", vis_json_text(t->name), "shape",
                     shape, "min", vis_json_real(r.low), "max", vis_json_real(r.high), "not_finite",
                     (json_int_t)r.not_finite, "file", vis_json_text(file_of(job, t->name)));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static viseme_status print_results(const struct job *job, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    json_t *outputs = json_array();
    size_t count = viseme_session_output_count(job->session);
    for (size_t i = 0; i < count && status == VISEME_OK; i++) {
        viseme_tensor t;
        if (viseme_session_output(job->session, viseme_session_output_name(job->session, i), &t,
                                  NULL) != VISEME_OK)
            continue; /* of a part of the network that had no input */
        if (!job->set.json)
            print_output(job, &t);
        else if (json_array_append_new(outputs, json_output(job, &t)) != 0)
            status = vis_fail(err, VISEME_ERR_NOMEM, "out of memory while writing JSON");
    }
    double fastest = job->seconds[0], median = job->seconds[job->set.repeat / 2];
    if (status != VISEME_OK || !job->set.json) {
        json_decref(outputs);
        if (status == VISEME_OK && job->set.repeat > 1)
            printf("%d runs: fastest %.3f ms, median %.3f ms\n", job->set.repeat, 1e3 * fastest,
                   1e3 * median);
        return status;
    }
    return vis_json_write(
        stdout,
        json_pack("{s:i, s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:s, s:s}", "schema", VIS_JSON_SCHEMA,
                  "status", "ok", "model", vis_json_text(job->path), "arch",
                  vis_json_text(viseme_model_metadata(job->model, "viseme.arch")), "outputs",
                  outputs, "runs", job->set.repeat, "fastest_s", vis_json_real(fastest), "median_s",
                  vis_json_real(median), "cpu", viseme_cpu_name(viseme_model_cpu(job->model)),
                  "gemm", vis_gemm_choices[job->set.gemm]),
        err);
}

static viseme_status write_outputs(const struct job *job, viseme_error *err)
{
    for (int i = 0; i < job->set.outputs.count; i++) {
        viseme_tensor t;
        viseme_status status = viseme_session_output(job->session, job->out[i].name, &t, err);
        if (status == VISEME_OK)
            status = vis_npy_write(job->out[i].file, t.rank, t.shape, t.data, err);
        if (status != VISEME_OK)
            return status;
    }
    return VISEME_OK;
}

/* ---- The command ------------------------------------------------------------------------- */

static viseme_status run_job(struct job *job, viseme_error *err)
{
    const viseme_model_options model_options = {.cpu = (viseme_cpu)(job->set.cpu + 1),
                                                .gemm = (viseme_gemm)job->set.gemm,
                                                .threads = job->set.threads};
    const viseme_session_options session_options = {.threads = job->set.threads};
    viseme_status status = bind_all(job, err);
    if (status == VISEME_OK)
        status = viseme_model_open(&job->model, job->path, &model_options, err);
    if (status == VISEME_OK)
        status = viseme_session_open(&job->session, job->model, &session_options, err);
    if (status == VISEME_OK)
        status = check_names(job, err);
    if (status == VISEME_OK)
        status = load_inputs(job, err);
    if (status != VISEME_OK)
        return status;
    size_t bytes = (size_t)job->set.repeat * sizeof *job->seconds;
    job->seconds = malloc(bytes);
    if (!job->seconds)
        return vis_fail_nomem(err, bytes);
    for (int i = 0; i < job->set.repeat && status == VISEME_OK; i++) {
        double before = vis_clock_s();
        status = viseme_session_run(job->session, job->tensors, (size_t)job->set.inputs.count, err);
        job->seconds[i] = vis_clock_s() - before;
    }
    if (status != VISEME_OK)
        return status;
    qsort(job->seconds, (size_t)job->set.repeat, sizeof *job->seconds, by_value);
    if (job->set.profile)
        vis_profile_print(stderr, job->session, job->model);
    status = write_outputs(job, err);
    if (status == VISEME_OK && !job->to_stdout)
        status = print_results(job, err);
    return status;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct job *job = calloc(1, sizeof *job);
    struct vis_arg_list operands;
    viseme_error err;
    int help, code = VIS_EXIT_DONE;
    if (!job) {
        vis_fail_nomem(&err, sizeof *job);
        return vis_exit_with(&err);
    }
    job->set.cpu = -1;
    job->set.repeat = 1;
    if (vis_args_parse(self, argc, argv, &job->set, &operands, &help, &err) != VISEME_OK) {
        code = vis_exit_with(&err);
    } else if (help) {
        vis_args_help(stdout, self);
    } else {
        job->path = operands.items[0];
        if (run_job(job, &err) != VISEME_OK)
            code = vis_exit_with(&err);
    }
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(job->in[i].name);
        free(job->out[i].name);
        vis_npy_free(&job->arrays[i]);
    }
    viseme_session_close(job->session);
    viseme_model_close(job->model);
    free(job->seconds);
    vis_args_free(self, &job->set, &operands);
    free(job);
    return code;
}

const struct vis_command vis_cmd_run = {
    "run", "MODEL", "Run a network on tensors from .npy files", details, options, 1, 1, run};
