/* Reads bench/shapes/. */
#include "tests/checkkern/shapes.h"

#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

static bool positive(const int *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] < 1)
            return false;
    return true;
}

/* One line without its newline; false if it is none of the forms in the files' comments. */
static bool parse(struct shape *s, const char *line)
{
    char op[16];
    int at = 0;
    if (sscanf(line, "%15s %23s %n", op, s->name, &at) != 2 || at == 0)
        return false;
    const char *rest = line + at;
    int *in = s->in, *k = s->kernel, *st = s->stride, *p = s->padding;
    if (strcmp(op, "conv") == 0) {
        s->op = SHAPE_CONV;
        return sscanf(rest, "%d%d%d%d%d%d%d%d%d%d%d%d%d%d", &in[0], &in[1], &in[2], &in[3], &s->out,
                      &k[0], &k[1], &k[2], &st[0], &st[1], &st[2], &p[0], &p[1], &p[2]) == 14 &&
               positive(in, 4) && positive(&s->out, 1) && positive(k, 3) && positive(st, 3);
    }
    if (strcmp(op, "pool") == 0 || strcmp(op, "depthwise") == 0) {
        s->op = op[0] == 'p' ? SHAPE_POOL : SHAPE_DEPTHWISE;
        return sscanf(rest, "%d%d%d%d%d%d%d%d%d%d", &in[0], &in[1], &in[2], &in[3], &k[0], &k[1],
                      &k[2], &st[0], &st[1], &st[2]) == 10 &&
               positive(in, 4) && positive(k, 3) && positive(st, 3);
    }
    if (strcmp(op, "linear") == 0) {
        s->op = SHAPE_LINEAR;
        return sscanf(rest, "%d%d%d", &s->rows, &s->length, &s->out) == 3 &&
               positive(&s->rows, 1) && positive(&s->length, 1) && positive(&s->out, 1);
    }
    s->op = strcmp(op, "gru") == 0 ? SHAPE_GRU : SHAPE_ROW;
    return (s->op == SHAPE_GRU || strcmp(op, "row") == 0) && sscanf(rest, "%d", &s->length) == 1 &&
           positive(&s->length, 1);
}

static bool read_file(struct shape_list *list, const char *path)
{
    char line[256], copy[256];
    FILE *f = fopen(path, "r");
    if (!f || snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
        fprintf(stderr, "checkkern: cannot read %s\n", path);
        if (f)
            fclose(f);
        return false;
    }
    const char *net = basename(copy);
    bool ok = true;
    for (int number = 1; ok && fgets(line, sizeof line, f); number++) {
        struct shape s = {0};
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || line[0] == 0)
            continue;
        ok = list->count < MAX_SHAPES && parse(&s, line);
        if (!ok) {
            fprintf(stderr, "checkkern: %s:%d: not a layer shape: %s\n", path, number, line);
            break;
        }
        struct shape *to = &list->shape[list->count++];
        *to = s;
        snprintf(to->name, sizeof to->name, "%.*s.%.23s", (int)strcspn(net, "."), net, s.name);
    }
    fclose(f);
    return ok;
}

bool shapes_read(struct shape_list *list, const char *folder)
{
    char pattern[256];
    glob_t found;
    list->count = 0;
    snprintf(pattern, sizeof pattern, "%s/*.txt", folder);
    if (glob(pattern, 0, NULL, &found) != 0) {
        fprintf(stderr,
                "checkkern: no layer shapes in %s; run from the repository root, or give "
                "--shapes FOLDER\n",
                folder);
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < found.gl_pathc; i++)
        ok = read_file(list, found.gl_pathv[i]);
    globfree(&found);
    return ok;
}
