/* The table behind --profile: what each node of the last run cost. */
#ifndef VIS_CLI_PROFILE_H
#define VIS_CLI_PROFILE_H

#include <stdio.h>

#include "viseme.h"

/* Node, algorithm, milliseconds, GFLOP/s and share of the time of every node in order of
 * execution, then the totals and the memory. */
void vis_profile_print(FILE *to, const viseme_session *session, const viseme_model *model);

#endif
