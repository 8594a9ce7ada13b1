/* What tests ask of a session beyond the public interface. */
#ifndef VIS_ENGINE_SESSION_H
#define VIS_ENGINE_SESSION_H

#include "base/error.h"

/* Plans without sharing memory between values, and fills it with NaN before every run: results
 * must not change, or the plan is wrong or something is read that was never written. */
void vis_session_keep_all(viseme_session *session);

#endif
