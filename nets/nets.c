#include "nets/nets.h"

#include <string.h>

#include "engine/model.h"

static const struct vis_net *const nets[] = {
    &vis_net_lipnet,  &vis_net_lipnet_keras, &vis_net_blazeface,     &vis_net_facemesh,
    &vis_net_wav2lip, &vis_net_wav2lip_disc, &vis_net_syncnet_color, &vis_net_s3fd,
    &vis_net_yunet,   &vis_net_syncnet,      &vis_net_synce2e,       &vis_net_synce2e_cls,
    &vis_net_syncvsr, &vis_net_syncvsr_lm,   &vis_net_syncvsr_lrw,   &vis_net_syncvsr_landmark,
};

const struct vis_net *vis_net_find(const char *name)
{
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if (strcmp(nets[i]->name, name) == 0)
            return nets[i];
    return NULL;
}

viseme_status viseme_model_open(viseme_model **out, const char *path,
                                const viseme_model_options *opts, viseme_error *err)
{
    if (!path) {
        *out = NULL;
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a model needs the path of a weights file");
    }
    return vis_model_open(out, path, opts, vis_net_find, err);
}
