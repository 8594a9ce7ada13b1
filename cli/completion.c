/* viseme completion: shell functions made from the same tables as --help and the parser. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errors.h"

static const struct vis_option options[] = {{0}};

static const char details[] =
    "bash: viseme completion bash >~/.local/share/bash-completion/completions/viseme\n"
    "zsh:  viseme completion zsh >DIR/_viseme, DIR being a folder of $fpath\n"
    "`make install` puts both where the shells look for them.\n";

/* What a value or an operand is completed with. */
enum values { NOTHING, FILES, FOLDERS, WORDS };

static enum values values_of(const struct vis_option *o)
{
    if (o->kind == VIS_ARG_CHOICE)
        return WORDS;
    if (o->kind == VIS_ARG_INT || o->kind == VIS_ARG_REAL || o->kind == VIS_ARG_TIME)
        return NOTHING;
    if (strstr(o->value, "DIR"))
        return FOLDERS;
    return strstr(o->value, "FILE") ? FILES : NOTHING;
}

/* The words that the first operand may be, such as "show|verify": their length, 0 when it is
 * something else. */
static int operand_words(const struct vis_command *c)
{
    int length = (int)strcspn(c->operands, " ");
    return islower((unsigned char)c->operands[0]) && memchr(c->operands, '|', (size_t)length)
               ? length
               : 0;
}

/* Letters as they are, '|' as a space. */
static void print_words(const char *words, int length)
{
    for (int i = 0; i < length; i++)
        putchar(words[i] == '|' ? ' ' : words[i]);
}

/* ---- bash -------------------------------------------------------------------------------- */

static void bash_value(const struct vis_command *c, const struct vis_option *o)
{
    printf("    %s:--%s", c->name, o->name);
    if (o->letter)
        printf(" | %s:-%c", c->name, o->letter);
    switch (values_of(o)) {
    case FILES:
        printf(") _viseme_files -f ;;\n");
        break;
    case FOLDERS:
        printf(") _viseme_files -d ;;\n");
        break;
    case NOTHING:
        printf(") ;;\n");
        break;
    case WORDS:
        printf(") _viseme_words '");
        for (int i = 0; o->choices[i]; i++)
            printf("%s%s", i ? " " : "", o->choices[i]);
        printf("' ;;\n");
        break;
    }
}

static void bash_command(const struct vis_command *c)
{
    printf("    %s:*)\n        if [[ $cur == -* ]]; then\n            _viseme_words '", c->name);
    for (const struct vis_option *o = c->options; o->name; o++) {
        if (o->letter)
            printf("-%c ", o->letter);
        printf("--%s ", o->name);
    }
    printf("-h --help'\n");
    if (operand_words(c)) {
        printf("        elif ((operand == 0)); then\n            _viseme_words '");
        print_words(c->operands, operand_words(c));
        printf("'\n");
    }
    if (c->max_operands != 0 && !(operand_words(c) && c->max_operands == 1))
        printf("        else\n            _viseme_files -f\n");
    printf("        fi\n        ;;\n");
}

static void bash(void)
{
    fputs("# bash completion of viseme; `viseme completion bash` prints it\n\n"
          "_viseme_words()\n{\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n}\n\n"
          "_viseme_files()\n{\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n}\n\n"
          "_viseme()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command='' operand=0 i\n"
          "    COMPREPLY=()\n"
          "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    [[ $cur == = ]] && cur=''\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        if [[ ${COMP_WORDS[i]} == -* ]]; then\n"
          "            continue\n"
          "        elif [[ $command ]]; then\n"
          "            ((operand++))\n"
          "        else\n"
          "            command=${COMP_WORDS[i]}\n"
          "        fi\n"
          "    done\n"
          "    case $command:$prev in\n",
          stdout);
    for (int i = 0; vis_commands[i]; i++)
        for (const struct vis_option *o = vis_commands[i]->options; o->name; o++)
            if (o->kind != VIS_ARG_FLAG)
                bash_value(vis_commands[i], o);
    for (int i = 0; vis_commands[i]; i++)
        bash_command(vis_commands[i]);
    printf("    :* | help:*)\n        _viseme_words '");
    for (int i = 0; vis_commands[i]; i++)
        printf("%s ", vis_commands[i]->name);
    printf("help --help --version'\n        ;;\n    esac\n}\n\ncomplete -F _viseme viseme\n");
}

/* ---- zsh --------------------------------------------------------------------------------- */

/* The first line of a text as zsh reads it between single quotes and brackets. */
static void print_zsh(const char *text)
{
    for (; *text && *text != '\n'; text++) {
        if (strchr("[]:\\", *text))
            putchar('\\');
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    }
}

static void zsh_option(const struct vis_option *o)
{
    const char *repeat = o->kind == VIS_ARG_LIST ? "*" : "";
    if (o->letter && *repeat)
        printf("                '*'{-%c,--%s}'[", o->letter, o->name);
    else if (o->letter)
        printf("                '(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
    else
        printf("                '%s--%s[", repeat, o->name);
    print_zsh(o->help);
    putchar(']');
    if (o->kind != VIS_ARG_FLAG) {
        putchar(':');
        print_zsh(o->value);
        putchar(':');
        switch (values_of(o)) {
        case FILES:
            printf("_files");
            break;
        case FOLDERS:
            printf("_files -/");
            break;
        case WORDS:
            for (int i = 0; o->choices[i]; i++)
                printf("%s%s", i ? " " : "(", o->choices[i]);
            putchar(')');
            break;
        case NOTHING:
            break;
        }
    }
    printf("' \\\n");
}

static void zsh_command(const struct vis_command *c)
{
    int words = operand_words(c);
    printf("        %s)\n            _arguments -s \\\n", c->name);
    for (const struct vis_option *o = c->options; o->name; o++)
        zsh_option(o);
    if (words) {
        printf("                '1:");
        print_zsh(c->summary);
        printf(":(");
        print_words(c->operands, words);
        printf(")' \\\n");
    }
    if (c->max_operands != 0 && !(words && c->max_operands == 1))
        printf("                '*:file:_files' \\\n");
    printf("                '(-h --help)'{-h,--help}'[print this help]'\n            ;;\n");
}

static void zsh(void)
{
    fputs("#compdef viseme\n# zsh completion of viseme; `viseme completion zsh` prints it\n\n"
          "_viseme() {\n"
          "    local state\n"
          "    local -a commands\n"
          "    commands=(\n",
          stdout);
    for (int i = 0; vis_commands[i]; i++) {
        printf("        '%s:", vis_commands[i]->name);
        print_zsh(vis_commands[i]->summary);
        printf("'\n");
    }
    fputs("        'help:Print the help of a command'\n    )\n"
          "    _arguments '(-h --help)'{-h,--help}'[print the help]' \\\n"
          "        '(-V --version)'{-V,--version}'[print the version]' \\\n"
          "        '1:command:->command' '*::argument:->argument'\n"
          "    case $state in\n"
          "    command) _describe command commands ;;\n"
          "    argument)\n"
          "        case $words[1] in\n",
          stdout);
    for (int i = 0; vis_commands[i]; i++)
        zsh_command(vis_commands[i]);
    fputs("        help) _describe command commands ;;\n"
          "        esac\n"
          "        ;;\n"
          "    esac\n}\n\n_viseme \"$@\"\n",
          stdout);
}

/* ---- The command ------------------------------------------------------------------------- */

static int run(const struct vis_command *self, int argc, char **argv)
{
    int unused = 0, help, code = VIS_EXIT_DONE;
    struct vis_arg_list operands;
    viseme_error err;
    viseme_status status = vis_args_parse(self, argc, argv, &unused, &operands, &help, &err);
    if (status == VISEME_OK && help)
        vis_args_help(stdout, self);
    else if (status == VISEME_OK && strcmp(operands.items[0], "bash") == 0)
        bash();
    else if (status == VISEME_OK && strcmp(operands.items[0], "zsh") == 0)
        zsh();
    else if (status == VISEME_OK)
        status = vis_fail(&err, VISEME_ERR_ARGUMENT,
                          "completion: '%s' is neither bash nor zsh; usage: viseme completion %s",
                          operands.items[0], self->operands);
    if (status != VISEME_OK)
        code = vis_exit_with(&err);
    vis_args_free(self, &unused, &operands);
    return code;
}

const struct vis_command vis_cmd_completion = {
    "completion", "bash|zsh", "Print a completion function for a shell", details, options, 1, 1,
    run};
