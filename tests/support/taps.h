/* Values inside a network against the taps of its golden, as tests/make_data.py wrote them. */
#ifndef TESTS_SUPPORT_TAPS_H
#define TESTS_SUPPORT_TAPS_H

#include "engine/graph.h"

/* Compares the mean of a value and its first elements in the order [N T C H W] with the tap
 * `module` of the network `net`, and fails the test naming the module. activated: the tap was taken
 * before an activation that the value has behind it, so only what that keeps is compared.
 * Differences are allowed up to `share` of the deviation and of the mean's size together.
 * Returns 0 when there is no tap of that name. */
int taps_check(const char *net, const char *module, const struct vis_value *v, const float *data,
               int activated, double share);

/* 1 when there is a tap of that name. */
int taps_have(const char *net, const char *module);

#endif
