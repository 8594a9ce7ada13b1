#include "engine/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *vis_memory_alloc(size_t bytes)
{
    if (bytes == 0 || bytes > (size_t)1 << 46)
        return NULL;
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t rounded = (bytes + align - 1) / align * align;
    void *p = aligned_alloc(align, rounded);
    if (!p)
        return NULL;
    if (align == HUGE_PAGE)
        madvise(p, rounded, MADV_HUGEPAGE); /* advice: a refusal changes nothing but speed */
    memset(p, 0, rounded);
    return p;
}

void vis_memory_free(void *p)
{
    free(p);
}
