#include "tests/support/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[4096];
static char **paths;
static size_t path_count;

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void clean(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < path_count; i++)
        free(paths[i]);
    free(paths);
}

const char *scratch_folder(void)
{
    if (folder[0] == '\0') {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/viseme-test-XXXXXX", base && *base ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            give_up(folder);
        atexit(clean);
    }
    return folder;
}

const char *scratch_path(const char *name)
{
    size_t bytes = strlen(scratch_folder()) + 1 + strlen(name) + 1;
    char **grown = realloc(paths, (path_count + 1) * sizeof *paths);
    char *path = malloc(bytes);

    if (grown == NULL || path == NULL)
        give_up("scratch_path");
    paths = grown;
    snprintf(path, bytes, "%s/%s", folder, name);
    paths[path_count++] = path;
    return path;
}

const char *scratch_write(const char *name, const void *bytes, size_t size)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");

    if (f == NULL || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        give_up(path);
    return path;
}

char *scratch_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *bytes = NULL;
    long length;

    *size = 0;
    if (f == NULL)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (length = ftell(f)) >= 0) {
        rewind(f);
        bytes = calloc(1, (size_t)length + 1);
        if (bytes != NULL)
            *size = fread(bytes, 1, (size_t)length, f);
    }
    fclose(f);
    return bytes;
}

int scratch_entries(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}
