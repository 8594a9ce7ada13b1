/* viseme: the program. Finds the subcommand, and sees to signals and to standard output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/folder.h"
#include "io/output.h"

const char *const vis_cpu_choices[] = {"c", "avx2", "avx512", NULL};
const char *const vis_gemm_choices[] = {"native", "blas", NULL};

const struct vis_command *const vis_commands[] = {
    &vis_cmd_read,     &vis_cmd_dub,        &vis_cmd_say,  &vis_cmd_sync, &vis_cmd_score,
    &vis_cmd_speakers, &vis_cmd_face,       &vis_cmd_eval, &vis_cmd_run,  &vis_cmd_models,
    &vis_cmd_version,  &vis_cmd_completion, NULL};
enum { COMMANDS = sizeof vis_commands / sizeof vis_commands[0] - 1 };

static void print_usage(FILE *to)
{
    fputs("Usage: viseme COMMAND [OPTION]... [OPERAND]...\n\n"
          "Reads lips, checks lip sync and moves lips, by neural networks on a plain "
          "CPU.\n\nCommands:\n",
          to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", vis_commands[i]->name, vis_commands[i]->summary);
    fprintf(to,
            "  %-10s Print the help of a command\n\n"
            "'viseme COMMAND --help' lists a command's options; 'viseme --version' prints the\n"
            "version.\n\n"
            "Results go to standard output, everything else to standard error.\n%s",
            "help", vis_exit_help);
}

static const char *command_name(const void *unused, int i)
{
    (void)unused;
    return vis_commands[i]->name;
}

static const struct vis_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(vis_commands[i]->name, name) == 0)
            return vis_commands[i];
    return NULL;
}

static int no_command(const char *name)
{
    const char *near = vis_args_nearest(name, command_name, NULL, COMMANDS);
    if (near)
        vis_complain("there is no command '%s'; did you mean '%s'?", name, near);
    else
        vis_complain("there is no command '%s'; 'viseme --help' lists them all", name);
    return VIS_EXIT_USAGE;
}

static int help_command(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return VIS_EXIT_DONE;
    }
    const struct vis_command *command = find_command(argv[1]);
    if (!command)
        return no_command(argv[1]);
    vis_args_help(stdout, command);
    return VIS_EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return VIS_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help_command(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("viseme %s\n", viseme_version());
        return VIS_EXIT_DONE;
    }
    const struct vis_command *command = find_command(name);
    if (command)
        return command->run(command, argc - 1, argv + 1);
    if (name[0] == '-') {
        vis_complain("there is no option '%s' before a command; 'viseme --help' lists what there "
                     "is",
                     name);
        return VIS_EXIT_USAGE;
    }
    return no_command(name);
}

/* Leaves no half-written output behind, then ends as the signal would have ended us, so that the
 * shell sees 130 or 143 and a loop around us stops too. */
static void on_signal(int number)
{
    vis_output_abort_all_from_signal();
    vis_folder_abort_all_from_signal();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, now;
    sigemptyset(&action.sa_mask);
    action.sa_flags = (int)SA_NODEFER;
    for (int i = 0; i < 3; i++)
        if (sigaction(caught[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(caught[i], &action, NULL);
    /* A closed pipe and the limit of a file are failed writes, reported like any other. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* A file opened later must not become standard output because ours was closed: the gap is filled
 * with something that cannot be written. */
static void fill_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    catch_signals();
    int code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (code == VIS_EXIT_DONE || code == VIS_EXIT_BATCH) {
            vis_complain("standard output cannot be written: %s", strerror(errno));
            code = VIS_EXIT_INTERNAL;
        }
    }
    return code;
}
