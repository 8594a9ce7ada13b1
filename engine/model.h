/* A model: weights, kernels for one CPU level, and packed weights that all sessions share. */
#ifndef VIS_ENGINE_MODEL_H
#define VIS_ENGINE_MODEL_H

#include <jansson.h>

#include "engine/gemm.h"
#include "engine/graph.h"

/* Finds a network by its viseme.arch, NULL when there is none. */
typedef const struct vis_net *vis_find_net_fn(const char *name);

/* viseme_model_open() with the networks to choose from: the engine knows none by itself. */
viseme_status vis_model_open(viseme_model **out, const char *path, const viseme_model_options *opts,
                             vis_find_net_fn *find, viseme_error *err);

const struct vis_net *vis_model_net(const viseme_model *model);
const viseme_weights *vis_model_weights(const viseme_model *model);
const struct vis_kernels *vis_model_kernels(const viseme_model *model);
viseme_gemm vis_model_gemm(const viseme_model *model);
/* viseme.config as an object; empty when the file has none. */
const json_t *vis_model_config(const viseme_model *model);
/* The graph that the weights were checked with: names of inputs and outputs. */
const struct vis_graph *vis_model_probe(const viseme_model *model);
/* viseme.vocab: *count strings that live as long as the model; 0 when the file has none. */
const char *const *vis_model_vocab(const viseme_model *model, int *count);

/* Threads that weights may be packed with, in vis_pack_fn alone: NULL, and the caller is alone,
 * unless the model is being opened and is large. */
struct vis_threads *vis_model_packers(const viseme_model *model);
/* Such threads for weights that are packed later. NULL where they are not worth it or cannot be
 * had; the caller closes them. */
struct vis_threads *vis_model_open_packers(const viseme_model *model);

/* Packed weights by key: the first caller builds them, all share them. Thread-safe.
 * build fills `data` (data_bytes of zeros) and says how large the whole is. */
typedef viseme_status vis_pack_fn(void *data, void *context, size_t *bytes, viseme_error *err);
typedef void vis_unpack_fn(void *data);
viseme_status vis_model_packed(const viseme_model *model, const char *key, size_t data_bytes,
                               vis_pack_fn *build, vis_unpack_fn *release, void *context,
                               const void **data, viseme_error *err);

#endif
