/* How to fail. */
#ifndef VIS_BASE_ERROR_H
#define VIS_BASE_ERROR_H

#include "viseme.h"

#if defined(__GNUC__)
#define VIS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define VIS_PRINTF(f, a)
#endif

/* Fills *err (if not NULL) with `status` and the formatted sentence, cut at the end of the buffer
 * on a UTF-8 boundary, control characters replaced by '?'; returns `status`, so that a caller can
 * write `return vis_fail(err, VISEME_ERR_INPUT, "%s: ...", path);`. */
viseme_status vis_fail(viseme_error *err, viseme_status status, const char *format, ...)
    VIS_PRINTF(3, 4);

/* The usual sentence for a failed allocation of `bytes`. */
viseme_status vis_fail_nomem(viseme_error *err, size_t bytes);

#endif
