/* SHA-256 (FIPS 180-4) by libavutil. Internal to io; not built with FFMPEG=0. */
#ifndef VIS_IO_FFMPEG_SHA256_H
#define VIS_IO_FFMPEG_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct AVSHA;

/* NULL when out of memory. */
struct AVSHA *vis_ffsha256_open(void);
void vis_ffsha256_add(struct AVSHA *sha, const void *bytes, size_t size);
/* Writes the digest as 64 hexadecimal digits and a zero byte. */
void vis_ffsha256_finish(struct AVSHA *sha, char hex[65]);
void vis_ffsha256_close(struct AVSHA *sha);

#endif
