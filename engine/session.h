/* What tests ask of a session beyond the public interface. */
#ifndef VIS_ENGINE_SESSION_H
#define VIS_ENGINE_SESSION_H

#include "engine/graph.h"

/* Plans without sharing memory between values, and fills it with NaN before every run: results
 * must not change, or the plan is wrong or something is read that was never written. */
void vis_session_keep_all(viseme_session *session);

/* Node i of the last run with what it computed, which outlives the node only under
 * vis_session_keep_all(): *data is element [0 0 0 0 0]. NULL when i is out of range. */
const struct vis_node *vis_session_node(const viseme_session *session, int i,
                                        const struct vis_value **value, const float **data);

#endif
