/* A main() for fuzz targets without libFuzzer: runs the target on every file named, and on every
 * file of every directory named. Exits 1 when there was nothing to run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = 0;
    int ok = 0;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
        goto done;
    rewind(f);
    /* Exactly as large as the file, so that AddressSanitizer sees a read past its end. */
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        goto done;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    ok = 1;
done:
    if (!ok)
        fprintf(stderr, "replay: cannot read %s\n", path);
    free(data);
    if (f != NULL)
        fclose(f);
    return ok;
}

static int replay_directory(const char *path, int *count)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    char file[4096];
    struct stat st;
    int ok = dir != NULL;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (stat(file, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        ok &= replay_file(file);
        ++*count;
    }
    if (dir != NULL)
        closedir(dir);
    else
        fprintf(stderr, "replay: cannot open %s\n", path);
    return ok;
}

int main(int argc, char **argv)
{
    struct stat st;
    int ok = 1, count = 0;

    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            ok &= replay_directory(argv[i], &count);
        } else {
            ok &= replay_file(argv[i]);
            count++;
        }
    }
    printf("%d inputs replayed\n", count);
    return ok && count > 0 ? 0 : 1;
}
