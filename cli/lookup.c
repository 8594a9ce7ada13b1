#include "cli/lookup.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/errors.h"
#include "io/file.h"

#define CASCADE_NAME  "haarcascade_frontalface_alt2.xml"
#define CASCADE_BYTES ((size_t)16 << 20)
#define GRAMMAR_BYTES ((size_t)1 << 20)
#define LM_BYTES      ((size_t)1 << 30)

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* "<folder of the running program>/../<rest>/<name>" without the dots; NULL when it cannot be
 * told. Free with free(). */
static char *beside_program(const char *rest, const char *name)
{
    char program[PATH_MAX], *path = NULL;
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return NULL;
    program[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
    }
    return asprintf(&path, "%s/%s/%s", program, rest, name) < 0 ? NULL : path;
}

/* A name that the user set, as a file or as a folder that holds `name`. NULL: out of memory. */
static char *as_file(const char *set, const char *name)
{
    char *path = NULL;
    if (!is_folder(set))
        return strdup(set);
    return asprintf(&path, "%s/%s", set, name) < 0 ? NULL : path;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static viseme_status no_memory(void)
{
    vis_complain("out of memory while looking for a file");
    return VISEME_ERR_NOMEM;
}

viseme_status vis_find_weights(char **path, const char *given, const char *name)
{
    const char *set = environment("VISEME_WEIGHTS");
    viseme_status status = VISEME_OK;
    *path = NULL;
    if (given) {
        *path = strdup(given);
        return *path ? VISEME_OK : no_memory();
    }
    if (set) {
        *path = as_file(set, name);
        if (!*path)
            return no_memory();
        if (exists(*path))
            return VISEME_OK;
        vis_complain("no weights: %s, which VISEME_WEIGHTS asks for, is not there; "
                     "name a file with -m",
                     *path);
        free(*path);
        *path = NULL;
        return VISEME_ERR_MODEL;
    }
    char *places[2] = {beside_program("weights", name), beside_program("share/viseme", name)};
    for (int i = 0; i < 2 && !*path; i++)
        if (places[i] && exists(places[i])) {
            *path = places[i];
            places[i] = NULL;
        }
    if (!*path) {
        vis_complain("no weights: neither %s nor %s is there, and VISEME_WEIGHTS is not set; "
                     "name a file with -m, or convert published ones (docs/weights-format.md)",
                     places[0] ? places[0] : name, places[1] ? places[1] : name);
        status = VISEME_ERR_MODEL;
    }
    free(places[0]);
    free(places[1]);
    return status;
}

viseme_status vis_find_face_weights(char **path, const char *name, int needed)
{
    const char *set = environment("VISEME_WEIGHTS");
    char *places[2] = {NULL, NULL};
    *path = NULL;
    if (set && is_folder(set)) {
        places[0] = as_file(set, name);
    } else {
        places[0] = beside_program("weights", name);
        places[1] = beside_program("share/viseme", name);
    }
    for (int i = 0; i < 2 && !*path; i++)
        if (places[i] && exists(places[i])) {
            *path = places[i];
            places[i] = NULL;
        }
    if (!*path && needed)
        vis_complain("no face network: %s is not there%s%s; convert its weights (README.md) or "
                     "take --face-model haar",
                     places[0] ? places[0] : name, places[1] ? ", nor is " : "",
                     places[1] ? places[1] : "");
    free(places[0]);
    free(places[1]);
    return *path || !needed ? VISEME_OK : VISEME_ERR_MODEL;
}

/* The names of the pictures in a folder without their ending, after each other. */
static void list_avatars(const char *folder, char *text, size_t bytes)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        const size_t n = strlen(text);
        if (dot && strcmp(dot, ".png") == 0)
            snprintf(text + n, bytes - n, "%s%.*s", n ? ", " : "", (int)(dot - entry->d_name),
                     entry->d_name);
    }
    if (dir)
        closedir(dir);
}

viseme_status vis_find_avatar(char **path, const char *name)
{
    char *folders[2] = {beside_program("assets", "avatars"),
                        beside_program("share/viseme", "avatars")};
    char known[256] = "";
    viseme_status status = VISEME_ERR_ARGUMENT;
    *path = NULL;
    for (int i = 0; i < 2 && !*path; i++) {
        if (folders[i] && !strchr(name, '/') && asprintf(path, "%s/%s.png", folders[i], name) < 0) {
            *path = NULL;
            status = no_memory();
            goto done;
        }
        if (*path && !exists(*path)) {
            free(*path);
            *path = NULL;
        }
    }
    for (int i = 0; i < 2 && !*path; i++)
        if (folders[i])
            list_avatars(folders[i], known, sizeof known);
    if (*path)
        status = VISEME_OK;
    else if (known[0])
        vis_complain("there is no avatar '%s'; there are %s, and any picture with --face", name,
                     known);
    else
        vis_complain("no avatars are installed with this program; give a picture with --face");
done:
    free(folders[0]);
    free(folders[1]);
    return status;
}

/* Reads a cascade that is to be at `path`; every failure is one of the model. */
static viseme_status read_cascade_at(char **text, size_t *bytes, const char *path)
{
    viseme_error err;
    void *data = NULL;
    viseme_status status = vis_file_read(&data, bytes, path, CASCADE_BYTES, &err);
    *text = data;
    if (status == VISEME_OK)
        return VISEME_OK;
    vis_complain("face cascade %s", err.message);
    return status == VISEME_ERR_NOMEM ? status : VISEME_ERR_MODEL;
}

viseme_status vis_read_cascade(char **text, size_t *bytes, const char *given)
{
    static const char *const debian[2] = {"/usr/share/opencv4/haarcascades/" CASCADE_NAME,
                                          "/usr/share/opencv/haarcascades/" CASCADE_NAME};
    const char *set = given ? given : environment("VISEME_CASCADE");
    *text = NULL;
    if (set) {
        char *path = as_file(set, CASCADE_NAME);
        viseme_status status = path ? read_cascade_at(text, bytes, path) : no_memory();
        free(path);
        return status;
    }
    for (int i = 0; i < 2; i++)
        if (exists(debian[i]))
            return read_cascade_at(text, bytes, debian[i]);
    char *ours = beside_program("share/viseme", CASCADE_NAME);
    viseme_status status = VISEME_ERR_MODEL;
    if (ours && exists(ours))
        status = read_cascade_at(text, bytes, ours);
    else
        vis_complain("no face cascade: none of %s, %s and %s is there; install Debian's package "
                     "opencv-data, or name a file with --cascade",
                     debian[0], debian[1], ours ? ours : CASCADE_NAME);
    free(ours);
    return status;
}

/* "<folder of the weights>/grammars/<name>.txt"; NULL when out of memory. Free with free(). */
static char *beside_weights(const char *weights, const char *name)
{
    char *path = NULL;
    const char *slash = strrchr(weights, '/');
    int n = slash ? (int)(slash - weights) : 1;
    return asprintf(&path, "%.*s/grammars/%s.txt", n, slash ? weights : ".", name) < 0 ? NULL
                                                                                       : path;
}

static viseme_status read_grammar_at(char **text, size_t *bytes, const char *path)
{
    viseme_error err;
    void *data = NULL;
    viseme_status status = vis_file_read(&data, bytes, path, GRAMMAR_BYTES, &err);
    *text = data;
    if (status == VISEME_OK)
        return VISEME_OK;
    vis_complain("grammar %s", err.message);
    return status == VISEME_ERR_INPUT ? VISEME_ERR_ARGUMENT : status;
}

viseme_status vis_read_grammar(char **text, size_t *bytes, const char *given, const char *weights)
{
    char *file = NULL, *places[3] = {NULL, NULL, NULL};
    viseme_status status = VISEME_ERR_ARGUMENT;
    *text = NULL;
    if (strchr(given, '/') || strchr(given, '.'))
        return read_grammar_at(text, bytes, given);
    if (asprintf(&file, "%s.txt", given) < 0)
        return no_memory();
    places[0] = beside_weights(weights, given);
    places[1] = beside_program("grammars", file);
    places[2] = beside_program("share/viseme/grammars", file);
    free(file);
    int at = 0;
    while (at < 3 && !(places[at] && exists(places[at])))
        at++;
    if (at < 3)
        status = read_grammar_at(text, bytes, places[at]);
    else
        vis_complain("no grammar %s: none of %s, %s and %s is there; write a file's name with a "
                     "slash, such as ./%s",
                     given, places[0] ? places[0] : given, places[1] ? places[1] : given,
                     places[2] ? places[2] : given, given);
    for (int i = 0; i < 3; i++)
        free(places[i]);
    return status;
}

viseme_status vis_read_lm(char **text, size_t *bytes, const char *path)
{
    viseme_error err;
    void *data = NULL;
    viseme_status status = vis_file_read(&data, bytes, path, LM_BYTES, &err);
    *text = data;
    if (status == VISEME_OK)
        return VISEME_OK;
    vis_complain("language model %s", err.message);
    return status == VISEME_ERR_INPUT ? VISEME_ERR_MODEL : status;
}
