/* The viseme side of bench/run: opens a model and runs it whenever a line on standard input asks.
 *
 *   bench_net MODEL THREADS OUTPUT NAME:SIZExSIZE...:FILE...      FILE: raw float32 of that input
 *
 * Lines in: "load", then "run N" and "output FILE", which writes OUTPUT there. One line of JSON out
 * at the start and for each. bench/run reads the memory of the process between them. */
#include "viseme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Reads exactly the tensor's elements; NULL when the file has fewer. */
static float *read_floats(const char *path, size_t count)
{
    float *data = malloc(count * sizeof *data);
    FILE *f = fopen(path, "rb");
    size_t got = 0;

    if (f != NULL && data != NULL)
        got = fread(data, sizeof *data, count, f);
    if (f != NULL)
        fclose(f);
    if (got == count)
        return data;
    free(data);
    return NULL;
}

enum { MAX_INPUTS = 8 };

struct inputs {
    viseme_tensor tensor[MAX_INPUTS];
    size_t count;
};

/* Reads NAME:SIZExSIZE...:FILE, cutting it up; 0 when it is not that or the file lacks floats. */
static int read_input(viseme_tensor *t, char *text)
{
    char *sizes = strchr(text, ':'), *file = sizes ? strchr(sizes + 1, ':') : NULL;
    size_t count = 1;

    if (file == NULL)
        return 0;
    *sizes++ = *file++ = '\0';
    t->name = text;
    for (t->rank = 0; t->rank < 8 && *sizes; t->rank++) {
        t->shape[t->rank] = strtoll(sizes, &sizes, 10);
        count *= (size_t)t->shape[t->rank];
        sizes += *sizes == 'x';
    }
    t->data = read_floats(file, count);
    if (t->data == NULL)
        fprintf(stderr, "bench_net: cannot read %zu floats from %s\n", count, file);
    return t->data != NULL;
}

static viseme_status run(viseme_session *session, const struct inputs *in, long count,
                         viseme_error *err)
{
    viseme_status status = VISEME_OK;
    double *ms = calloc((size_t)count, sizeof *ms);
    double *cpu_ms = calloc((size_t)count, sizeof *cpu_ms);

    if (ms == NULL || cpu_ms == NULL)
        status = VISEME_ERR_NOMEM;
    for (long i = 0; i < count && status == VISEME_OK; i++) {
        const double start = clock_ms(CLOCK_MONOTONIC);
        const double cpu_start = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        status = viseme_session_run(session, in->tensor, in->count, err);
        ms[i] = clock_ms(CLOCK_MONOTONIC) - start;
        cpu_ms[i] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    }
    if (status == VISEME_OK) {
        printf("{\"ms\": [");
        for (long i = 0; i < count; i++)
            printf("%s%.4f", i ? ", " : "", ms[i]);
        printf("], \"cpu_ms\": [");
        for (long i = 0; i < count; i++)
            printf("%s%.4f", i ? ", " : "", cpu_ms[i]);
        printf("]}\n");
    }
    free(ms);
    free(cpu_ms);
    return status;
}

static viseme_status write_output(const viseme_session *session, const char *name, const char *path,
                                  viseme_error *err)
{
    viseme_tensor out;
    size_t count = 1;
    FILE *f;
    int ok;
    viseme_status status = viseme_session_output(session, name, &out, err);

    if (status != VISEME_OK)
        return status;
    for (int i = 0; i < out.rank; i++)
        count *= (size_t)out.shape[i];
    f = fopen(path, "wb");
    ok = f != NULL && fwrite(out.data, sizeof *out.data, count, f) == count;
    if (f != NULL)
        ok &= fclose(f) == 0;
    if (!ok)
        return VISEME_ERR_OUTPUT;
    printf("{\"count\": %zu}\n", count);
    return VISEME_OK;
}

static viseme_status serve(viseme_session *session, const struct inputs *in, const char *output,
                           viseme_error *err)
{
    viseme_status status = VISEME_OK;
    char line[4096];

    while (status == VISEME_OK && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "run ", 4) == 0 && atol(line + 4) > 0)
            status = run(session, in, atol(line + 4), err);
        else if (strncmp(line, "output ", 7) == 0)
            status = write_output(session, output, line + 7, err);
        else
            break;
        fflush(stdout);
    }
    return status;
}

int main(int argc, char **argv)
{
    viseme_error err = {VISEME_OK, ""};
    viseme_status status = VISEME_ERR_ARGUMENT;
    viseme_model *model = NULL;
    viseme_session *session = NULL;
    struct inputs in = {0};
    char line[8];

    if (argc < 5 || argc > 4 + MAX_INPUTS) {
        fprintf(stderr, "usage: bench_net MODEL THREADS OUTPUT NAME:SIZExSIZE...:FILE...\n");
        return 2;
    }
    const viseme_session_options options = {.threads = atoi(argv[2])};
    printf("{\"engine\": \"viseme\", \"version\": \"%s\"}\n", viseme_version());
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "load\n") != 0)
        goto done;
    for (int i = 4; i < argc; i++)
        if (!read_input(&in.tensor[in.count++], argv[i]))
            goto done;
    status = viseme_model_open(&model, argv[1], NULL, &err);
    if (status == VISEME_OK)
        status = viseme_session_open(&session, model, &options, &err);
    if (status != VISEME_OK)
        goto done;
    status = viseme_session_run(session, in.tensor, in.count, &err);
    if (status != VISEME_OK)
        goto done;
    printf("{\"info\": \"%s kernels\"}\n", viseme_cpu_name(viseme_model_cpu(model)));
    fflush(stdout);
    status = serve(session, &in, argv[3], &err);

done:
    if (status != VISEME_OK)
        fprintf(stderr, "bench_net: status %d: %s\n", (int)status, err.message);
    viseme_session_close(session);
    viseme_model_close(model);
    for (size_t i = 0; i < in.count; i++)
        free((float *)in.tensor[i].data); /* read_input() made it */
    return status == VISEME_OK ? 0 : 1;
}
