#include "engine/floats.h"

#include <stdio.h>

#include "engine/memory.h"
#include "engine/model.h"

static void unpack(void *data)
{
    vis_memory_free(*(float **)data);
}

static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct vis_weights_tensor *const *tensor = context;
    float **floats = data;
    *bytes = (tensor[0]->count + (tensor[1] ? tensor[1]->count : 0)) * sizeof **floats;
    *floats = vis_memory_alloc(*bytes);
    if (!*floats)
        return vis_fail_nomem(err, *bytes);
    vis_weights_to_f32(*floats, tensor[0]);
    if (tensor[1])
        vis_weights_to_f32(*floats + tensor[0]->count, tensor[1]);
    return VISEME_OK;
}

viseme_status vis_floats(const struct vis_graph *g, const char *kind,
                         const struct vis_weights_tensor *const tensor[2], const float **floats,
                         viseme_error *err)
{
    const struct vis_weights_tensor *context[2] = {tensor[0], tensor[1]};
    const void *packed;
    char key[300];
    snprintf(key, sizeof key, "%s %s", kind, tensor[0]->info.name);
    viseme_status status =
        vis_model_packed(g->model, key, sizeof(float *), pack, unpack, context, &packed, err);
    *floats = status == VISEME_OK ? *(float *const *)packed : NULL;
    return status;
}
