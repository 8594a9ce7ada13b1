/* viseme models: what is in a weights file, and whether it is whole. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"

struct settings {
    int json, verbose;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {0, "json", NULL, "as one JSON object", VIS_ARG_FLAG, FIELD(json), 0, 0, NULL},
    {'v', "verbose", NULL, "list the tensors too (JSON always does)", VIS_ARG_FLAG, FIELD(verbose),
     0, 0, NULL},
    {0}};

static const char details[] =
    "show     what the file says of itself: network, licence, origin, model card, sizes\n"
    "verify   read all of it: checksum, numbers that are not finite, and whether every tensor\n"
    "         fits the network the file names; a damaged file ends with code 6\n";

/* ---- show -------------------------------------------------------------------------------- */

struct sums {
    uint64_t tensors, parameters, bytes;
    struct {
        const char *dtype; /* the file's string */
        uint64_t tensors;
    } dtypes[8];
    int kinds;
};

static void add_tensor(struct sums *s, const viseme_weights_tensor *t)
{
    uint64_t elements = 1;
    int k = 0;
    for (int d = 0; d < t->rank; d++)
        elements *= (uint64_t)t->shape[d];
    s->tensors++;
    s->parameters += elements;
    s->bytes += t->bytes;
    while (k < s->kinds && strcmp(s->dtypes[k].dtype, t->dtype) != 0)
        k++;
    if (k == 8)
        return;
    if (k == s->kinds) {
        s->dtypes[s->kinds++].dtype = t->dtype;
        s->dtypes[k].tensors = 0;
    }
    s->dtypes[k].tensors++;
}

static struct sums sum_up(const viseme_weights *w)
{
    struct sums s = {0};
    for (size_t i = 0; i < viseme_weights_count(w); i++)
        add_tensor(&s, viseme_weights_tensor_at(w, i));
    return s;
}

/* An entry of the metadata that holds JSON; NULL: there is none, or it holds something else. */
static json_t *parsed_entry(const viseme_weights *w, const char *key)
{
    const char *text = viseme_weights_metadata(w, key);
    json_t *value = NULL;
    if (text)
        (void)vis_json_parse(&value, text, strlen(text), "", key, NULL);
    return value;
}

/* Entries of the vocabulary, a JSON array of strings; -1 when the file has none. */
static int vocabulary_size(const viseme_weights *w)
{
    json_t *list = parsed_entry(w, "viseme.vocab");
    int size = json_is_array(list) ? (int)json_array_size(list) : -1;
    json_decref(list);
    return size;
}

static void print_clean(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text);
}

static void print_shape(const viseme_weights_tensor *t)
{
    printf("%-5s [", t->dtype);
    for (int d = 0; d < t->rank; d++)
        printf("%s%" PRId64, d ? " " : "", t->shape[d]);
    printf("]\n");
}

/* The fields of the model card, in the order of the file. */
static void print_card(const viseme_weights *w)
{
    static const char prefix[] = "viseme.card.";
    const char *key, *value;
    for (size_t i = 0; viseme_weights_metadata_at(w, i, &key, &value); i++) {
        if (strncmp(key, prefix, sizeof prefix - 1) != 0)
            continue;
        printf("card        ");
        print_clean(key + sizeof prefix - 1);
        printf(": ");
        print_clean(value);
        putchar('\n');
    }
}

static void show_text(const viseme_weights *w, const char *path, int verbose)
{
    static const char *const keys[][2] = {
        {"network", "viseme.arch"},       {"config", "viseme.config"},
        {"licence", "viseme.license"},    {"source", "viseme.source"},
        {"made by", "viseme.created_by"}, {"format", "viseme.format"},
        {"checksum", "viseme.crc32"}};
    struct sums s = sum_up(w);
    int vocabulary = vocabulary_size(w);
    printf("file        %s\n", path);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = viseme_weights_metadata(w, keys[i][1]);
        printf("%-11s ", keys[i][0]);
        print_clean(value ? value : "(not stated)");
        putchar('\n');
    }
    print_card(w);
    if (vocabulary >= 0)
        printf("vocabulary  %d entries\n", vocabulary);
    printf("tensors     %" PRIu64 " (", s.tensors);
    for (int k = 0; k < s.kinds; k++)
        printf("%s%" PRIu64 " %s", k ? ", " : "", s.dtypes[k].tensors, s.dtypes[k].dtype);
    printf(")\nparameters  %" PRIu64 "\nbytes       %" PRIu64 "\n", s.parameters, s.bytes);
    for (size_t i = 0; verbose && i < viseme_weights_count(w); i++) {
        const viseme_weights_tensor *t = viseme_weights_tensor_at(w, i);
        printf("  ");
        print_clean(t->name);
        printf("  ");
        print_shape(t);
    }
}

static json_t *json_tensors(const viseme_weights *w)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < viseme_weights_count(w); i++) {
        const viseme_weights_tensor *t = viseme_weights_tensor_at(w, i);
        json_t *shape = json_array();
        for (int d = 0; d < t->rank; d++)
            json_array_append_new(shape, json_integer(t->shape[d]));
        json_t *one = json_pack("{s:o, s:s, s:o, s:I}", "name", vis_json_text(t->name), "dtype",
                                t->dtype, "shape", shape, "bytes", (json_int_t)t->bytes);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Every entry of the metadata as the file has it, strings all. */
static json_t *json_metadata(const viseme_weights *w)
{
    json_t *all = json_object();
    const char *key, *value;
    for (size_t i = 0; all && viseme_weights_metadata_at(w, i, &key, &value); i++)
        if (json_object_set_new(all, key, vis_json_text(value)) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

static json_t *json_show(const viseme_weights *w, const char *path)
{
    struct sums s = sum_up(w);
    const char *config = viseme_weights_metadata(w, "viseme.config");
    int vocabulary = vocabulary_size(w);
    json_t *parsed = parsed_entry(w, "viseme.config");
    json_t *dtypes = json_object();
    for (int k = 0; k < s.kinds; k++)
        json_object_set_new(dtypes, s.dtypes[k].dtype,
                            json_integer((json_int_t)s.dtypes[k].tensors));
    return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}",
                     "schema", VIS_JSON_SCHEMA, "status", "ok", "file", vis_json_text(path), "arch",
                     vis_json_text(viseme_weights_metadata(w, "viseme.arch")), "licence",
                     vis_json_text(viseme_weights_metadata(w, "viseme.license")), "source",
                     vis_json_text(viseme_weights_metadata(w, "viseme.source")), "created_by",
                     vis_json_text(viseme_weights_metadata(w, "viseme.created_by")), "config",
                     parsed ? parsed : vis_json_text(config), "vocabulary_size",
                     vocabulary >= 0 ? json_integer(vocabulary) : json_null(), "parameters",
                     (json_int_t)s.parameters, "bytes", (json_int_t)s.bytes, "dtypes", dtypes,
                     "metadata", json_metadata(w), "tensors", json_tensors(w));
}

static viseme_status show(const struct settings *set, const char *path, viseme_error *err)
{
    viseme_weights *w = NULL;
    viseme_status status = viseme_weights_open(&w, path, err);
    if (status != VISEME_OK)
        return status;
    if (set->json)
        status = vis_json_write(stdout, json_show(w, path), err);
    else
        show_text(w, path, set->verbose);
    viseme_weights_close(w);
    return status;
}

/* ---- verify ------------------------------------------------------------------------------ */

static viseme_status check_network(const char *path, viseme_error *err)
{
    viseme_model *model = NULL;
    viseme_status status = viseme_model_open(&model, path, NULL, err);
    viseme_model_close(model);
    return status;
}

static void print_check(const char *path, const char *arch, const viseme_weights_check *c)
{
    if (!c->has_checksum)
        printf("%s: CRC-32 %08" PRIx32 ", and the file states none to compare with", path,
               c->crc32);
    else
        printf("%s: CRC-32 %08" PRIx32 " %s", path, c->crc32,
               c->checksum_matches ? "matches" : "does not match");
    printf("; %" PRIu64 " NaN, %" PRIu64 " Inf", c->nan_count, c->inf_count);
    if (arch)
        printf("; every tensor fits %s", arch);
    putchar('\n');
}

static viseme_status verify(const struct settings *set, const char *path, viseme_error *err)
{
    viseme_weights *w = NULL;
    viseme_weights_check c = {0};
    viseme_status status = viseme_weights_open(&w, path, err);
    const char *arch = w ? viseme_weights_metadata(w, "viseme.arch") : NULL;
    if (status == VISEME_OK)
        status = viseme_weights_verify(w, &c, err);
    if (status == VISEME_OK && arch)
        status = check_network(path, err);
    if (status == VISEME_OK && set->json)
        status = vis_json_write(
            stdout,
            json_pack("{s:i, s:s, s:o, s:o, s:b, s:I, s:I, s:I}", "schema", VIS_JSON_SCHEMA,
                      "status", "ok", "file", vis_json_text(path), "arch", vis_json_text(arch),
                      "has_checksum", c.has_checksum, "crc32", (json_int_t)c.crc32, "nan_count",
                      (json_int_t)c.nan_count, "inf_count", (json_int_t)c.inf_count),
            err);
    else if (status == VISEME_OK)
        print_check(path, arch, &c);
    viseme_weights_close(w);
    return status;
}

/* ---- The command ------------------------------------------------------------------------- */

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {0};
    struct vis_arg_list operands;
    viseme_error err;
    int help, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, &set, &operands, &help, &err);
    if (status == VISEME_OK && help) {
        vis_args_help(stdout, self);
    } else if (status == VISEME_OK) {
        const char *what = operands.items[0], *path = operands.items[1];
        if (strcmp(what, "show") == 0)
            status = show(&set, path, &err);
        else if (strcmp(what, "verify") == 0)
            status = verify(&set, path, &err);
        else
            status = vis_fail(&err, VISEME_ERR_ARGUMENT,
                              "models: '%s' is neither show nor verify; usage: viseme models %s",
                              what, self->operands);
        if (status != VISEME_OK && status != VISEME_ERR_ARGUMENT && set.json) {
            viseme_error ignored;
            vis_json_write(stdout, vis_json_failure(path, &err), &ignored);
        }
    }
    if (status != VISEME_OK)
        code = vis_exit_with(&err);
    vis_args_free(self, &set, &operands);
    return code;
}

const struct vis_command vis_cmd_models = {
    "models", "show|verify FILE", "Show or verify a weights file", details, options, 2, 2, run};
