#include "engine/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

/* What does not fill a huge page at the end gets small ones: a block of 2.1 MiB would take 4. */
void *vis_memory_room(size_t bytes)
{
    if (bytes == 0 || bytes > (size_t)1 << 46)
        return NULL;
    const size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (p && align == HUGE_PAGE) /* advice: a refusal changes nothing but speed */
        madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return p;
}

void *vis_memory_alloc(size_t bytes)
{
    void *p = vis_memory_room(bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

void vis_memory_free(void *p)
{
    free(p);
}
