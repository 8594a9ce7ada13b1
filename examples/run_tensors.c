/* Runs a network on raw numbers: float32 in on standard input, float32 out on standard output, in
 * the axis order of the original network.
 *
 *   cc run_tensors.c $(pkg-config --cflags --libs viseme) -o run_tensors
 *   ./run_tensors lipnet.safetensors 1 3 75 64 128 <x.f32 >logits.f32
 *
 * For networks of one input; the first output is written, its shape goes to standard error.
 * Exit codes: 0 done, 1 failed, 2 wrong usage. */
#include <stdio.h>
#include <stdlib.h>

#include <viseme.h>

/* Reads the input that argv describes. The caller frees its data. Returns 0 when it cannot. */
static int read_input(viseme_tensor *in, float **data, int count, char **sizes)
{
    size_t elements = 1;
    in->rank = count;
    for (int i = 0; i < count; i++) {
        in->shape[i] = atoi(sizes[i]);
        if (in->shape[i] < 1 || elements > ((size_t)1 << 31) / (size_t)in->shape[i]) {
            fprintf(stderr, "%s is no size, or the input is too large\n", sizes[i]);
            return 0;
        }
        elements *= (size_t)in->shape[i];
    }
    *data = malloc(elements * sizeof **data);
    if (!*data || fread(*data, sizeof **data, elements, stdin) != elements) {
        fprintf(stderr, "standard input has fewer than %zu numbers\n", elements);
        return 0;
    }
    in->data = *data;
    return 1;
}

/* Writes the numbers, and says how they lie. */
static int write_output(const viseme_tensor *out)
{
    size_t elements = 1;
    fprintf(stderr, "%s [", out->name);
    for (int i = 0; i < out->rank; i++) {
        fprintf(stderr, "%s%lld", i ? " " : "", (long long)out->shape[i]);
        elements *= (size_t)out->shape[i];
    }
    fprintf(stderr, "]\n");
    return fwrite(out->data, sizeof *out->data, elements, stdout) == elements &&
           fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    viseme_model *model = NULL;
    viseme_session *session = NULL;
    viseme_tensor in = {0}, out;
    viseme_error err;
    float *data = NULL;
    int done = 0;
    if (argc < 3 || argc > 10) {
        fprintf(stderr, "usage: %s WEIGHTS SIZE... <NUMBERS >NUMBERS\n", argv[0]);
        return 2;
    }
    if (!read_input(&in, &data, argc - 2, argv + 2)) {
        free(data);
        return 1;
    }
    viseme_status status = viseme_model_open(&model, argv[1], NULL, &err);
    if (status == VISEME_OK)
        status = viseme_session_open(&session, model, NULL, &err);
    if (status == VISEME_OK) {
        in.name = viseme_session_input_name(session, 0);
        status = viseme_session_run(session, &in, 1, &err);
    }
    if (status == VISEME_OK)
        status = viseme_session_output(session, viseme_session_output_name(session, 0), &out, &err);
    if (status == VISEME_OK)
        done = write_output(&out); /* its numbers live until the next run or close */
    else
        fprintf(stderr, "%s\n", err.message);
    viseme_session_close(session);
    viseme_model_close(model);
    free(data);
    return done ? 0 : 1;
}
