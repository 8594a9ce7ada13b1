#include "io/ffmpeg_sha256.h"

#include <stdio.h>

#include <libavutil/mem.h>
#include <libavutil/sha.h>

struct AVSHA *vis_ffsha256_open(void)
{
    struct AVSHA *sha = av_sha_alloc();
    if (sha)
        av_sha_init(sha, 256);
    return sha;
}

void vis_ffsha256_add(struct AVSHA *sha, const void *bytes, size_t size)
{
    av_sha_update(sha, bytes, size);
}

void vis_ffsha256_finish(struct AVSHA *sha, char hex[65])
{
    uint8_t digest[32];
    av_sha_final(sha, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void vis_ffsha256_close(struct AVSHA *sha)
{
    av_free(sha);
}
