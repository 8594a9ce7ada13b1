/* The viseme side of bench/search.py: searches one clip again and again.
 *
 *   search WEIGHTS THREADS FRAMES BEAM STEPS RUNS ENCODER CTC
 *
 * WEIGHTS holds a decoder and nothing else (viseme.arch "token_decoder"); ENCODER and CTC are raw
 * float32 [FRAMES width] and [FRAMES tokens]. Prints one line of JSON: milliseconds of wall and CPU
 * time, and the tokens and scores of the best hypotheses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/model.h"
#include "nets/joint_beam.h"

enum { CTC_PERCENT = 10, SHOWN = 10 };

static double clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void build(struct vis_graph *g)
{
    vis_token_net_check(g, VIS_TOKEN_DECODER);
}

static const struct vis_net *find(const char *name)
{
    static const struct vis_net net = {"token_decoder", build};
    return strcmp(name, net.name) == 0 ? &net : NULL;
}

static float *read_floats(const char *path, size_t count)
{
    FILE *f = fopen(path, "rb");
    float *data = malloc(count * sizeof *data);
    if (!f || !data || fread(data, sizeof *data, count, f) != count) {
        fprintf(stderr, "search: cannot read %zu floats from %s\n", count, path);
        exit(1);
    }
    fclose(f);
    return data;
}

static void print_result(const struct vis_joint_result *r)
{
    printf("\"best\": [");
    for (int i = 0; i < r->count; i++) {
        printf("%s{\"score\": %.7g, \"tokens\": [", i ? ", " : "", (double)r->best[i].score);
        for (int j = 0; j < r->best[i].length; j++)
            printf("%s%d", j ? ", " : "", r->best[i].tokens[j]);
        printf("]}");
    }
    printf("], \"steps\": %d", r->steps);
}

int main(int argc, char **argv)
{
    viseme_error err = {VISEME_OK, ""};
    viseme_model *model = NULL;
    const struct vis_token_net *net = NULL;
    struct vis_threads *threads = NULL;
    if (argc != 9) {
        fprintf(stderr, "usage: search WEIGHTS THREADS FRAMES BEAM STEPS RUNS ENCODER CTC\n");
        return 2;
    }
    const int frames = atoi(argv[3]), runs = atoi(argv[6]);
    const struct vis_joint_options options = {.beam = atoi(argv[4]),
                                              .nbest = SHOWN,
                                              .ctc_weight = CTC_PERCENT / 100.0,
                                              .maxlen_ratio = -atoi(argv[5])};
    const double start = clock_ms(CLOCK_MONOTONIC);
    if (vis_model_open(&model, argv[1], NULL, find, &err) != VISEME_OK ||
        vis_token_net_open(&net, model, VIS_TOKEN_DECODER, &err) != VISEME_OK ||
        vis_threads_open(&threads, atoi(argv[2]), &err) != VISEME_OK)
        goto fail;
    printf("{\"load_ms\": %.1f, \"cpu\": \"%s\", \"ms\": [", clock_ms(CLOCK_MONOTONIC) - start,
           viseme_cpu_name(viseme_model_cpu(model)));
    float *encoder = read_floats(argv[7], (size_t)frames * (size_t)net->width);
    float *ctc = read_floats(argv[8], (size_t)frames * (size_t)net->tokens);
    struct vis_joint_result result = {0};
    double cpu_ms = 0;
    for (int i = 0; i < runs; i++) {
        vis_joint_beam_free(&result);
        const double begin = clock_ms(CLOCK_MONOTONIC), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        if (vis_joint_beam(&result, net, NULL, encoder, ctc, frames, &options, threads, &err) !=
            VISEME_OK)
            goto fail;
        cpu_ms += clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        printf("%s%.2f", i ? ", " : "", clock_ms(CLOCK_MONOTONIC) - begin);
    }
    printf("], \"cpu_ms\": %.2f, ", cpu_ms / runs);
    print_result(&result);
    printf("}\n");
    vis_joint_beam_free(&result);
    free(encoder);
    free(ctc);
    vis_threads_close(threads);
    viseme_model_close(model);
    return 0;
fail:
    fprintf(stderr, "search: %s\n", err.message);
    return 1;
}
