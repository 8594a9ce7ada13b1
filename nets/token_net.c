#include "nets/token_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model.h"

enum { MAX_LAYERS = 64, MAX_SIZE = 1 << 16, NAME = 160, LAYER_NORMS = 3 };

/* ---- What the tensors are called ----------------------------------------------------------- */

enum size { ONE, TOKENS, WIDTH, EMBED, HIDDEN, SIZES };

/* A linear layer [out in], or with in = ONE a norm; both have a bias, the table of embeddings has
 * none. */
struct module {
    const char *name;
    enum size out, in;
};

#define ATTENTION(name)                                                                            \
    {name ".linear_q", WIDTH, WIDTH}, {name ".linear_k", WIDTH, WIDTH},                            \
        {name ".linear_v", WIDTH, WIDTH},                                                          \
    {                                                                                              \
        name ".linear_out", WIDTH, WIDTH                                                           \
    }
#define FEED_FORWARD                                                                               \
    {"feed_forward.w_1", HIDDEN, WIDTH},                                                           \
    {                                                                                              \
        "feed_forward.w_2", WIDTH, HIDDEN                                                          \
    }

static const struct module decoder_blocks[] = {
    ATTENTION("self_attn"), ATTENTION("src_attn"), FEED_FORWARD,    {"norm1", WIDTH, ONE},
    {"norm2", WIDTH, ONE},  {"norm3", WIDTH, ONE}, {NULL, ONE, ONE}};
static const struct module decoder_rest[] = {
    {"decoder.after_norm", WIDTH, ONE}, {"decoder.output_layer", TOKENS, WIDTH}, {NULL, ONE, ONE}};
static const struct module lm_blocks[] = {ATTENTION("self_attn"),
                                          FEED_FORWARD,
                                          {"norm_mha", WIDTH, ONE},
                                          {"norm_ff", WIDTH, ONE},
                                          {NULL, ONE, ONE}};
static const struct module lm_rest[] = {{"encoder.embed.0", WIDTH, EMBED},
                                        {"encoder.embed.1", WIDTH, ONE},
                                        {"encoder.after_norm", WIDTH, ONE},
                                        {"decoder", TOKENS, WIDTH},
                                        {NULL, ONE, ONE}};

struct names {
    const char *what;  /* for messages */
    const char *table; /* embeddings */
    const char *block; /* what the names of a block begin with */
    const char *norm_self, *norm_source, *norm_hidden, *after, *output;
    const char *heads; /* in the config */
    int default_heads;
    const struct module *blocks, *rest;
};

static const struct names all_names[] = {
    [VIS_TOKEN_DECODER] = {"decoder", "decoder.embed.0.weight", "decoder.decoders.%d.%s%s", "norm1",
                           "norm2", "norm3", "decoder.after_norm", "decoder.output_layer", "dheads",
                           12, decoder_blocks, decoder_rest},
    [VIS_TOKEN_LM] = {"language model", "embed.weight", "encoder.encoders.%d.%s%s", "norm_mha",
                      NULL, "norm_ff", "encoder.after_norm", "decoder", "head", 8, lm_blocks,
                      lm_rest},
};

struct sizes {
    int size[SIZES];
    int heads, layers, sinusoidal;
};

/* ---- Sizes --------------------------------------------------------------------------------- */

static const struct vis_weights_tensor *find_in_block(const viseme_weights *w,
                                                      const struct names *names, int layer,
                                                      const char *module, const char *part,
                                                      char name[NAME])
{
    snprintf(name, NAME, names->block, layer, module, part);
    return vis_weights_find(w, name);
}

/* The length of the tensor's axis, 0 when it has none such. */
static int axis(const struct vis_weights_tensor *t, int i)
{
    return t && i < t->info.rank && t->info.shape[i] <= MAX_SIZE ? (int)t->info.shape[i] : 0;
}

static viseme_status find_sizes(struct sizes *s, const viseme_model *model,
                                enum vis_token_kind kind, viseme_error *err)
{
    const struct names *names = &all_names[kind];
    const viseme_weights *w = vis_model_weights(model);
    const json_t *config = vis_model_config(model);
    const json_t *heads = json_object_get(config, names->heads);
    const char *positions = json_string_value(json_object_get(config, "pos_enc"));
    const struct vis_weights_tensor *table = vis_weights_find(w, names->table);
    char name[NAME];
    *s = (struct sizes){.size = {[ONE] = 1, [TOKENS] = axis(table, 0), [EMBED] = axis(table, 1)}};
    if (!table)
        return vis_fail(err, VISEME_ERR_MODEL, "%s: there is no %s in it (no tensor \"%s\")",
                        vis_weights_name(w), names->what, names->table);
    s->size[HIDDEN] = axis(find_in_block(w, names, 0, "feed_forward.w_1", ".weight", name), 0);
    s->size[WIDTH] = axis(find_in_block(w, names, 0, names->norm_self, ".weight", name), 0);
    while (s->layers < MAX_LAYERS &&
           find_in_block(w, names, s->layers, names->norm_self, ".weight", name))
        s->layers++;
    s->heads = names->default_heads;
    if (heads) {
        json_int_t n = json_is_integer(heads) ? json_integer_value(heads) : 0;
        s->heads = n >= 1 && n <= MAX_SIZE ? (int)n : 0;
    }
    if (s->heads == 0 || s->size[WIDTH] == 0 || s->size[WIDTH] % s->heads != 0 ||
        s->size[HIDDEN] == 0 || s->size[TOKENS] < 2 || s->size[EMBED] == 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: a %s of width %d with %d heads, %d units and %d tokens is impossible; "
                        "\"%s\" in viseme.config must divide the width",
                        vis_weights_name(w), names->what, s->size[WIDTH], s->heads, s->size[HIDDEN],
                        s->size[TOKENS], names->heads);
    s->sinusoidal =
        kind == VIS_TOKEN_DECODER || (positions && strcmp(positions, "sinusoidal") == 0);
    if (kind == VIS_TOKEN_LM && positions && !s->sinusoidal && strcmp(positions, "none") != 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.config \"pos_enc\" is neither \"none\" nor \"sinusoidal\"",
                        vis_weights_name(w));
    return VISEME_OK;
}

static void check_module(struct vis_graph *g, const struct sizes *s, const char *name,
                         const char *bias, const struct module *module)
{
    const int shape[2] = {s->size[module->out], s->size[module->in]};
    vis_graph_weight(g, name, shape, 2);
    vis_graph_weight(g, bias, shape, 1);
}

int vis_token_net_check(struct vis_graph *g, enum vis_token_kind kind)
{
    const struct names *names = &all_names[kind];
    struct sizes s;
    viseme_error err;
    char name[NAME], bias[NAME];
    if (g->status != VISEME_OK)
        return 0;
    if (find_sizes(&s, g->model, kind, &err) != VISEME_OK) {
        vis_graph_fail(g, err.status, "%s", err.message);
        return 0;
    }
    vis_graph_weight(g, names->table, (const int[2]){s.size[TOKENS], s.size[EMBED]}, 2);
    for (const struct module *m = names->rest; m->name; m++) {
        snprintf(name, sizeof name, "%s.weight", m->name);
        snprintf(bias, sizeof bias, "%s.bias", m->name);
        check_module(g, &s, name, bias, m);
    }
    for (int i = 0; i < s.layers; i++)
        for (const struct module *m = names->blocks; m->name; m++) {
            snprintf(name, sizeof name, names->block, i, m->name, ".weight");
            snprintf(bias, sizeof bias, names->block, i, m->name, ".bias");
            check_module(g, &s, name, bias, m);
        }
    return g->status == VISEME_OK ? s.size[TOKENS] : 0;
}

/* ---- Packing ------------------------------------------------------------------------------- */

/* What is needed while a net is packed; the first error sticks. */
struct packer {
    const viseme_model *model;
    struct vis_token_net *net;
    const struct names *names;
    struct vis_threads *threads; /* NULL: none */
    float *bias;                 /* room for the largest layer's */
    int32_t *order;              /* 0 1 2 ... */
    float *norms;                /* room for the next norm */
    size_t bytes;
    viseme_status status;
    viseme_error *err;
};

/* Checked once more here, because nothing says that the model's network called
 * vis_token_net_check(). */
static const struct vis_weights_tensor *tensor(struct packer *p, const char *name, size_t count)
{
    const viseme_weights *w = vis_model_weights(p->model);
    const struct vis_weights_tensor *t = vis_weights_find(w, name);
    if (p->status == VISEME_OK && (!t || t->count != count))
        p->status = vis_fail(p->err, VISEME_ERR_MODEL,
                             "%s: tensor \"%s\" of the %s is missing or has another shape",
                             vis_weights_name(w), name, p->names->what);
    return p->status == VISEME_OK ? t : NULL;
}

static const struct vis_weights_tensor *named_tensor(struct packer *p, const char *module,
                                                     const char *part, size_t count)
{
    char name[NAME];
    snprintf(name, sizeof name, "%.*s%s", NAME - 16, module, part);
    return tensor(p, name, count);
}

static void read_tensor(struct packer *p, float *to, const char *module, const char *part,
                        size_t count)
{
    const struct vis_weights_tensor *t = named_tensor(p, module, part, count);
    if (t)
        vis_weights_to_f32(to, t);
}

enum { STACK = 3 };

/* Linear layers [out in] of one input as one matrix, the first one scaled. */
struct stack {
    const struct vis_weights_tensor *weight[STACK];
    int out, in;
    float scale;
};

static void read_rows(const void *context, int first, int count, float *rows)
{
    const struct stack *s = context;
    const size_t in = (size_t)s->in;
    for (int at = 0; at < count;) {
        const int part = (first + at) / s->out, row = (first + at) % s->out;
        const int n = count - at < s->out - row ? count - at : s->out - row;
        float *to = rows + (size_t)at * in;
        vis_weights_part_to_f32(to, s->weight[part], (size_t)row * in, (size_t)n * in);
        for (size_t i = 0; i < (size_t)n * in && part == 0 && s->scale != 1; i++)
            to[i] *= s->scale;
        at += n;
    }
}

/* `count` linear layers [out in] as one, the first one scaled. */
static void pack_linear(struct packer *p, struct vis_gemm_weights *to, const char (*modules)[NAME],
                        int count, int out, int in, float scale)
{
    const size_t rows = (size_t)out;
    struct stack stack = {.out = out, .in = in, .scale = scale};
    for (int i = 0; i < count; i++) {
        stack.weight[i] = named_tensor(p, modules[i], ".weight", rows * (size_t)in);
        read_tensor(p, p->bias + (size_t)i * rows, modules[i], ".bias", rows);
    }
    if (p->status != VISEME_OK)
        return;
    for (size_t i = 0; i < rows && scale != 1; i++)
        p->bias[i] *= scale;
    const struct vis_gemm_source source = {.read = read_rows,
                                           .context = &stack,
                                           .bias = p->bias,
                                           .k_index = p->order,
                                           .k = in,
                                           .n = count * out};
    p->status = vis_gemm_pack_rows(to, p->net->kernels, p->net->gemm, &source, p->threads, p->err);
    p->bytes += to->bytes;
    for (int i = 0; i < count; i++)
        vis_weights_release(vis_model_weights(p->model), stack.weight[i]);
}

static void pack_one(struct packer *p, struct vis_gemm_weights *to, const char *module, int out,
                     int in)
{
    char name[1][NAME];
    snprintf(name[0], NAME, "%s", module);
    pack_linear(p, to, (const char(*)[NAME])name, 1, out, in, 1);
}

static void read_norm(struct packer *p, struct vis_layer_norm *to, const char *module, double eps)
{
    const int n = p->net->width;
    float *gain = p->norms, *bias = gain + n;
    p->norms = bias + n;
    read_tensor(p, gain, module, ".weight", (size_t)n);
    read_tensor(p, bias, module, ".bias", (size_t)n);
    *to = (struct vis_layer_norm){
        .kind = VIS_LAYER_NORM, .n = n, .gain = gain, .bias = bias, .eps = eps};
}

static void pack_layer(struct packer *p, int i)
{
    const struct vis_token_net *net = p->net;
    struct vis_token_layer *to = &net->layer[i];
    const int width = net->width;
    const float scale = (float)(1 / sqrt((double)(width / net->heads)));
    char name[3][NAME];
    const char(*const names)[NAME] = (const char(*)[NAME])name;
#define NAMED(n, module) snprintf(name[n], NAME, p->names->block, i, module, "")
    NAMED(0, "self_attn.linear_q");
    NAMED(1, "self_attn.linear_k");
    NAMED(2, "self_attn.linear_v");
    pack_linear(p, &to->self_in, names, 3, width, width, scale);
    NAMED(0, "self_attn.linear_out");
    pack_linear(p, &to->self_out, names, 1, width, width, 1);
    NAMED(0, "feed_forward.w_1");
    pack_linear(p, &to->hidden_in, names, 1, net->hidden, width, 1);
    NAMED(0, "feed_forward.w_2");
    pack_linear(p, &to->hidden_out, names, 1, width, net->hidden, 1);
    NAMED(0, p->names->norm_self);
    read_norm(p, &to->norm_self, name[0], 1e-12);
    NAMED(0, p->names->norm_hidden);
    read_norm(p, &to->norm_hidden, name[0], 1e-12);
    if (net->kind == VIS_TOKEN_LM)
        return;
    NAMED(0, p->names->norm_source);
    read_norm(p, &to->norm_source, name[0], 1e-12);
    NAMED(0, "src_attn.linear_q");
    pack_linear(p, &to->source_q, names, 1, width, width, scale);
    NAMED(0, "src_attn.linear_k");
    NAMED(1, "src_attn.linear_v");
    pack_linear(p, &to->source_kv, names, 2, width, width, 1);
    NAMED(0, "src_attn.linear_out");
    pack_linear(p, &to->source_out, names, 1, width, width, 1);
#undef NAMED
}

static void release_net(void *data)
{
    struct vis_token_net *net = data;
    for (int i = 0; net->layer && i < net->layers; i++) {
        struct vis_token_layer *l = &net->layer[i];
        struct vis_gemm_weights *const all[] = {&l->self_in,   &l->self_out,   &l->source_q,
                                                &l->source_kv, &l->source_out, &l->hidden_in,
                                                &l->hidden_out};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            vis_gemm_weights_free(all[j]);
    }
    vis_gemm_weights_free(&net->project);
    vis_gemm_weights_free(&net->output);
    free(net->layer);
    free(net->norms);
    *net = (struct vis_token_net){0};
}

static int largest(int a, int b)
{
    return a > b ? a : b;
}

/* Room for the layers to be packed. */
static viseme_status make_room(struct packer *p, viseme_error *err)
{
    struct vis_token_net *net = p->net;
    const size_t width = (size_t)net->width;
    const int in = largest(largest(net->width, net->hidden), net->embed);
    const size_t out = (size_t)largest(largest(STACK * net->width, net->hidden), net->tokens);
    const size_t norms = ((size_t)net->layers * LAYER_NORMS + 2) * 2 * width;
    net->layer = calloc((size_t)net->layers, sizeof *net->layer);
    net->norms = malloc(norms * sizeof *net->norms);
    p->norms = net->norms;
    p->bias = malloc(out * sizeof *p->bias);
    p->order = malloc((size_t)in * sizeof *p->order);
    p->bytes = norms * sizeof *net->norms;
    if (!net->layer || !net->norms || !p->bias || !p->order)
        return vis_fail_nomem(err, (out + norms) * sizeof(float));
    for (int i = 0; i < in; i++)
        p->order[i] = i;
    return VISEME_OK;
}

struct request {
    const viseme_model *model;
    enum vis_token_kind kind;
};

static viseme_status pack_net(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct request *request = context;
    const viseme_model *model = request->model;
    struct vis_token_net *net = data;
    struct packer p = {.model = model, .net = net, .names = &all_names[request->kind], .err = err};
    struct sizes s;
    p.status = find_sizes(&s, model, request->kind, err);
    if (p.status != VISEME_OK)
        return p.status;
    *net = (struct vis_token_net){.kind = request->kind,
                                  .kernels = vis_model_kernels(model),
                                  .gemm = vis_model_gemm(model),
                                  .tokens = s.size[TOKENS],
                                  .width = s.size[WIDTH],
                                  .heads = s.heads,
                                  .hidden = s.size[HIDDEN],
                                  .layers = s.layers,
                                  .embed = s.size[EMBED],
                                  .sinusoidal = s.sinusoidal};
    net->table = vis_weights_find(vis_model_weights(model), p.names->table);
    p.threads = vis_model_open_packers(model);
    p.status = make_room(&p, err);
    if (p.status != VISEME_OK)
        goto done;
    if (net->kind == VIS_TOKEN_LM) {
        pack_one(&p, &net->project, "encoder.embed.0", net->width, net->embed);
        read_norm(&p, &net->project_norm, "encoder.embed.1", 1e-5);
    } else if (net->embed != net->width) {
        p.status = vis_fail(err, VISEME_ERR_MODEL,
                            "%s: the embeddings of the decoder have %d columns, its layers %d",
                            vis_weights_name(vis_model_weights(model)), net->embed, net->width);
    }
    for (int i = 0; i < net->layers; i++)
        pack_layer(&p, i);
    read_norm(&p, &net->after_norm, p.names->after, 1e-12);
    pack_one(&p, &net->output, p.names->output, net->tokens, net->width);
    *bytes = p.bytes;
done:
    vis_threads_close(p.threads);
    free(p.bias);
    free(p.order);
    if (p.status != VISEME_OK)
        release_net(net);
    return p.status;
}

viseme_status vis_token_net_open(const struct vis_token_net **out, const viseme_model *model,
                                 enum vis_token_kind kind, viseme_error *err)
{
    struct request request = {model, kind};
    const void *data = NULL;
    char key[64];
    snprintf(key, sizeof key, "token net: %s", all_names[kind].what);
    viseme_status status = vis_model_packed(model, key, sizeof(struct vis_token_net), pack_net,
                                            release_net, &request, &data, err);
    *out = data;
    return status;
}
