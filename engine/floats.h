/* Tensors that operations use as they are: float32 once per model. */
#ifndef VIS_ENGINE_FLOATS_H
#define VIS_ENGINE_FLOATS_H

#include "engine/graph.h"

/* The elements of up to 2 tensors one behind another as float32, 64-byte aligned; tensor[1] NULL:
 * one. They live as long as the model and are shared by all its sessions. `kind` keeps them apart
 * from what others pack of the same tensors. Thread-safe. Errors: VISEME_ERR_NOMEM. */
viseme_status vis_floats(const struct vis_graph *g, const char *kind,
                         const struct vis_weights_tensor *const tensor[2], const float **floats,
                         viseme_error *err);

#endif
