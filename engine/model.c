#include "engine/model.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/memory.h"

struct packed {
    char *key;
    void *data;
    size_t bytes;
    vis_unpack_fn *release;
    struct packed *next;
};

/* The only part of a model that grows: what sessions have asked to be packed. */
struct pack_cache {
    pthread_mutex_t lock;
    struct packed *first;
    size_t bytes;
};

struct viseme_model {
    viseme_weights *weights;
    const struct vis_net *net;
    struct vis_kernels kernels;
    viseme_gemm gemm;
    int threads;                 /* for packing; 0: one per CPU */
    struct vis_threads *packers; /* while the model is being opened; may be NULL */
    json_t *config, *vocab_json;
    const char **vocab;
    int vocab_count;
    struct pack_cache *cache;
    struct vis_graph probe;
};

#define BAD(...) vis_fail(err, VISEME_ERR_MODEL, __VA_ARGS__)

static viseme_status choose_cpu(enum vis_cpu *out, viseme_cpu asked, viseme_error *err)
{
    enum vis_cpu best = vis_cpu_best(), cpu = best;
    if (asked == VISEME_CPU_AUTO) {
        const char *name = getenv("VISEME_CPU");
        if (name && *name) {
            cpu = vis_cpu_from_name(name);
            if (!cpu)
                return vis_fail(err, VISEME_ERR_ARGUMENT,
                                "VISEME_CPU=%s: the CPU levels are c, "
                                "avx2 and avx512",
                                name);
        }
    } else {
        cpu = (enum vis_cpu)asked;
        if (cpu < VIS_CPU_C || cpu > VIS_CPU_AVX512)
            return vis_fail(err, VISEME_ERR_ARGUMENT, "CPU level %d does not exist", (int)asked);
    }
    if (cpu > best)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "CPU level %s was asked for, this machine or "
                        "build goes up to %s",
                        vis_cpu_name(cpu), vis_cpu_name(best));
    *out = cpu;
    return VISEME_OK;
}

static viseme_status read_json(json_t **out, const viseme_weights *w, const char *key,
                               viseme_error *err)
{
    const char *text = viseme_weights_metadata(w, key);
    *out = NULL;
    if (!text)
        return VISEME_OK;
    return vis_json_parse(out, text, strlen(text), vis_weights_name(w), key, err);
}

static viseme_status read_vocab(viseme_model *m, viseme_error *err)
{
    const char *file = vis_weights_name(m->weights);
    viseme_status status = read_json(&m->vocab_json, m->weights, "viseme.vocab", err);
    if (status != VISEME_OK || !m->vocab_json)
        return status;
    if (!json_is_array(m->vocab_json))
        return BAD("%s: viseme.vocab is not an array", file);
    size_t count = json_array_size(m->vocab_json);
    m->vocab = calloc(count + 1, sizeof *m->vocab);
    if (!m->vocab)
        return vis_fail_nomem(err, count * sizeof *m->vocab);
    for (size_t i = 0; i < count; i++) {
        m->vocab[i] = json_string_value(json_array_get(m->vocab_json, i));
        if (!m->vocab[i])
            return BAD("%s: entry %zu of viseme.vocab is not a string", file, i);
    }
    m->vocab_count = (int)count;
    return VISEME_OK;
}

static viseme_status read_metadata(viseme_model *m, vis_find_net_fn *find, viseme_error *err)
{
    const viseme_weights *w = m->weights;
    const char *file = vis_weights_name(w);
    const char *format = viseme_weights_metadata(w, "viseme.format");
    const char *arch = viseme_weights_metadata(w, "viseme.arch");
    if (!format || !arch)
        return BAD("%s: a safetensors file, but not one that viseme wrote; convert it with "
                   "weights-tools/convert.py",
                   file);
    if (strcmp(format, "1") != 0)
        return BAD("%s: weights of format %s, this version reads format 1", file, format);
    m->net = find(arch);
    if (!m->net)
        return BAD("%s: weights for the network \"%s\", which this version does not know", file,
                   arch);
    viseme_status status = read_json(&m->config, w, "viseme.config", err);
    if (status != VISEME_OK)
        return status;
    if (!m->config)
        m->config = json_object();
    if (!m->config)
        return vis_fail_nomem(err, sizeof *m->config);
    if (!json_is_object(m->config))
        return BAD("%s: viseme.config is not an object", file);
    return read_vocab(m, err);
}

viseme_status vis_model_open(viseme_model **out, const char *path, const viseme_model_options *opts,
                             vis_find_net_fn *find, viseme_error *err)
{
    static const viseme_model_options defaults = {VISEME_CPU_AUTO, VISEME_GEMM_NATIVE, 0};
    enum vis_cpu cpu = VIS_CPU_C;
    if (!opts)
        opts = &defaults;
    *out = NULL;
    viseme_status status = choose_cpu(&cpu, opts->cpu, err);
    if (status != VISEME_OK)
        return status;
    if (opts->gemm != VISEME_GEMM_NATIVE && opts->gemm != VISEME_GEMM_BLAS)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "gemm provider %d does not exist",
                        (int)opts->gemm);
    if (opts->threads < 0 || opts->threads > VIS_THREADS_MAX)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%d threads asked for; 1 to %d are possible, 0 means one per CPU",
                        opts->threads, VIS_THREADS_MAX);
    if (opts->gemm == VISEME_GEMM_BLAS && !vis_gemm_has_blas())
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "this build has no BLAS (it was made with "
                        "BLAS=0)");
    viseme_model *m = calloc(1, sizeof *m);
    struct pack_cache *cache = calloc(1, sizeof *cache);
    if (!m || !cache) {
        free(m);
        free(cache);
        return vis_fail_nomem(err, sizeof *m);
    }
    pthread_mutex_init(&cache->lock, NULL);
    m->cache = cache;
    m->gemm = opts->gemm;
    m->threads = opts->threads;
    vis_kernels_init(&m->kernels, cpu);
    status = vis_weights_open(&m->weights, path, err);
    if (status == VISEME_OK)
        status = read_metadata(m, find, err);
    if (status == VISEME_OK) {
        m->packers = vis_model_open_packers(m);
        status = vis_graph_build(&m->probe, m, NULL, 0, 1, err);
        vis_threads_close(m->packers);
        m->packers = NULL;
    }
    if (status != VISEME_OK) {
        viseme_model_close(m);
        return status;
    }
    *out = m;
    return VISEME_OK;
}

void viseme_model_close(viseme_model *m)
{
    if (!m)
        return;
    vis_graph_free(&m->probe);
    while (m->cache->first) {
        struct packed *p = m->cache->first;
        m->cache->first = p->next;
        p->release(p->data);
        free(p->data);
        free(p->key);
        free(p);
    }
    pthread_mutex_destroy(&m->cache->lock);
    free(m->cache);
    free(m->vocab);
    json_decref(m->vocab_json);
    json_decref(m->config);
    viseme_weights_close(m->weights);
    free(m);
}

struct vis_threads *vis_model_packers(const viseme_model *m)
{
    return m->packers;
}

/* Starting a thread takes as long as packing some 100 KB. */
struct vis_threads *vis_model_open_packers(const viseme_model *m)
{
    enum { LARGE = 16 << 20 };
    struct vis_threads *threads = NULL;
    size_t bytes;
    vis_weights_data(m->weights, &bytes);
    if (bytes < LARGE || vis_threads_open(&threads, m->threads, NULL) != VISEME_OK)
        return NULL;
    return threads;
}

viseme_status vis_model_packed(const viseme_model *m, const char *key, size_t data_bytes,
                               vis_pack_fn *build, vis_unpack_fn *release, void *context,
                               const void **data, viseme_error *err)
{
    struct pack_cache *cache = m->cache;
    viseme_status status = VISEME_OK;
    pthread_mutex_lock(&cache->lock);
    struct packed *p = cache->first;
    while (p && strcmp(p->key, key) != 0)
        p = p->next;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (p) {
            p->key = strdup(key);
            p->data = calloc(1, data_bytes);
            p->release = release;
        }
        if (!p || !p->key || !p->data)
            status = vis_fail_nomem(err, data_bytes);
        else
            status = build(p->data, context, &p->bytes, err);
        if (status == VISEME_OK) {
            p->next = cache->first;
            cache->first = p;
            cache->bytes += p->bytes;
        } else if (p) {
            free(p->key);
            free(p->data);
            free(p);
        }
    }
    *data = status == VISEME_OK ? p->data : NULL;
    pthread_mutex_unlock(&cache->lock);
    return status;
}

size_t viseme_model_packed_bytes(const viseme_model *m)
{
    pthread_mutex_lock(&m->cache->lock);
    size_t bytes = m->cache->bytes;
    pthread_mutex_unlock(&m->cache->lock);
    return bytes;
}

const struct vis_net *vis_model_net(const viseme_model *m)
{
    return m->net;
}

const viseme_weights *vis_model_weights(const viseme_model *m)
{
    return m->weights;
}

const struct vis_kernels *vis_model_kernels(const viseme_model *m)
{
    return &m->kernels;
}

viseme_gemm vis_model_gemm(const viseme_model *m)
{
    return m->gemm;
}

const json_t *vis_model_config(const viseme_model *m)
{
    return m->config;
}

const struct vis_graph *vis_model_probe(const viseme_model *m)
{
    return &m->probe;
}

const char *const *vis_model_vocab(const viseme_model *m, int *count)
{
    *count = m->vocab_count;
    return m->vocab;
}

viseme_cpu viseme_model_cpu(const viseme_model *m)
{
    return (viseme_cpu)m->kernels.cpu;
}

const char *viseme_cpu_name(viseme_cpu cpu)
{
    return cpu == VISEME_CPU_AUTO ? "auto" : vis_cpu_name((enum vis_cpu)cpu);
}

viseme_cpu viseme_cpu_best(void)
{
    return (viseme_cpu)vis_cpu_best();
}

const char *viseme_model_metadata(const viseme_model *m, const char *key)
{
    return viseme_weights_metadata(m->weights, key);
}
