/* Files that hold nothing but a decoder or a language model, see make_search() of make_data.py. */
#ifndef TESTS_SUPPORT_TOKEN_MODEL_H
#define TESTS_SUPPORT_TOKEN_MODEL_H

#include "io/npy.h"
#include "nets/token_net.h"

/* Opens <build>/tests/data/<name> or, when that holds a slash, the file of that name, at a CPU
 * level. The test fails if it cannot. */
viseme_model *token_model_open(const char *name, viseme_cpu cpu);
/* Finds viseme's networks, "token_decoder", and "token_list" of one tensor "w" [1]. */
const struct vis_net *token_model_find(const char *name);

/* An array of tests/goldens/syncvsr_small; the test fails if it cannot be read. */
struct vis_npy token_golden(const char *name);

#endif
