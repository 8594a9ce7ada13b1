/* Guarded buffers, behind ck_bytes() and ck_call(). */
#ifndef VIS_TESTS_CHECKKERN_BUFFERS_H
#define VIS_TESTS_CHECKKERN_BUFFERS_H

#include "tests/checkkern/ck.h"

/* Round 0 is the first of the two calls. */
void buffer_before_call(struct ck_buffer *b, int round);
/* NULL, or what the call did to the buffer that it must not. */
const char *buffer_after_call(struct ck_buffer *b, int round);
void buffer_free(struct ck_buffer *b);

#endif
