/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef VIS_BASE_UTF8_H
#define VIS_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The number of bytes of the sequence that `s` begins with, 1 to 4, its code point in *point (which
 * may be NULL); 0 when there is none. Of s no more than `left` bytes are read. */
size_t vis_utf8_decode(const char *s, size_t left, uint32_t *point);

#endif
