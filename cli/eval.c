/* viseme eval: word and character error rates of readings against what was said. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/wer.h"
#include "io/file.h"

#define MAX_BYTES ((size_t)1 << 30)

static const char normalisation[] =
    "case-folded; punctuation dropped, apostrophes inside words kept; "
    "characters counted with one space between words";

struct settings {
    int json, stem;
};

static const struct vis_option options[] = {
    {0, "stem", NULL, "compare ids by file name alone: without folder and ending", VIS_ARG_FLAG,
     offsetof(struct settings, stem), 0, 0, NULL},
    {0, "json", NULL, "as one JSON object", VIS_ARG_FLAG, offsetof(struct settings, json), 0, 0,
     NULL},
    {0}};

static const char details[] =
    "REF and HYP are UTF-8 text files: one utterance a line, matched by line; or id, tab and\n"
    "utterance on every line, matched by id in any order. Both are case-folded (one code point\n"
    "to one, as in the locale C.UTF-8) and their punctuation is dropped; an apostrophe between\n"
    "two letters stays. S substitutions, D deletions and I insertions are summed over all\n"
    "utterances and divided by the N words or characters of REF.\n";

/* One line of a file. */
struct utterance {
    const char *id; /* "" in a file without ids */
    size_t id_bytes;
    const char *text;
    size_t bytes;
    size_t line; /* from 1 */
};

struct corpus {
    const char *path;
    void *data;
    struct utterance *items; /* [count]; sorted by id when there are ids */
    size_t count;
    int has_ids;
};

struct job {
    struct settings set;
    struct corpus ref, hyp;
    struct vis_normaliser *normaliser;
    struct vis_edits words, characters;
    uint64_t exact; /* utterances without an error */
};

/* ---- Files ------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct utterance *x = a, *y = b;
    size_t n = x->id_bytes < y->id_bytes ? x->id_bytes : y->id_bytes;
    int order = memcmp(x->id, y->id, n);
    if (order == 0)
        order = (x->id_bytes > y->id_bytes) - (x->id_bytes < y->id_bytes);
    return order;
}

static int by_id_then_line(const void *a, const void *b)
{
    const struct utterance *x = a, *y = b;
    int order = by_id(a, b);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* The file name's part of an id: after the last slash, before the last dot behind it. */
static void cut_to_stem(struct utterance *u)
{
    const char *start = memrchr(u->id, '/', u->id_bytes);
    if (start) {
        start++;
        u->id_bytes -= (size_t)(start - u->id);
        u->id = start;
    }
    const char *dot = memrchr(u->id, '.', u->id_bytes);
    if (dot && dot > u->id)
        u->id_bytes = (size_t)(dot - u->id);
}

/* Cuts one line, of `bytes` bytes without its end, at its tab. */
static viseme_status cut_line(struct corpus *c, const char *line, size_t bytes, int stem,
                              viseme_error *err)
{
    struct utterance *u = &c->items[c->count];
    const char *tab = memchr(line, '\t', bytes);
    size_t number = c->count + 1;
    if (c->count == 0)
        c->has_ids = tab != NULL;
    if (c->has_ids != (tab != NULL))
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s: line %zu has %s, unlike line 1; every line needs an id and a tab, "
                        "or none",
                        c->path, number, tab ? "a tab" : "no tab");
    *u = (struct utterance){"", 0, line, bytes, number};
    if (tab) {
        u->id = line;
        u->id_bytes = (size_t)(tab - line);
        u->text = tab + 1;
        u->bytes = bytes - u->id_bytes - 1;
        if (stem)
            cut_to_stem(u);
        if (u->id_bytes == 0)
            return vis_fail(err, VISEME_ERR_INPUT, "%s: line %zu has an empty id", c->path, number);
    }
    c->count++;
    return VISEME_OK;
}

static viseme_status check_duplicates(const struct corpus *c, viseme_error *err)
{
    for (size_t i = 1; i < c->count; i++) {
        const struct utterance *a = &c->items[i - 1], *b = &c->items[i];
        if (by_id(a, b) == 0)
            return vis_fail(err, VISEME_ERR_INPUT, "%s: the id '%.*s' is on lines %zu and %zu",
                            c->path, (int)(b->id_bytes < 200 ? b->id_bytes : 200), b->id, a->line,
                            b->line);
    }
    return VISEME_OK;
}

static viseme_status load(struct corpus *c, const char *path, int stem, viseme_error *err)
{
    size_t size = 0, lines = 1;
    c->path = path;
    viseme_status status = vis_file_read(&c->data, &size, path, MAX_BYTES, err);
    if (status != VISEME_OK)
        return status;
    const char *at = c->data, *end = at + size;
    if (size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3; /* a byte order mark */
    for (const char *s = at; s < end; s++)
        lines += *s == '\n';
    c->items = malloc(lines * sizeof *c->items);
    if (!c->items)
        return vis_fail_nomem(err, lines * sizeof *c->items);
    while (at < end && status == VISEME_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((stop ? stop : end) - at);
        status = cut_line(c, at, bytes > 0 && at[bytes - 1] == '\r' ? bytes - 1 : bytes, stem, err);
        at += bytes + 1;
    }
    if (status == VISEME_OK && c->has_ids) {
        qsort(c->items, c->count, sizeof *c->items, by_id_then_line);
        status = check_duplicates(c, err);
    }
    return status;
}

/* Names up to three ids of `a` that `b` lacks; both are sorted. */
static viseme_status check_missing(const struct corpus *a, const struct corpus *b,
                                   viseme_error *err)
{
    char names[200] = "";
    size_t missing = 0, k = 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct utterance *u = &a->items[i];
        while (k < b->count && by_id(&b->items[k], u) < 0)
            k++;
        if (k < b->count && by_id(&b->items[k], u) == 0)
            continue;
        size_t n = strlen(names);
        if (++missing <= 3)
            snprintf(names + n, sizeof names - n, "%s%.*s", missing > 1 ? ", " : "",
                     (int)(u->id_bytes < 60 ? u->id_bytes : 60), u->id);
    }
    if (missing == 0)
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_INPUT, "%s: %zu of the %zu ids of %s are missing: %s%s",
                    b->path, missing, a->count, a->path, names, missing > 3 ? ", ..." : "");
}

static viseme_status check_match(const struct corpus *ref, const struct corpus *hyp,
                                 viseme_error *err)
{
    if (ref->count == 0)
        return vis_fail(err, VISEME_ERR_INPUT, "%s: no utterance in it", ref->path);
    if (hyp->count > 0 && ref->has_ids != hyp->has_ids)
        return vis_fail(err, VISEME_ERR_INPUT, "%s has ids and %s has none",
                        ref->has_ids ? ref->path : hyp->path, ref->has_ids ? hyp->path : ref->path);
    if (!ref->has_ids && ref->count != hyp->count)
        return vis_fail(err, VISEME_ERR_INPUT, "%s has %zu lines and %s has %zu", ref->path,
                        ref->count, hyp->path, hyp->count);
    viseme_status status = VISEME_OK;
    if (ref->has_ids)
        status = check_missing(ref, hyp, err);
    if (ref->has_ids && status == VISEME_OK)
        status = check_missing(hyp, ref, err);
    return status;
}

/* ---- Counting ---------------------------------------------------------------------------- */

static viseme_status normalise(struct vis_words *out, const struct job *job, const struct corpus *c,
                               size_t i, viseme_error *err)
{
    const struct utterance *u = &c->items[i];
    viseme_error why;
    viseme_status status = vis_normalise(out, job->normaliser, u->text, u->bytes, &why);
    if (status != VISEME_OK)
        vis_fail(err, status, "%s: line %zu: %s", c->path, u->line, why.message);
    return status;
}

static viseme_status count_one(struct job *job, size_t i, viseme_error *err)
{
    struct vis_words ref = {NULL, 0}, hyp = {NULL, 0};
    struct vis_edits characters = {0, 0, 0, 0};
    viseme_status status = normalise(&ref, job, &job->ref, i, err);
    if (status == VISEME_OK)
        status = normalise(&hyp, job, &job->hyp, i, err);
    if (status == VISEME_OK)
        status = vis_count_words(&job->words, &ref, &hyp, err);
    if (status == VISEME_OK)
        status = vis_count_characters(&characters, &ref, &hyp, err);
    job->characters.substitutions += characters.substitutions;
    job->characters.deletions += characters.deletions;
    job->characters.insertions += characters.insertions;
    job->characters.reference += characters.reference;
    job->exact += !(characters.substitutions || characters.deletions || characters.insertions);
    vis_words_free(&ref);
    vis_words_free(&hyp);
    return status;
}

/* ---- Results ----------------------------------------------------------------------------- */

static void print_rate(const char *name, const struct vis_edits *e, const char *unit)
{
    double rate = vis_error_rate(e);
    printf("%s ", name);
    if (rate < 0)
        printf("undefined");
    else
        printf("%.2f %%", 100 * rate);
    printf("  (S %" PRIu64 ", D %" PRIu64 ", I %" PRIu64 ", N %" PRIu64 " %s)\n", e->substitutions,
           e->deletions, e->insertions, e->reference, unit);
}

static json_t *json_edits(const struct vis_edits *e)
{
    double rate = vis_error_rate(e);
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I}", "error_rate", rate < 0 ? json_null() : vis_json_real(rate),
        "substitutions", (json_int_t)e->substitutions, "deletions", (json_int_t)e->deletions,
        "insertions", (json_int_t)e->insertions, "reference", (json_int_t)e->reference);
}

static viseme_status print_results(const struct job *job, viseme_error *err)
{
    if (job->set.json)
        return vis_json_write(
            stdout,
            json_pack("{s:i, s:s, s:I, s:I, s:o, s:o, s:s}", "schema", VIS_JSON_SCHEMA, "status",
                      "ok", "utterances", (json_int_t)job->ref.count, "exact",
                      (json_int_t)job->exact, "words", json_edits(&job->words), "characters",
                      json_edits(&job->characters), "normalisation", normalisation),
            err);
    print_rate("WER", &job->words, "words");
    print_rate("CER", &job->characters, "characters");
    printf("%zu utterances, %" PRIu64 " without an error, matched by %s\n%s\n", job->ref.count,
           job->exact, job->ref.has_ids ? "id" : "line", normalisation);
    return VISEME_OK;
}

/* ---- The command ------------------------------------------------------------------------- */

static viseme_status evaluate(struct job *job, const char *ref, const char *hyp, viseme_error *err)
{
    viseme_status status = load(&job->ref, ref, job->set.stem, err);
    if (status == VISEME_OK)
        status = load(&job->hyp, hyp, job->set.stem, err);
    if (status == VISEME_OK)
        status = check_match(&job->ref, &job->hyp, err);
    if (status == VISEME_OK)
        status = vis_normaliser_open(&job->normaliser, err);
    for (size_t i = 0; i < job->ref.count && status == VISEME_OK; i++)
        status = count_one(job, i, err);
    return status == VISEME_OK ? print_results(job, err) : status;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct job job = {.set = {0, 0}};
    struct vis_arg_list operands;
    viseme_error err, ignored;
    int help, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, &job.set, &operands, &help, &err);
    if (status != VISEME_OK) {
        code = vis_exit_with(&err);
    } else if (help) {
        vis_args_help(stdout, self);
    } else if (evaluate(&job, operands.items[0], operands.items[1], &err) != VISEME_OK) {
        code = vis_exit_with(&err);
        if (job.set.json && err.status != VISEME_ERR_OUTPUT)
            vis_json_write(stdout, vis_json_failure(NULL, &err), &ignored);
    }
    vis_normaliser_close(job.normaliser);
    free(job.ref.items);
    free(job.hyp.items);
    free(job.ref.data);
    free(job.hyp.data);
    vis_args_free(self, &job.set, &operands);
    return code;
}

const struct vis_command vis_cmd_eval = {
    "eval", "REF HYP", "Word and character error rates of readings", details, options, 2, 2, run};
