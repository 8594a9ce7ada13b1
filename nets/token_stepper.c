#include "nets/token_stepper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/memory.h"

/* Keys [width / heads][frames] and values [frames][width / heads] of one head of one layer. */
struct head {
    struct vis_gemm_weights keys, values;
};

struct vis_token_stepper {
    const struct vis_token_net *net;
    struct vis_threads *threads;
    struct vis_token_tree tree; /* a slot: [layers][key width, value width] */
    int rows, frames;
    struct head *heads; /* [layers heads] */

    /* Rows of hypotheses, `..._step` floats apart. */
    float *x, *h;   /* [rows width]: what goes through the blocks; beside it */
    float *wide;    /* [rows max(3 width, hidden)] */
    float *scores;  /* [threads][rows frames] */
    float *scratch; /* of matrix multiplications */
    ptrdiff_t x_step, wide_step, score_step;
    ptrdiff_t *x_offset, *wide_offset, *score_offset; /* [rows] row times step */

    /* Of each hypothesis the slots of its positions that are seen, the oldest first. */
    const float **paths; /* [rows][longest], filled up to the end */
    int *seen;           /* [rows] how many */
    float *weights;      /* [threads][longest] of attention */
    int longest;
    float *sines; /* [width] of the position `sines_of` */
    int sines_of;

    /* The step at hand. */
    int count, layer, deepest;
    const struct vis_layer_norm *norm;
    const int *position;
    float *logp;
};

/* out = act(a weights + bias + residual), rows of a and out a_step and out_step apart. */
static void run_linear(const struct vis_token_stepper *s, const struct vis_gemm_weights *weights,
                       int rows, const float *a, ptrdiff_t a_step, float *out, ptrdiff_t out_step,
                       const float *residual, enum vis_act act)
{
    static const ptrdiff_t tap_offset[1] = {0};
    const struct vis_gemm_job job = {.weights = weights,
                                     .dim = {1, 1, 1, rows},
                                     .a = a,
                                     .a_step = {0, 0, 0, a_step},
                                     .c = out,
                                     .c_step = {0, 0, 0, out_step},
                                     .residual = residual,
                                     .residual_step = {0, 0, 0, out_step},
                                     .residual_n = residual ? weights->n : 0,
                                     .taps = 1,
                                     .kc = weights->k,
                                     .tap_offset = tap_offset,
                                     .a_floats = (size_t)rows * (size_t)weights->k,
                                     .act = act};
    vis_gemm_run(s->net->kernels, &job, s->threads, s->scratch);
}

/* ---- Opening ------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What the largest matrix multiplication wants. */
static size_t scratch_floats(const struct vis_token_stepper *s)
{
    const struct vis_token_net *net = s->net;
    const int threads = vis_threads_count(s->threads);
    const int shapes[][3] = {
        {s->rows, net->width, 3 * net->width}, {s->rows, net->width, net->hidden},
        {s->rows, net->hidden, net->width},    {s->rows, net->width, net->tokens},
        {s->rows, net->embed, net->width},     {s->frames, net->width, 2 * net->width}};
    size_t most = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i][0] > 0)
            most = larger(most, vis_gemm_scratch_floats(net->gemm, shapes[i][0], shapes[i][1],
                                                        shapes[i][2], threads));
    return most;
}

static viseme_status make_room(struct vis_token_stepper *s, viseme_error *err)
{
    const struct vis_token_net *net = s->net;
    const size_t rows = (size_t)s->rows, threads = (size_t)vis_threads_count(s->threads);
    const size_t width = (size_t)net->width, wide = larger(3 * width, (size_t)net->hidden);
    s->x_step = (ptrdiff_t)vis_gemm_row_step(width);
    s->wide_step = (ptrdiff_t)vis_gemm_row_step(wide);
    s->score_step = (ptrdiff_t)vis_gemm_row_step((size_t)s->frames);
    const size_t x = rows * (size_t)s->x_step, scores = threads * rows * (size_t)s->score_step;
    const size_t scratch = scratch_floats(s);
    s->x = vis_memory_alloc(x * sizeof(float));
    s->h = vis_memory_alloc(x * sizeof(float));
    s->wide = vis_memory_alloc(rows * (size_t)s->wide_step * sizeof(float));
    s->scores = vis_memory_alloc((scores + 1) * sizeof(float));
    s->scratch = vis_memory_alloc((scratch + 1) * sizeof(float));
    s->x_offset = malloc(3 * rows * sizeof *s->x_offset);
    s->seen = malloc(rows * sizeof *s->seen);
    s->sines = malloc(width * sizeof *s->sines);
    if (!s->x || !s->h || !s->wide || !s->scores || !s->scratch || !s->x_offset || !s->seen ||
        !s->sines)
        return vis_fail_nomem(err, (2 * x + rows * wide + scores + scratch) * sizeof(float));
    s->wide_offset = s->x_offset + rows;
    s->score_offset = s->wide_offset + rows;
    for (int i = 0; i < s->rows; i++) {
        s->x_offset[i] = i * s->x_step;
        s->wide_offset[i] = i * s->wide_step;
        s->score_offset[i] = i * s->score_step;
    }
    return VISEME_OK;
}

/* Keys and values of the source for one layer, from kv [frames][2 width]. */
static viseme_status pack_heads(struct vis_token_stepper *s, int layer, const float *kv,
                                ptrdiff_t step, const int32_t *columns, const int32_t *frames,
                                viseme_error *err)
{
    const struct vis_token_net *net = s->net;
    const int width = net->width / net->heads;
    viseme_status status = VISEME_OK;
    for (int i = 0; i < net->heads && status == VISEME_OK; i++) {
        struct head *head = &s->heads[layer * net->heads + i];
        const float *key = kv + (ptrdiff_t)i * width, *value = key + net->width;
        status = vis_gemm_pack(&head->keys, net->kernels, VISEME_GEMM_NATIVE, key, NULL, NULL,
                               (int)step, columns, width, s->frames, err);
        if (status == VISEME_OK)
            status = vis_gemm_pack(&head->values, net->kernels, VISEME_GEMM_NATIVE, value, NULL,
                                   NULL, 1, frames, s->frames, width, err);
    }
    return status;
}

static viseme_status read_source(struct vis_token_stepper *s, const float *source,
                                 viseme_error *err)
{
    const struct vis_token_net *net = s->net;
    const size_t heads = (size_t)net->layers * (size_t)net->heads;
    const size_t step = vis_gemm_row_step(2 * (size_t)net->width), frames = (size_t)s->frames;
    viseme_status status = VISEME_OK;
    float *kv = vis_memory_alloc(frames * step * sizeof *kv);
    int32_t *order = malloc(((size_t)net->width + frames) * sizeof *order);
    s->heads = calloc(heads, sizeof *s->heads);
    if (!kv || !order || !s->heads) {
        status = vis_fail_nomem(err, frames * step * sizeof *kv + heads * sizeof *s->heads);
        goto done;
    }
    for (int i = 0; i < net->width; i++)
        order[i] = i;
    for (int i = 0; i < s->frames; i++)
        order[net->width + i] = (int32_t)((size_t)i * step);
    for (int i = 0; i < net->layers && status == VISEME_OK; i++) {
        run_linear(s, &net->layer[i].source_kv, s->frames, source, net->width, kv, (ptrdiff_t)step,
                   NULL, VIS_ACT_NONE);
        status = pack_heads(s, i, kv, (ptrdiff_t)step, order, order + net->width, err);
    }
done:
    vis_memory_free(kv);
    free(order);
    return status;
}

viseme_status vis_token_stepper_open(struct vis_token_stepper **out,
                                     const struct vis_token_net *net, const float *source,
                                     int frames, int rows, struct vis_threads *threads,
                                     viseme_error *err)
{
    enum { MAX_ROWS = 1 << 16 };
    const int wants = net->kind == VIS_TOKEN_DECODER;
    *out = NULL;
    if (wants != (source != NULL) || wants != (frames > 0) || frames < 0 || rows < 1 ||
        rows > MAX_ROWS)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "a decoder takes 1 or more rows of an encoder, a language model none; "
                        "1 to %d hypotheses (given: %d rows, %d hypotheses)",
                        MAX_ROWS, frames, rows);
    if ((int64_t)frames * 2 * (net->width + 16) > INT32_MAX)
        return vis_fail(err, VISEME_ERR_LIMIT, "%d frames are too many for one search", frames);
    struct vis_token_stepper *s = calloc(1, sizeof *s);
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    s->net = net;
    s->threads = threads;
    s->rows = rows;
    s->frames = frames;
    s->sines_of = -1;
    vis_token_tree_init(&s->tree, 2 * (size_t)net->layers * (size_t)net->width);
    viseme_status status = make_room(s, err);
    if (status == VISEME_OK && source)
        status = read_source(s, source, err);
    if (status == VISEME_OK)
        *out = s;
    else
        vis_token_stepper_free(s);
    return status;
}

void vis_token_stepper_free(struct vis_token_stepper *s)
{
    if (!s)
        return;
    for (int i = 0; s->heads && i < s->net->layers * s->net->heads; i++) {
        vis_gemm_weights_free(&s->heads[i].keys);
        vis_gemm_weights_free(&s->heads[i].values);
    }
    free(s->heads);
    vis_token_tree_free(&s->tree);
    vis_memory_free(s->x);
    vis_memory_free(s->h);
    vis_memory_free(s->wide);
    vis_memory_free(s->scores);
    vis_memory_free(s->scratch);
    free(s->x_offset);
    free(s->seen);
    free(s->sines);
    free(s->paths);
    free(s->weights);
    free(s);
}

/* ---- Positions ----------------------------------------------------------------------------- */

static viseme_status make_paths(struct vis_token_stepper *s, int longest, viseme_error *err)
{
    if (longest <= s->longest)
        return VISEME_OK;
    const size_t room = 2 * (size_t)longest + 30, rows = (size_t)s->rows;
    const size_t threads = (size_t)vis_threads_count(s->threads);
    free(s->paths);
    free(s->weights);
    s->longest = 0;
    s->paths = malloc(rows * room * sizeof *s->paths);
    s->weights = malloc(threads * room * sizeof *s->weights);
    if (!s->paths || !s->weights)
        return vis_fail_nomem(err, (rows * sizeof *s->paths + threads * sizeof(float)) * room);
    s->longest = (int)room;
    return VISEME_OK;
}

/* Where the path of row i begins. */
static const float **path_of(const struct vis_token_stepper *s, int i)
{
    return s->paths + (size_t)(i + 1) * (size_t)s->longest - s->seen[i];
}

/* A language model does not see token 0. */
static void find_path(struct vis_token_stepper *s, int i)
{
    const float **to = s->paths + (size_t)(i + 1) * (size_t)s->longest;
    s->seen[i] = 0;
    for (int at = s->position[i]; at != VIS_TOKEN_NONE;) {
        const struct vis_token_position *p = &s->tree.positions[at];
        if (p->token != 0 || s->net->kind == VIS_TOKEN_DECODER) {
            *--to = p->slot;
            s->seen[i]++;
        }
        at = p->parent;
    }
}

/* Upstream has float32 frequencies and angles. */
static void find_sines(struct vis_token_stepper *s, int depth)
{
    const int width = s->net->width;
    const float rate = (float)(-log(10000.0) / width);
    for (int i = 0; i < width; i++) {
        const float angle = (float)depth * expf((float)(i / 2 * 2) * rate);
        s->sines[i] = i % 2 ? cosf(angle) : sinf(angle);
    }
    s->sines_of = depth;
}

/* Runs the tasks, on the calling thread alone where handing them out would take longer: `floats`
 * is about how many numbers a task goes through. */
static void run_tasks(struct vis_token_stepper *s, int tasks, size_t floats, vis_task_fn *fn)
{
    enum { FEW = 1 << 14 };
    if ((size_t)tasks * floats >= FEW) {
        vis_threads_run(s->threads, tasks, fn, s);
        return;
    }
    for (int i = 0; i < tasks; i++)
        fn(s, i, 0);
}

/* ---- What a step does to each row ---------------------------------------------------------- */

static void read_embedding(const struct vis_token_net *net, int token, float *to)
{
    const size_t embed = (size_t)net->embed;
    vis_weights_part_to_f32(to, net->table, (size_t)token * embed, embed);
}

static void embed(struct vis_token_stepper *s, const int *token)
{
    const struct vis_token_net *net = s->net;
    const int lm = net->kind == VIS_TOKEN_LM;
    const float scale = (float)sqrt((double)net->width);
    for (int i = 0; i < s->count; i++)
        read_embedding(net, token[i], lm ? s->wide + i * s->wide_step : s->x + i * s->x_step);
    if (lm)
        run_linear(s, &net->project, s->count, s->wide, s->wide_step, s->x, s->x_step, NULL,
                   VIS_ACT_NONE);
    for (int i = 0; i < s->count; i++) {
        float *x = s->x + i * s->x_step;
        if (lm) {
            vis_layer_norm_rows(&net->project_norm, x, s->x_step, x, s->x_step, 1);
            net->kernels->relu_f32(x, x, (size_t)net->width);
        }
        if (!net->sinusoidal)
            continue;
        const int depth = s->tree.positions[s->position[i]].depth;
        if (depth != s->sines_of)
            find_sines(s, depth);
        for (int j = 0; j < net->width; j++)
            x[j] = x[j] * scale + s->sines[j];
    }
}

static void norm_task(void *context, int row, int thread)
{
    const struct vis_token_stepper *s = context;
    (void)thread;
    vis_layer_norm_rows(s->norm, s->h + row * s->x_step, s->x_step, s->x + row * s->x_step,
                        s->x_step, 1);
}

static void run_norm(struct vis_token_stepper *s, const struct vis_layer_norm *norm)
{
    s->norm = norm;
    run_tasks(s, s->count, (size_t)s->net->width, norm_task);
}

/* Keeps the keys and values of a row, then attends to those of its path. */
static void self_task(void *context, int row, int thread)
{
    const struct vis_token_stepper *s = context;
    const struct vis_token_net *net = s->net;
    const int width = net->width / net->heads;
    const float *q = s->wide + row * s->wide_step;
    float *out = s->h + row * s->x_step;
    const size_t at = 2 * (size_t)s->layer * (size_t)net->width;
    memcpy(s->tree.positions[s->position[row]].slot + at, q + net->width,
           2 * (size_t)net->width * sizeof *q);
    if (s->seen[row] == 0) {
        memset(out, 0, (size_t)net->width * sizeof *out);
        return;
    }
    for (int i = 0; i < net->heads; i++) {
        const ptrdiff_t first = (ptrdiff_t)i * width, key = (ptrdiff_t)at + first;
        const struct vis_attend attend = {.dst = out + first,
                                          .q = q + first,
                                          .rows = path_of(s, row),
                                          .key = key,
                                          .value = key + net->width,
                                          .n = s->seen[row],
                                          .width = width,
                                          .weight = s->weights + thread * s->longest};
        net->kernels->attend_f32(&attend);
    }
}

/* One head of the attention to the source, all rows. */
static void source_task(void *context, int task, int thread)
{
    static const ptrdiff_t tap_offset[1] = {0};
    const struct vis_token_stepper *s = context;
    const struct vis_token_net *net = s->net;
    const struct head *head = &s->heads[s->layer * net->heads + task];
    const ptrdiff_t first = (ptrdiff_t)task * (net->width / net->heads);
    float *scores = s->scores + (ptrdiff_t)thread * s->rows * s->score_step;
    const struct vis_gemm_job score = {.weights = &head->keys,
                                       .a = s->wide + first,
                                       .c = scores,
                                       .taps = 1,
                                       .kc = head->keys.k,
                                       .tap_offset = tap_offset};
    const struct vis_gemm_job sum = {.weights = &head->values,
                                     .a = scores,
                                     .c = s->h + first,
                                     .taps = 1,
                                     .kc = head->values.k,
                                     .tap_offset = tap_offset};
    const struct vis_gemm_rows to_scores = {s->wide_offset, s->score_offset, s->score_offset};
    const struct vis_gemm_rows from_scores = {s->score_offset, s->x_offset, s->x_offset};
    vis_gemm_run_rows(net->kernels, &score, &to_scores, s->count);
    for (int i = 0; i < s->count; i++)
        net->kernels->softmax_f32(scores + i * s->score_step, scores + i * s->score_step,
                                  s->frames);
    vis_gemm_run_rows(net->kernels, &sum, &from_scores, s->count);
}

static void softmax_task(void *context, int row, int thread)
{
    const struct vis_token_stepper *s = context;
    float *logp = s->logp + (ptrdiff_t)row * s->net->tokens;
    (void)thread;
    s->net->kernels->log_softmax_f32(logp, logp, s->net->tokens);
}

/* ---- A step -------------------------------------------------------------------------------- */

static void run_layer(struct vis_token_stepper *s)
{
    const struct vis_token_net *net = s->net;
    const struct vis_token_layer *l = &net->layer[s->layer];
    const int n = s->count;
    run_norm(s, &l->norm_self);
    run_linear(s, &l->self_in, n, s->h, s->x_step, s->wide, s->wide_step, NULL, VIS_ACT_NONE);
    run_tasks(s, n, 2 * (size_t)net->width * (size_t)s->deepest, self_task);
    run_linear(s, &l->self_out, n, s->h, s->x_step, s->x, s->x_step, s->x, VIS_ACT_NONE);
    if (s->heads) {
        run_norm(s, &l->norm_source);
        run_linear(s, &l->source_q, n, s->h, s->x_step, s->wide, s->wide_step, NULL, VIS_ACT_NONE);
        run_tasks(s, net->heads,
                  2 * (size_t)n * (size_t)s->frames * (size_t)(net->width / net->heads),
                  source_task);
        run_linear(s, &l->source_out, n, s->h, s->x_step, s->x, s->x_step, s->x, VIS_ACT_NONE);
    }
    run_norm(s, &l->norm_hidden);
    run_linear(s, &l->hidden_in, n, s->h, s->x_step, s->wide, s->wide_step, NULL, VIS_ACT_RELU);
    run_linear(s, &l->hidden_out, n, s->wide, s->wide_step, s->x, s->x_step, s->x, VIS_ACT_NONE);
}

viseme_status vis_token_stepper_step(struct vis_token_stepper *s, int count, const int *parent,
                                     const int *token, int *position, float *logp,
                                     viseme_error *err)
{
    const struct vis_token_net *net = s->net;
    viseme_status status = VISEME_OK;
    int added = 0, longest = 0;
    for (; added < count && status == VISEME_OK; added++) {
        status = vis_token_tree_add(&s->tree, parent[added], token[added], &position[added], err);
        if (status == VISEME_OK && s->tree.positions[position[added]].depth >= longest)
            longest = s->tree.positions[position[added]].depth + 1;
    }
    if (status == VISEME_OK)
        status = make_paths(s, longest, err);
    if (status != VISEME_OK) {
        for (int i = 0; i < added; i++)
            vis_token_tree_release(&s->tree, position[i]);
        return status;
    }
    s->count = count;
    s->deepest = longest;
    s->position = position;
    s->logp = logp;
    for (int i = 0; i < count; i++)
        find_path(s, i);
    embed(s, token);
    for (s->layer = 0; s->layer < net->layers; s->layer++)
        run_layer(s);
    run_norm(s, &net->after_norm);
    run_linear(s, &net->output, count, s->h, s->x_step, logp, net->tokens, NULL, VIS_ACT_NONE);
    run_tasks(s, count, (size_t)net->tokens, softmax_task);
    return VISEME_OK;
}

void vis_token_stepper_release(struct vis_token_stepper *s, int position)
{
    vis_token_tree_release(&s->tree, position);
}

int vis_token_stepper_kept(const struct vis_token_stepper *s)
{
    return s->tree.chunk_count * s->tree.chunk_slots - s->tree.free_count;
}
