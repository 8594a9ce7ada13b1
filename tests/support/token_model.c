#include "tests/support/token_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model.h"
#include "nets/nets.h"
#include "tests/support/data.h"

static void build_decoder(struct vis_graph *g)
{
    vis_token_net_check(g, VIS_TOKEN_DECODER);
}

static void build_list(struct vis_graph *g)
{
    vis_graph_weight(g, "w", (const int[1]){1}, 1);
}

const struct vis_net *token_model_find(const char *name)
{
    static const struct vis_net nets[] = {{"token_decoder", build_decoder},
                                          {"token_list", build_list}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if (strcmp(nets[i].name, name) == 0)
            return &nets[i];
    return vis_net_find(name);
}

viseme_model *token_model_open(const char *name, viseme_cpu cpu)
{
    const viseme_model_options options = {.cpu = cpu};
    const char *path = strchr(name, '/') ? name : test_data(name);
    viseme_model *model;
    viseme_error err;
    if (vis_model_open(&model, path, &options, token_model_find, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return model;
}

struct vis_npy token_golden(const char *name)
{
    struct vis_npy array;
    viseme_error err;
    char path[256];
    snprintf(path, sizeof path, "tests/goldens/syncvsr_small/%s", name);
    if (vis_npy_read(&array, test_repository(path), &err) != VISEME_OK)
        fail_msg("%s", err.message);
    return array;
}
