#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parse {
    const struct vis_command *command;
    void *settings;
    struct vis_arg_list *operands;
    viseme_error *err;
};

static int option_count(const struct vis_command *command)
{
    int n = 0;
    while (command->options[n].name)
        n++;
    return n;
}

/* ---- Names that are nearly right --------------------------------------------------------- */

/* Edits that turn one word into the other; words of 32 letters and more are never alike. */
static int edit_distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    int row[MAX + 1];
    int n = (int)strnlen(a, MAX), m = (int)strnlen(b, MAX);
    if (n == MAX || m == MAX)
        return MAX;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            int gap = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[m];
}

const char *vis_args_nearest(const char *word, const char *(*next)(const void *names, int i),
                             const void *names, int count)
{
    const char *best = NULL;
    int least = 3; /* two edits at most, and fewer than the word has letters */
    for (int i = 0; i < count; i++) {
        const char *name = next(names, i);
        int distance = edit_distance(word, name);
        if (strlen(word) >= 2 && strncmp(name, word, strlen(word)) == 0)
            distance = 1;
        if (distance < least && distance < (int)strlen(name)) {
            least = distance;
            best = name;
        }
    }
    return best;
}

static const char *option_name(const void *options, int i)
{
    return ((const struct vis_option *)options)[i].name;
}

static viseme_status unknown_option(const struct parse *p, const char *shown, const char *word)
{
    const char *near =
        vis_args_nearest(word, option_name, p->command->options, option_count(p->command));
    if (near)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "%s: there is no option '%s'; did you mean '--%s'?", p->command->name,
                        shown, near);
    return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                    "%s: there is no option '%s'; 'viseme %s --help' lists them all",
                    p->command->name, shown, p->command->name);
}

/* ---- Values ------------------------------------------------------------------------------ */

static viseme_status append(struct vis_arg_list *list, const char *text, viseme_error *err)
{
    size_t bytes = ((size_t)list->count + 1) * sizeof *list->items;
    const char **items = realloc(list->items, bytes);
    if (!items)
        return vis_fail_nomem(err, bytes);
    items[list->count++] = text;
    list->items = items;
    return VISEME_OK;
}

/* Seconds, or up to two parts of digits with colons before them: 90.5, 1:30.5, 0:01:30.5. All
 * parts but the first are below 60. NaN when it is none of these. */
static double parse_time(const char *text)
{
    double seconds = 0;
    for (int part = 0;; part++) {
        size_t digits = strspn(text, "0123456789");
        int last = text[digits] != ':';
        if (last && text[digits] == '.')
            digits += 1 + strspn(text + digits + 1, "0123456789");
        if (part > 2 || digits == 0 || (digits == 1 && *text == '.') || digits > 15)
            return NAN;
        double value = strtod(text, NULL);
        if (part > 0 && value >= 60)
            return NAN;
        seconds = 60 * seconds + value;
        text += digits;
        if (last)
            return *text ? NAN : seconds;
        text++;
    }
}

static viseme_status set_time(const struct parse *p, const struct vis_option *o, const char *text)
{
    double seconds = parse_time(text);
    if (isnan(seconds))
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "%s: --%s wants seconds or [HH:]MM:SS, not '%s'", p->command->name, o->name,
                        text);
    if (seconds < o->min || seconds > o->max)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s must be from %g to %g s, not %s",
                        p->command->name, o->name, o->min, o->max, text);
    *(double *)(void *)((char *)p->settings + o->offset) = seconds;
    return VISEME_OK;
}

static viseme_status set_number(const struct parse *p, const struct vis_option *o, const char *text)
{
    char *field = (char *)p->settings + o->offset, *end = NULL;
    errno = 0;
    double number = o->kind == VIS_ARG_INT ? (double)strtol(text, &end, 10) : strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number))
        return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s wants a %s, not '%s'",
                        p->command->name, o->name,
                        o->kind == VIS_ARG_INT ? "whole number" : "number", text);
    if (errno == ERANGE || number < o->min || number > o->max)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s must be from %g to %g, not %s",
                        p->command->name, o->name, o->min, o->max, text);
    if (o->kind == VIS_ARG_INT)
        *(int *)(void *)field = (int)number;
    else
        *(double *)(void *)field = number;
    return VISEME_OK;
}

static viseme_status set_choice(const struct parse *p, const struct vis_option *o, const char *text)
{
    char known[128] = "";
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *(int *)(void *)((char *)p->settings + o->offset) = i;
            return VISEME_OK;
        }
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", o->choices[i]);
    }
    return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s must be one of %s, not '%s'",
                    p->command->name, o->name, known, text);
}

static viseme_status set(const struct parse *p, const struct vis_option *o, const char *text)
{
    char *field = (char *)p->settings + o->offset;
    switch (o->kind) {
    case VIS_ARG_FLAG:
        *(int *)(void *)field = 1;
        return VISEME_OK;
    case VIS_ARG_INT:
    case VIS_ARG_REAL:
        return set_number(p, o, text);
    case VIS_ARG_TIME:
        return set_time(p, o, text);
    case VIS_ARG_CHOICE:
        return set_choice(p, o, text);
    case VIS_ARG_LIST:
        return append((struct vis_arg_list *)(void *)field, text, p->err);
    case VIS_ARG_TEXT:
        break;
    }
    if (*text == '\0')
        return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: the value of --%s is empty",
                        p->command->name, o->name);
    *(const char **)(void *)field = text;
    return VISEME_OK;
}

/* ---- The command line -------------------------------------------------------------------- */

/* One argument that starts with two dashes. *taken: 1 when `following` was its value. */
static viseme_status parse_long(const struct parse *p, const char *arg, const char *following,
                                int *taken)
{
    const char *name = arg + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    for (const struct vis_option *o = p->command->options; o->name; o++) {
        if (strncmp(o->name, name, length) != 0 || o->name[length] != '\0')
            continue;
        if (o->kind == VIS_ARG_FLAG && equals)
            return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s takes no value",
                            p->command->name, o->name);
        if (o->kind == VIS_ARG_FLAG || equals)
            return set(p, o, equals ? equals + 1 : "");
        if (!following)
            return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: --%s needs a value: --%s %s",
                            p->command->name, o->name, o->name, o->value);
        *taken = 1;
        return set(p, o, following);
    }
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 63 ? length : 63), name);
    return unknown_option(p, arg, word);
}

/* One argument that starts with one dash: flags in a row, the last may have a value. */
static viseme_status parse_short(const struct parse *p, const char *arg, const char *following,
                                 int *taken)
{
    for (const char *letter = arg + 1; *letter; letter++) {
        const struct vis_option *o = p->command->options;
        while (o->name && o->letter != *letter)
            o++;
        if (!o->name)
            return unknown_option(p, arg, arg + 1);
        if (o->kind != VIS_ARG_FLAG) {
            if (letter[1])
                return set(p, o, letter + 1);
            if (!following)
                return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: -%c needs a value: -%c %s",
                                p->command->name, o->letter, o->letter, o->value);
            *taken = 1;
            return set(p, o, following);
        }
        viseme_status status = set(p, o, "");
        if (status != VISEME_OK)
            return status;
    }
    return VISEME_OK;
}

static viseme_status check_operands(const struct parse *p)
{
    const struct vis_command *c = p->command;
    int n = p->operands->count;
    if (n < c->min_operands)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: missing %s; usage: viseme %s %s", c->name,
                        n == 0 ? "operands" : "an operand", c->name, c->operands);
    if (c->max_operands >= 0 && n > c->max_operands)
        return vis_fail(p->err, VISEME_ERR_ARGUMENT,
                        "%s: '%s' is one too many; usage: viseme %s %s", c->name,
                        p->operands->items[c->max_operands], c->name, c->operands);
    for (int i = 0; i < n; i++)
        if (p->operands->items[i][0] == '\0')
            return vis_fail(p->err, VISEME_ERR_ARGUMENT, "%s: operand %d is empty", c->name, i + 1);
    return VISEME_OK;
}

viseme_status vis_args_parse(const struct vis_command *command, int argc, char **argv,
                             void *settings, struct vis_arg_list *operands, int *help,
                             viseme_error *err)
{
    struct parse p = {command, settings, operands, err};
    viseme_status status = VISEME_OK;
    int only_operands = 0;
    *operands = (struct vis_arg_list){NULL, 0};
    *help = 0;
    for (int i = 1; i < argc && !only_operands; i++) {
        if (strcmp(argv[i], "--") == 0)
            only_operands = 1;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            *help = 1;
    }
    if (*help)
        return VISEME_OK;
    only_operands = 0;
    for (int i = 1; i < argc && status == VISEME_OK; i++) {
        const char *arg = argv[i], *following = i + 1 < argc ? argv[i + 1] : NULL;
        int taken = 0;
        if (only_operands || arg[0] != '-' || arg[1] == '\0')
            status = append(operands, arg, err);
        else if (strcmp(arg, "--") == 0)
            only_operands = 1;
        else if (arg[1] == '-')
            status = parse_long(&p, arg, following, &taken);
        else
            status = parse_short(&p, arg, following, &taken);
        i += taken;
    }
    return status == VISEME_OK ? check_operands(&p) : status;
}

void vis_args_free(const struct vis_command *command, void *settings, struct vis_arg_list *operands)
{
    for (const struct vis_option *o = command->options; o->name; o++) {
        if (o->kind != VIS_ARG_LIST)
            continue;
        struct vis_arg_list *list = (void *)((char *)settings + o->offset);
        free(list->items);
        *list = (struct vis_arg_list){NULL, 0};
    }
    free(operands->items);
    *operands = (struct vis_arg_list){NULL, 0};
}

/* ---- Help -------------------------------------------------------------------------------- */

/* One option: names, then its help from column 30 on. */
static void help_line(FILE *to, char letter, const char *name, const char *value, const char *help)
{
    enum { COLUMN = 30 };
    char left[80], shorter[8] = "    ";
    if (letter)
        snprintf(shorter, sizeof shorter, "-%c, ", letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", shorter, name, value ? " " : "",
             value ? value : "");
    if (strlen(left) >= COLUMN - 1)
        fprintf(to, "%s\n%*s", left, COLUMN, "");
    else
        fprintf(to, "%-*s", COLUMN, left);
    for (; *help; help++) {
        fputc(*help, to);
        if (*help == '\n')
            fprintf(to, "%*s", COLUMN, "");
    }
    fputc('\n', to);
}

void vis_args_help(FILE *to, const struct vis_command *command)
{
    fprintf(to, "Usage: viseme %s [OPTION]... %s\n\n%s.\n\n", command->name, command->operands,
            command->summary);
    for (const struct vis_option *o = command->options; o->name; o++)
        help_line(to, o->letter, o->name, o->value, o->help);
    help_line(to, 'h', "help", NULL, "print this help");
    if (command->details)
        fprintf(to, "\n%s", command->details);
}
