/* Large, long-lived blocks: running memory and packed weights. */
#ifndef VIS_ENGINE_MEMORY_H
#define VIS_ENGINE_MEMORY_H

#include <stddef.h>

/* `bytes` of zeros aligned to 64 bytes, on huge pages where the system has them (first touch of
 * 4 KiB pages is seven times slower than of 2 MiB pages); NULL when there is no memory, or for 0
 * bytes. */
void *vis_memory_alloc(size_t bytes);
/* The same with anything in it: for who fills it all, and touches it first on the thread at hand.
 */
void *vis_memory_room(size_t bytes);
void vis_memory_free(void *p);

#endif
