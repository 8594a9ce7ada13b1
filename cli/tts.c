#include "cli/tts.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_VOICE "en"

extern char **environ;

enum { MAX_WORDS = 64 };

/* Cuts `copy` into words; the last pointer is NULL. */
static int split(char *copy, char *words[MAX_WORDS + 1])
{
    int n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(copy, " \t", &rest); word && n < MAX_WORDS;
         word = strtok_r(NULL, " \t", &rest))
        words[n++] = word;
    words[n] = NULL;
    return n;
}

/* Memory that looks like a file and holds the text. */
static viseme_status text_file(int *fd, const char *text, viseme_error *err)
{
    const size_t n = strlen(text);
    *fd = memfd_create("text", MFD_CLOEXEC);
    if (*fd < 0 || write(*fd, text, n) != (ssize_t)n || lseek(*fd, 0, SEEK_SET) != 0)
        return vis_fail(err, VISEME_ERR_NOMEM, "no room for the text (%s)", strerror(errno));
    return VISEME_OK;
}

static viseme_status run(char *words[], int in, int out, viseme_error *err)
{
    posix_spawn_file_actions_t files;
    pid_t child;
    int state = 0, error;

    if (posix_spawn_file_actions_init(&files) != 0)
        return vis_fail_nomem(err, sizeof files);
    error = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!error)
        error = posix_spawnp(&child, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (error == ENOENT)
        return vis_fail(err, VISEME_ERR_INPUT,
                        "%s is not installed: install it (Debian's package is espeak-ng), or name "
                        "another program with --tts",
                        words[0]);
    if (error)
        return vis_fail(err, VISEME_ERR_INPUT, "%s cannot be run (%s)", words[0], strerror(error));
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return vis_fail(err, VISEME_ERR_INPUT, "%s is lost (%s)", words[0], strerror(errno));
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return VISEME_OK;
    if (WIFSIGNALED(state))
        return vis_fail(err, VISEME_ERR_INPUT, "%s was ended by signal %d", words[0],
                        WTERMSIG(state));
    return vis_fail(err, VISEME_ERR_INPUT, "%s failed with code %d", words[0], WEXITSTATUS(state));
}

viseme_status vis_tts_speak(struct vis_tts *out, const char *text, const char *voice,
                            const char *command, viseme_error *err)
{
    static char program[] = "espeak-ng", option_voice[] = "-v", option_file[] = "-w",
                file[] = "/dev/stdout", option_text[] = "--stdin";
    char *words[MAX_WORDS + 1] = {program, option_voice, NULL, option_file,
                                  file,    option_text,  NULL};
    char *copy = strdup(command ? command : voice ? voice : DEFAULT_VOICE);
    struct stat st;
    int in = -1;
    viseme_status status;

    *out = (struct vis_tts){.fd = memfd_create("speech", MFD_CLOEXEC)};
    snprintf(out->path, sizeof out->path, "/proc/self/fd/%d", out->fd);
    if (!copy || out->fd < 0) {
        status = vis_fail(err, VISEME_ERR_NOMEM, "no room for the speech");
        goto done;
    }
    words[2] = copy;
    if (command && split(copy, words) == 0) {
        status = vis_fail(err, VISEME_ERR_ARGUMENT, "say: --tts names no program");
        goto done;
    }
    status = text_file(&in, text, err);
    if (status == VISEME_OK)
        status = run(words, in, out->fd, err);
    if (status == VISEME_OK && (fstat(out->fd, &st) != 0 || st.st_size == 0))
        status = vis_fail(err, VISEME_ERR_NO_AUDIO, "%s wrote no sound to its standard output",
                          words[0]);
done:
    if (in >= 0)
        close(in);
    free(copy);
    return status;
}

void vis_tts_free(struct vis_tts *tts)
{
    if (tts->fd >= 0)
        close(tts->fd);
    tts->fd = -1;
}
