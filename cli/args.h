/* Command lines, read from a table: the same table gives the parser its options and `--help` its
 * text. Conventions: GNU Coding Standards 4.8. */
#ifndef VIS_CLI_ARGS_H
#define VIS_CLI_ARGS_H

#include <stdio.h>

#include "base/error.h"

enum vis_arg_kind {
    VIS_ARG_FLAG,   /* int, set to 1; takes no value */
    VIS_ARG_INT,    /* int, min to max */
    VIS_ARG_REAL,   /* double, min to max */
    VIS_ARG_TIME,   /* double, seconds, min to max; written as seconds or [HH:]MM:SS */
    VIS_ARG_TEXT,   /* const char * */
    VIS_ARG_CHOICE, /* int, the position in `choices` */
    VIS_ARG_LIST    /* struct vis_arg_list, one entry each time the option is given */
};

/* Values of a repeated option, or the operands: pointers into argv. */
struct vis_arg_list {
    const char **items; /* [count]; owned, freed by vis_args_free() */
    int count;
};

struct vis_option {
    char letter;       /* short name, 0 when it has none */
    const char *name;  /* long name without the dashes */
    const char *value; /* what --help calls its value; NULL for a flag */
    const char *help;  /* may hold newlines */
    enum vis_arg_kind kind;
    size_t offset;              /* of the field in the command's settings */
    double min, max;            /* VIS_ARG_INT, VIS_ARG_REAL, VIS_ARG_TIME: both included */
    const char *const *choices; /* VIS_ARG_CHOICE: NULL-terminated */
};

struct vis_command {
    const char *name;
    const char *operands;             /* as in the usage line, such as "IN..." */
    const char *summary;              /* one line */
    const char *details;              /* after the options in --help; NULL for none */
    const struct vis_option *options; /* ends with an entry without a name; --help is implied */
    int min_operands, max_operands;   /* max -1: any number */
    int (*run)(const struct vis_command *self, int argc, char **argv); /* returns an exit code */
};

/* Reads argv[1 ...] into `settings`, whose fields hold the defaults before, and `operands`.
 * *help is 1 when the command line asks for help; the rest is not checked then.
 * Free `operands` and every list in `settings` with vis_args_free(), whatever is returned.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT or VISEME_ERR_NOMEM. */
viseme_status vis_args_parse(const struct vis_command *command, int argc, char **argv,
                             void *settings, struct vis_arg_list *operands, int *help,
                             viseme_error *err);
void vis_args_free(const struct vis_command *command, void *settings,
                   struct vis_arg_list *operands);

/* Prints the help of a command. */
void vis_args_help(FILE *to, const struct vis_command *command);

/* Of `count` names, the one most like `word`, or NULL when none is close; `next` gives name i. */
const char *vis_args_nearest(const char *word, const char *(*next)(const void *names, int i),
                             const void *names, int count);

#endif
